//! Transactions that are sent behind one another on a connection: that they are, and what becomes of the second when the
//! first is not stored.

use earmark_application::{Decided, InFlight, Queries, Store, StoreError};
use earmark_domain::{Command, LineId, Locations, OrderLine, Quantity, Quote};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use earmark_adapters::postgres::PostgresStore;

use crate::database::{Database, somebody_waits, with_database};
use crate::shop::{agrees, allocate, context, create_batch, decision, run, sku};

/// Ten LAMPs, one of them allocated, and the product remembered.
async fn ten_lamps(database: &Database) -> PostgresStore {
    let store = database.store().await;
    run(&store, create_batch("B1", "LAMP", 10)).await;
    run(&store, allocate("O0", "LAMP", 1)).await;
    store
}

async fn allocated(store: &PostgresStore) -> u64 {
    let product = store.product(&sku("LAMP"), context().now).await.expect("it answers");
    product.expect("a product").summary.allocated.get()
}

/// A transaction that is under way.
struct Waiting {
    running: JoinHandle<Result<Decided, StoreError>>,
    ahead: Box<dyn InFlight>,
}

/// A transaction on a product that an outsider has locked: it can't be stored yet.
async fn one_that_waits(database: &Database, store: &PostgresStore, command: Command) -> (Waiting, Client) {
    let outsider = database.outsider().await;
    outsider
        .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'LAMP' FOR UPDATE")
        .await
        .expect("it is locked");
    let (in_flight, announced) = oneshot::channel();
    let store = store.clone();
    let running = tokio::spawn(async move {
        let scope = command.scope();
        store.transact_pipelined(&scope, decision(command), in_flight).await
    });
    let ahead = announced.await.expect("it is announced before it is stored");
    somebody_waits(&database.outsider().await).await;
    (Waiting { running, ahead }, outsider)
}

/// Two transactions, the second behind the first; neither can be stored yet.
struct Pair {
    first: JoinHandle<Result<Decided, StoreError>>,
    second: JoinHandle<Option<Decided>>,
    outsider: Client,
}

async fn two_that_wait(database: &Database, store: &PostgresStore, first: Command, second: Command) -> Pair {
    let (Waiting { running, ahead }, outsider) = one_that_waits(database, store, first).await;
    let (in_flight, announced) = oneshot::channel();
    let second = tokio::spawn(async move {
        let scope = second.scope();
        ahead.follow(&scope, decision(second), in_flight).await
    });
    // Both are on their way to one connection.
    drop(announced.await.expect("it is announced as well"));
    Pair {
        first: running,
        second,
        outsider,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_is_sent_behind_another_before_that_is_stored() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let pair = two_that_wait(&database, &store, allocate("O1", "LAMP", 4), allocate("O2", "LAMP", 5)).await;
        assert_eq!(allocated(&store).await, 1, "neither is stored");
        pair.outsider.batch_execute("ROLLBACK").await.expect("it is free");
        assert!(pair.first.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        let second = pair.second.await.expect("no panic").expect("it is stored behind it");
        assert!(second.answers[0].is_ok());
        assert_eq!(allocated(&store).await, 10);
        agrees(&store, "LAMP").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_sent_behind_a_transaction_that_fails_is_not_stored() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let pair = two_that_wait(&database, &store, allocate("O1", "LAMP", 4), allocate("O2", "LAMP", 5)).await;
        // The version that the first would have made, by somebody else.
        pair.outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'; COMMIT")
            .await
            .expect("it is changed");
        assert!(pair.second.await.expect("no panic").is_none());
        // The first is decided anew on the books, all within the store.
        assert!(pair.first.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        assert_eq!(allocated(&store).await, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_might_follow_keeps_no_connection_from_the_one_that_has_to_be_run_anew() {
    with_database(async |database| {
        drop(ten_lamps(&database).await);
        let only_one = PostgresStore::open(&database.url(), 1, false).await.expect("it opens");
        run(&only_one, allocate("O1", "LAMP", 1)).await;
        let (first, outsider) = one_that_waits(&database, &only_one, allocate("O2", "LAMP", 4)).await;
        outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'; COMMIT")
            .await
            .expect("it is changed");
        assert!(first.running.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        assert_eq!(allocated(&only_one).await, 6);
        drop(first.ahead);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_told_what_a_transaction_would_leave_is_told_nothing_when_it_fails() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let (first, outsider) = one_that_waits(&database, &store, allocate("O1", "LAMP", 4)).await;
        let (in_flight, _) = oneshot::channel();
        let quote = Command::Quote(Quote {
            lines: vec![OrderLine {
                line: LineId::from(&sku("LAMP")),
                sku: sku("LAMP"),
                quantity: Quantity::new(5).expect("a quantity"),
                locations: Locations::ANY,
            }],
            split: false,
        });
        let ahead = first.ahead;
        let second = tokio::spawn(async move {
            let scope = quote.scope();
            ahead.follow(&scope, decision(quote), in_flight).await
        });
        outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'; COMMIT")
            .await
            .expect("it is changed");
        assert!(second.await.expect("no panic").is_none());
        assert!(first.running.await.expect("no panic").is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_whose_connection_is_lost_neither_is_lost_and_neither_is_stored_twice() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let (one, other) = (allocate("O1", "LAMP", 4), allocate("O2", "LAMP", 5));
        let pair = two_that_wait(&database, &store, one, other.clone()).await;
        database
            .outsider()
            .await
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'earmark' AND wait_event_type = 'Lock'",
            )
            .await
            .expect("it is ended");
        assert!(pair.second.await.expect("no panic").is_none());
        pair.outsider.batch_execute("ROLLBACK").await.expect("it is free");
        assert!(pair.first.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        run(&store, other).await;
        assert_eq!(allocated(&store).await, 10);
        agrees(&store, "LAMP").await;
    })
    .await;
}
