//! The product cache holds what the tables hold.

use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use earmark_application::{Decide, Decided, Store};
use earmark_domain::{ChangeSet, LineKey, Loaded, OrderId, Scope};

use super::super::SqliteStore;
use super::{ShopFile, a_small_shop, key, renamed, sku, store};

/// What a decision on a scope gets.
async fn given(shop: &SqliteStore, scope: Scope) -> Loaded {
    let given = Arc::new(Mutex::new(Loaded::default()));
    let kept = given.clone();
    let decide: Decide = Arc::new(move |loaded| {
        *kept.lock().expect("no thread panicked") = loaded;
        Ok(Decided {
            changes: ChangeSet::default(),
            answers: Vec::new(),
        })
    });
    shop.transact(&scope, decide).await.expect("nothing is stored");
    let given = given.lock().expect("no thread panicked");
    given.clone()
}

/// A line of the product that has not been placed.
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

fn the_line_that_was_placed() -> Scope {
    Scope {
        skus: [sku()].into(),
        lines: [key()].into(),
        ..Scope::default()
    }
}

#[tokio::test]
async fn the_cache_holds_what_a_read_would_find() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let read = given(&shop, a_new_line()).await;
    assert_eq!((read.products.len(), read.batches.len()), (1, 1));
    assert_eq!(given(&shop, a_new_line()).await, read);
    store(&shop, renamed(2)).await.expect("stored");
    let cached = given(&shop, a_new_line()).await;
    assert_eq!(cached.products[0].version, 3);
    drop(shop);
    assert_eq!(given(&file.open().await, a_new_line()).await, cached);
}

#[tokio::test]
async fn what_another_program_has_stored_is_read_before_the_next_decision() {
    let file = ShopFile::new();
    let (shop, others) = (file.open().await, file.open().await);
    store(&shop, a_small_shop()).await.expect("stored");
    assert_eq!(given(&shop, a_new_line()).await.products[0].version, 2);
    store(&others, renamed(2)).await.expect("stored");
    assert_eq!(given(&shop, a_new_line()).await.products[0].version, 3);
    // Even if the version is not raised, which only a forged write leaves out.
    file.other_program()
        .batch_execute("UPDATE batches SET quantity = 7")
        .expect("a count");
    assert_eq!(given(&shop, a_new_line()).await.batches[0].quantity.get(), 7);
}

#[tokio::test]
async fn a_line_or_an_order_that_exists_is_found_though_its_product_is_cached() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    for _ in 0..2 {
        assert!(given(&shop, a_new_line()).await.lines.is_empty());
        let found = given(&shop, the_line_that_was_placed()).await;
        assert_eq!((found.lines.len(), found.allocations.len()), (1, 1));
        let order = Scope {
            skus: [sku()].into(),
            orders: [key().order].into(),
            ..Scope::default()
        };
        let found = given(&shop, order).await;
        assert_eq!((found.orders.len(), found.lines.len()), (1, 1));
    }
}
