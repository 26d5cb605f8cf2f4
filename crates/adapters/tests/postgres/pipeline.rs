//! The pipeline: transactions are sent behind one another on a connection, and a successor is stored only if its
//! predecessor was.

use earmark_application::{Decided, InFlight, Store, StoreError, Views};
use earmark_domain::{Command, LineId, Locations, OrderLine, Quantity, Quote};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use earmark_adapters::postgres::PostgresStore;

use crate::database::{Database, a_lock_is_awaited, clock, with_database};
use crate::shop::{allocate, assert_sound, context, create_batch, decision, run, sku};

/// Ten LAMPs, one of them allocated, and the product cached.
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

/// A transaction in flight.
struct Waiting {
    running: JoinHandle<Result<Decided, StoreError>>,
    handle: Box<dyn InFlight>,
}

/// A transaction on a product that an outsider has locked, so that it can't be stored yet.
async fn one_that_waits(database: &Database, store: &PostgresStore, command: Command) -> (Waiting, Client) {
    let outsider = database.outsider().await;
    outsider
        .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'LAMP' FOR UPDATE")
        .await
        .expect("it is locked");
    let (in_flight, handle_received) = oneshot::channel();
    let store = store.clone();
    let running = tokio::spawn(async move {
        let scope = command.scope();
        store.transact_pipelined(&scope, decision(command), in_flight).await
    });
    let handle = handle_received.await.expect("the handle comes before it is stored");
    a_lock_is_awaited(&database.outsider().await).await;
    (Waiting { running, handle }, outsider)
}

/// Two transactions, the second behind the first; neither can be stored yet.
struct Pair {
    first: JoinHandle<Result<Decided, StoreError>>,
    second: JoinHandle<Option<Decided>>,
    outsider: Client,
}

async fn two_that_wait(database: &Database, store: &PostgresStore, first: Command, second: Command) -> Pair {
    let (Waiting { running, handle }, outsider) = one_that_waits(database, store, first).await;
    let (in_flight, handle_received) = oneshot::channel();
    let second = tokio::spawn(async move {
        let scope = second.scope();
        handle.transact_next(&scope, decision(second), in_flight).await
    });
    // Both are in flight on one connection.
    drop(handle_received.await.expect("a handle comes as well"));
    Pair {
        first: running,
        second,
        outsider,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_successor_is_sent_before_its_predecessor_is_stored() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let pair = two_that_wait(&database, &store, allocate("O1", "LAMP", 4), allocate("O2", "LAMP", 5)).await;
        assert_eq!(allocated(&store).await, 1, "neither is stored");
        pair.outsider.batch_execute("ROLLBACK").await.expect("it is free");
        assert!(pair.first.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        let second = pair.second.await.expect("no panic").expect("it is stored");
        assert!(second.answers[0].is_ok());
        assert_eq!(allocated(&store).await, 10);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_successor_of_a_transaction_that_fails_is_not_stored() {
    with_database(async |database| {
        let store = ten_lamps(&database).await;
        let pair = two_that_wait(&database, &store, allocate("O1", "LAMP", 4), allocate("O2", "LAMP", 5)).await;
        // The version that the first would have made, made by another transaction.
        pair.outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'; COMMIT")
            .await
            .expect("it is changed");
        assert!(pair.second.await.expect("no panic").is_none());
        // The first takes the general path, within the store.
        assert!(pair.first.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        assert_eq!(allocated(&store).await, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handle_keeps_no_connection_from_a_transaction_that_has_to_run_again() {
    with_database(async |database| {
        drop(ten_lamps(&database).await);
        let only_one = PostgresStore::open(&database.url(), 1, false, clock())
            .await
            .expect("it opens");
        run(&only_one, allocate("O1", "LAMP", 1)).await;
        let (first, outsider) = one_that_waits(&database, &only_one, allocate("O2", "LAMP", 4)).await;
        outsider
            .batch_execute("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'; COMMIT")
            .await
            .expect("it is changed");
        assert!(first.running.await.expect("no panic").expect("it is stored").answers[0].is_ok());
        assert_eq!(allocated(&only_one).await, 6);
        drop(first.handle);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quote_behind_a_transaction_that_fails_is_not_answered() {
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
        let handle = first.handle;
        let second = tokio::spawn(async move {
            let scope = quote.scope();
            handle.transact_next(&scope, decision(quote), in_flight).await
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
async fn of_two_transactions_on_a_lost_connection_each_is_stored_once() {
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
        assert_sound(&store).await;
    })
    .await;
}
