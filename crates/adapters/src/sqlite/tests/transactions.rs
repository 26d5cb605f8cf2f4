//! Connections, transactions and queries of the store as a whole.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use earmark_application::{
    Audit, Decide, EventFeed, EventFilter, Exports, Health, LineFilter, Store, StoreError, Views,
};
use earmark_domain::{BatchRecord, ChangeSet, Event, Scope, Units};

use super::super::statement::statement;
use super::{ShopFile, a_small_shop, batch, decided, instant, number, product, renamed, sku, store};

#[tokio::test]
async fn every_connection_has_the_settings_that_keep_data_safe_and_readers_cannot_write() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let mut writer = file.other_program();
    let mode: String = statement::<Text>("PRAGMA journal_mode")
        .get_result(&mut writer)
        .expect("a setting");
    assert_eq!(mode, "wal");
    assert_eq!(number(&mut writer, "PRAGMA synchronous"), 2, "FULL");
    assert_eq!(number(&mut writer, "PRAGMA foreign_keys"), 1);
    assert_eq!(number(&mut writer, "PRAGMA busy_timeout"), 5_000);
    let pages = number(&mut writer, "PRAGMA wal_autocheckpoint");
    assert_eq!(pages, 0, "no commit runs a checkpoint");

    let refused = shop
        .readers
        .by_key
        .query(move |reader| {
            assert_eq!(number(reader, "PRAGMA busy_timeout"), 5_000);
            assert_eq!(number(reader, "PRAGMA foreign_keys"), 1);
            Ok(reader.batch_execute("DELETE FROM products").is_err())
        })
        .await;
    assert!(refused.expect("an answer"));
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_what_was_stored() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let before = shop.audited_product(&sku()).await.expect("an answer");
    let orders = shop.audited_orders(None, 10).await.expect("an answer");
    drop(shop);

    let again = file.open().await;
    let after = again.audited_product(&sku()).await.expect("an answer");
    assert_eq!(after, before);
    assert_eq!(again.audited_orders(None, 10).await.expect("an answer"), orders);
    let after = after.expect("a product");
    assert_eq!(after.product, product("Lampe Été", 2));
    assert_eq!(
        after.batches,
        [BatchRecord {
            allocated: Units::new(4),
            ..batch()
        }]
    );
    assert_eq!(orders[0].allocations, a_small_shop().earmarked);
    let page = again.events(&EventFilter::default(), 0, 10).await.expect("an answer");
    let events: Vec<Event> = page.events.into_iter().map(|sequenced| sequenced.event).collect();
    assert_eq!(events, a_small_shop().events);
    let lines = again.lines(LineFilter::All, None, 10).await.expect("an answer");
    assert_eq!(lines.len(), 1);
    store(&again, renamed(2)).await.expect("stored");
    let page = again.events(&EventFilter::default(), 0, 10).await.expect("an answer");
    let sequences: Vec<u64> = page.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_decision_taken_on_an_old_version_is_a_conflict() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    store(&shop, renamed(2)).await.expect("stored");
    assert!(matches!(store(&shop, renamed(2)).await, Err(StoreError::Conflict)));
    assert!(matches!(store(&shop, a_small_shop()).await, Err(StoreError::Conflict)));
}

/// A decision that signals when it starts, and then waits for the test.
fn blocked(changes: ChangeSet) -> (Decide, tokio::sync::oneshot::Receiver<()>, mpsc::Sender<()>) {
    let (started, starts) = tokio::sync::oneshot::channel();
    let (go_on, waiting): (mpsc::Sender<()>, Receiver<()>) = mpsc::channel();
    let waits = Mutex::new(Some((started, waiting)));
    let taken = decided(changes);
    let decide: Decide = Arc::new(move |loaded| {
        let first = waits.lock().expect("no thread panicked").take();
        if let Some((started, waiting)) = first {
            started.send(()).expect("the test listens");
            waiting.recv().expect("the test goes on");
        }
        taken(loaded)
    });
    (decide, starts, go_on)
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_interrupts_nothing() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, starts, go_on) = blocked(a_small_shop());
    let scope = Scope::default();
    {
        let transaction = shop.transact(&scope, decide);
        tokio::select! {
            biased;
            _ = transaction => unreachable!("the decision is blocked"),
            started = starts => started.expect("the decision starts"),
        }
        // Here the caller's future is dropped, in the middle of the transaction.
    }
    go_on.send(()).expect("the decision waits");
    // The next transaction comes after it, and finds all of it.
    store(&shop, renamed(2)).await.expect("stored");
    let product = shop
        .product(&sku(), instant())
        .await
        .expect("an answer")
        .expect("a product");
    assert_eq!(product.summary.version, 3);
    assert_eq!(product.summary.allocated, Units::new(4));
}

#[tokio::test]
async fn queries_are_answered_while_a_transaction_is_open() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, starts, go_on) = blocked(a_small_shop());
    let other = shop.clone();
    let transaction = tokio::spawn(async move { other.transact(&Scope::default(), decide).await.map(drop) });
    starts.await.expect("the decision starts");
    assert_eq!(shop.product(&sku(), instant()).await.expect("an answer"), None);
    shop.ready().await.expect("ready");
    go_on.send(()).expect("the decision waits");
    transaction.await.expect("it ends").expect("stored");
    assert!(shop.product(&sku(), instant()).await.expect("an answer").is_some());
}

#[tokio::test]
async fn a_queued_transaction_is_stored_though_the_store_is_dropped() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, starts, go_on) = blocked(a_small_shop());
    let other = shop.clone();
    let transaction = tokio::spawn(async move { other.transact(&Scope::default(), decide).await.map(drop) });
    starts.await.expect("the decision starts");
    transaction.abort();
    assert!(transaction.await.expect_err("it was aborted").is_cancelled());
    go_on.send(()).expect("the decision waits");
    drop(shop);
    let again = file.open().await;
    assert!(again.product(&sku(), instant()).await.expect("an answer").is_some());
}

#[tokio::test]
async fn a_decision_that_panics_stores_nothing_and_the_next_one_runs() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let other = shop.clone();
    let panics: Decide = Arc::new(|_| unreachable!("a defect"));
    let ended = tokio::spawn(async move { other.transact(&Scope::default(), panics).await.map(drop) }).await;
    assert!(ended.expect_err("the panic reaches the caller").is_panic());
    store(&shop, a_small_shop()).await.expect("stored");
}

#[tokio::test]
async fn a_search_finds_names_in_any_case_and_has_no_wildcards() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    for (search, found) in [("lam", 1), ("ÉTÉ", 1), ("e é", 1), ("%", 0), ("_AMP", 0), ("", 1)] {
        let products = shop
            .products(Some(search), None, instant(), 10)
            .await
            .expect("an answer");
        assert_eq!(products.len(), found, "{search:?}");
    }
}
