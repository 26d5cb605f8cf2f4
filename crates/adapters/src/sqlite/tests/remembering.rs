//! What the writer remembers is what the books say.

use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use earmark_application::{Decide, Decided, Store};
use earmark_domain::{ChangeSet, LineKey, Loaded, OrderId, Scope};

use super::super::SqliteStore;
use super::{Shelf, a_small_book, key, renamed, sku, store};

/// What a decision on a scope is given.
async fn given(books: &SqliteStore, scope: Scope) -> Loaded {
    let given = Arc::new(Mutex::new(Loaded::default()));
    let kept = given.clone();
    let decide: Decide = Arc::new(move |loaded| {
        *kept.lock().expect("nobody panicked") = loaded;
        Ok(Decided {
            changes: ChangeSet::default(),
            answers: Vec::new(),
        })
    });
    books.transact(&scope, decide).await.expect("nothing is stored");
    let given = given.lock().expect("nobody panicked");
    given.clone()
}

/// A line of the product that nobody has placed.
fn a_new_line() -> Scope {
    let line = LineKey {
        order: OrderId::new("O-9").expect("a name"),
        ..key()
    };
    Scope {
        skus: [sku()].into(),
        lines: [line].into(),
        ..Scope::default()
    }
}

fn the_line_that_stands() -> Scope {
    Scope {
        skus: [sku()].into(),
        lines: [key()].into(),
        ..Scope::default()
    }
}

#[tokio::test]
async fn what_is_remembered_is_what_would_be_read() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    let read = given(&books, a_new_line()).await;
    assert_eq!((read.products.len(), read.batches.len()), (1, 1));
    assert_eq!(given(&books, a_new_line()).await, read);
    store(&books, renamed(2)).await.expect("stored");
    let cached = given(&books, a_new_line()).await;
    assert_eq!(cached.products[0].version, 3);
    drop(books);
    assert_eq!(given(&shelf.open().await, a_new_line()).await, cached);
}

#[tokio::test]
async fn what_somebody_else_has_stored_is_read_before_the_next_decision() {
    let shelf = Shelf::new();
    let (books, others) = (shelf.open().await, shelf.open().await);
    store(&books, a_small_book()).await.expect("stored");
    assert_eq!(given(&books, a_new_line()).await.products[0].version, 2);
    store(&others, renamed(2)).await.expect("stored");
    assert_eq!(given(&books, a_new_line()).await.products[0].version, 3);
    // Not even by raising the version, which only a forger leaves out.
    shelf
        .stranger()
        .batch_execute("UPDATE batches SET quantity = 7")
        .expect("a count");
    assert_eq!(given(&books, a_new_line()).await.batches[0].quantity.get(), 7);
}

#[tokio::test]
async fn a_line_or_an_order_that_stands_is_found_however_well_its_product_is_remembered() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    for _ in 0..2 {
        assert!(given(&books, a_new_line()).await.lines.is_empty());
        let found = given(&books, the_line_that_stands()).await;
        assert_eq!((found.lines.len(), found.allocations.len()), (1, 1));
        let order = Scope {
            skus: [sku()].into(),
            orders: [key().order].into(),
            ..Scope::default()
        };
        let found = given(&books, order).await;
        assert_eq!((found.orders.len(), found.lines.len()), (1, 1));
    }
}
