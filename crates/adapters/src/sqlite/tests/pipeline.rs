//! Pipelined transactions on the writer's queue.

use std::sync::{Arc, Mutex, mpsc};

use earmark_application::{Decide, Decided, InFlight, Store, StoreError, Undecided, Views};
use earmark_domain::{Corrupt, Scope};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ShopFile, SqliteStore, a_small_shop, decided, instant, renamed, sku};

type Running<T> = JoinHandle<T>;

/// A decision that waits for the test, which says what it comes to.
fn blocked(outcome: Decide) -> (Decide, mpsc::Sender<()>) {
    let (go_on, waiting) = mpsc::channel();
    let waiting = Mutex::new(waiting);
    let decide: Decide = Arc::new(move |loaded| {
        let waiting = waiting.lock().expect("no thread panicked");
        waiting.recv().expect("the test goes on");
        outcome(loaded)
    });
    (decide, go_on)
}

/// Queues a transaction, and returns its handle.
async fn first(shop: &SqliteStore, decide: Decide) -> (Running<Result<Decided, StoreError>>, Box<dyn InFlight>) {
    let (in_flight, handle) = oneshot::channel();
    let shop = shop.clone();
    let running = tokio::spawn(async move { shop.transact_pipelined(&Scope::default(), decide, in_flight).await });
    (running, handle.await.expect("it is queued"))
}

/// Queues a transaction behind another, and returns its handle.
async fn behind(predecessor: Box<dyn InFlight>, decide: Decide) -> (Running<Option<Decided>>, Box<dyn InFlight>) {
    let (in_flight, handle) = oneshot::channel();
    let running = tokio::spawn(async move { predecessor.transact_next(&Scope::default(), decide, in_flight).await });
    (running, handle.await.expect("it is queued"))
}

async fn version(shop: &SqliteStore) -> Option<u64> {
    let product = shop.product(&sku(), instant()).await.expect("an answer");
    product.map(|product| product.summary.version)
}

#[tokio::test]
async fn a_successor_is_queued_while_its_predecessor_runs_and_decides_on_what_that_one_leaves() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, go_on) = blocked(decided(a_small_shop()));
    let (running, handle) = first(&shop, decide).await;
    let (second, handle) = behind(handle, decided(renamed(2))).await;
    let (third, _) = behind(handle, decided(renamed(3))).await;
    assert_eq!(version(&shop).await, None, "none of them is stored");
    go_on.send(()).expect("the decision waits");
    running.await.expect("no panic").expect("stored");
    assert!(second.await.expect("no panic").is_some());
    assert!(third.await.expect("no panic").is_some());
    assert_eq!(version(&shop).await, Some(4));
}

#[tokio::test]
async fn no_transaction_is_stored_behind_one_that_was_not() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, go_on) = blocked(Arc::new(|_| Err(Undecided::Corrupt(Corrupt("a test".to_owned())))));
    let (running, handle) = first(&shop, decide).await;
    let (second, handle) = behind(handle, decided(a_small_shop())).await;
    let (third, _) = behind(handle, decided(a_small_shop())).await;
    go_on.send(()).expect("the decision waits");
    assert!(running.await.expect("no panic").is_err());
    assert!(second.await.expect("no panic").is_none());
    assert!(third.await.expect("no panic").is_none());
    assert_eq!(version(&shop).await, None);
}

#[tokio::test]
async fn no_transaction_is_stored_behind_one_whose_decision_panicked() {
    let file = ShopFile::new();
    let shop = file.open().await;
    let (decide, go_on) = blocked(Arc::new(|_| unreachable!("a defect")));
    let (running, handle) = first(&shop, decide).await;
    let (second, _) = behind(handle, decided(a_small_shop())).await;
    go_on.send(()).expect("the decision waits");
    assert!(running.await.expect_err("the panic reaches the caller").is_panic());
    assert!(second.await.expect("no panic").is_none());
    assert_eq!(version(&shop).await, None);
}
