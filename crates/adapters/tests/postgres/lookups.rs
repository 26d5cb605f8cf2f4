//! Look-ups that are batched: each is answered as if it were alone.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{StoreError, Views};
use earmark_domain::OrderId;
use futures::future::join_all;
use futures::poll;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::database::{Database, a_lock_is_awaited, clock, with_database};
use crate::plans::{rows_read, until_alone};
use crate::shop::{allocate, context, create_batch, place_order, reference, run, sku};

/// Longer than any look-up takes.
const LONG: Duration = Duration::from_secs(30);

/// Locks a table, so that reads of it wait, until the outsider commits.
async fn lock(outsider: &Client, table: &str) {
    outsider
        .batch_execute(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        .await
        .expect("it is locked");
}

async fn unlock(outsider: &Client) {
    outsider.batch_execute("COMMIT").await.expect("it is unlocked");
}

/// Many look-ups at once: one is being fetched while all others come.
async fn while_one_waits<T>(
    database: &Database,
    table: &str,
    lookups: impl Iterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    let (holder, watcher) = (database.outsider().await, database.outsider().await);
    lock(&holder, table).await;
    let (answers, ()) = tokio::join!(join_all(lookups), async {
        a_lock_is_awaited(&watcher).await;
        unlock(&holder).await;
    });
    answers
}

/// The SKU of a product, its version, and its units on hand and free, if there is one.
async fn product(store: &PostgresStore, name: &str) -> Option<(String, u64, u64, u64)> {
    let found = store.product(&sku(name), context().now).await.expect("it answers")?;
    let summary = found.summary;
    Some((
        summary.sku.to_string(),
        summary.version,
        summary.on_hand.get(),
        summary.free.get(),
    ))
}

#[tokio::test]
async fn many_look_ups_at_once_are_each_answered_with_their_own_product() {
    with_database(async |database| {
        let store = database.store().await;
        for number in 1..=150 {
            run(
                &store,
                create_batch(&format!("B{number}"), &format!("LAMP-{number}"), number),
            )
            .await;
        }
        run(&store, create_batch("B1-2", "LAMP-1", 10)).await;
        run(&store, allocate("O1", "LAMP-1", 1)).await;
        let expected = |number: u64| {
            let name = format!("LAMP-{number}");
            match number {
                0 => None,
                1 => Some((name, 3, 11, 10)),
                _ => Some((name, 1, number, number)),
            }
        };
        // Each of them twice; of LAMP-0 there is none.
        let asked: Vec<u64> = (0..=150).chain((0..=150).rev()).collect();
        let names: Vec<String> = asked.iter().map(|number| format!("LAMP-{number}")).collect();
        let answers = while_one_waits(&database, "products", names.iter().map(|name| product(&store, name))).await;
        for (number, answer) in asked.into_iter().zip(answers) {
            assert_eq!(answer, expected(number), "LAMP-{number}");
        }
    })
    .await;
}

#[tokio::test]
async fn orders_and_batches_that_are_fetched_together_keep_their_own_lines_and_products() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 100)).await;
        run(&store, create_batch("B2", "RUG", 100)).await;
        run(&store, place_order("O1", "LAMP", 3, 2)).await;
        run(&store, place_order("O2", "RUG", 5, 1)).await;
        run(&store, allocate("O3", "RUG", 4)).await;
        let order = async |name: &'static str| {
            let id = OrderId::new(name).expect("an order id");
            store.order(&id).await.expect("it answers")
        };
        let asked = ["O1", "O2", "O3", "UNKNOWN", "O2", "O1"];
        let found = while_one_waits(&database, "lines", asked.into_iter().map(order)).await;
        let answers: Vec<Option<(&str, bool, usize, usize)>> = found
            .iter()
            .map(|found| {
                let found = found.as_ref()?;
                let batches = found.lines.iter().map(|line| line.allocations.len()).sum();
                Some((found.id.as_str(), found.header.is_some(), found.lines.len(), batches))
            })
            .collect();
        let (one, two) = (Some(("O1", true, 3, 3)), Some(("O2", true, 5, 5)));
        assert_eq!(answers, [one, two, Some(("O3", false, 1, 1)), None, two, one]);

        let batch = async |name: &'static str| store.batch(&reference(name), context().now).await.expect("it answers");
        let found = while_one_waits(&database, "batches", ["B2", "B1", "B0"].into_iter().map(batch)).await;
        let answers: Vec<Option<(&str, u64)>> = found
            .iter()
            .map(|found| {
                let record = &found.as_ref()?.record;
                Some((record.sku.as_str(), record.allocated.get()))
            })
            .collect();
        assert_eq!(answers, [Some(("RUG", 9)), Some(("LAMP", 6)), None]);
    })
    .await;
}

#[tokio::test]
async fn a_store_with_a_single_connection_uses_it_for_look_ups() {
    with_database(async |database| {
        let store = PostgresStore::open(&database.url(), 1, true, clock())
            .await
            .expect("the database opens");
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, place_order("O1", "LAMP", 2, 3)).await;
        let (lamp, rug) = tokio::join!(product(&store, "LAMP"), product(&store, "RUG"));
        assert_eq!((lamp, rug), (Some(("LAMP".to_owned(), 3, 10, 4)), None));
        let order = store.order(&OrderId::new("O1").expect("an order id")).await;
        assert_eq!(order.expect("it answers").expect("an order").lines.len(), 2);
        let batch = store.batch(&reference("B1"), context().now).await;
        assert_eq!(batch.expect("it answers").expect("a batch").version, 3);
    })
    .await;
}

#[tokio::test]
async fn a_product_with_a_thousand_look_ups_is_read_once_or_twice() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        drop(store);
        let outsider = database.outsider().await;
        until_alone(&outsider).await;
        let before = rows_read(&outsider).await;
        let store = database.store().await;
        let lookups = (0..1_000).map(|_| product(&store, "LAMP"));
        let answers = while_one_waits(&database, "products", lookups).await;
        assert!(
            answers
                .iter()
                .all(|found| found.as_ref().is_some_and(|(_, _, on_hand, _)| *on_hand == 10))
        );
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        // Some rows are read when a store is opened, and a few by each statement. One fetch for each caller would read
        // thousands.
        assert!((2..100).contains(&read), "{read} rows were read");
    })
    .await;
}

#[tokio::test]
async fn a_corrupt_record_is_reported_to_its_own_look_ups_alone() {
    with_database(async |database| {
        let store = database.store().await;
        for name in ["LAMP", "RUG", "VASE"] {
            run(&store, create_batch(&format!("OF-{name}"), name, 10)).await;
        }
        let outsider = database.outsider().await;
        outsider
            .batch_execute("UPDATE batches SET location = '' WHERE reference = 'OF-RUG'")
            .await
            .expect("an outsider may");
        let names = ["LAMP", "RUG", "VASE", "RUG"].map(sku);
        let lookups = names.iter().map(|name| store.product(name, context().now));
        let answers = while_one_waits(&database, "products", lookups).await;
        assert!(
            matches!(
                answers[..],
                [
                    Ok(Some(_)),
                    Err(StoreError::Corrupt(_)),
                    Ok(Some(_)),
                    Err(StoreError::Corrupt(_))
                ]
            ),
            "{answers:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a test that hangs has to fail")]
async fn a_caller_that_leaves_during_a_look_up_leaves_no_other_waiting() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let (holder, watcher) = (database.outsider().await, database.outsider().await);
        lock(&holder, "products").await;
        // The first caller runs the fetch for all, on a runtime that ends with it.
        let (leave, left) = oneshot::channel();
        let first = std::thread::spawn({
            let store = store.clone();
            move || {
                let runtime = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(async {
                    tokio::select! {
                        biased;
                        left = left => left.expect("it is made to leave"),
                        found = product(&store, "LAMP") => panic!("{found:?} was read from a locked table"),
                    }
                });
            }
        });
        a_lock_is_awaited(&watcher).await;
        let mut second = pin!(product(&store, "LAMP"));
        assert!(poll!(second.as_mut()).is_pending(), "it waits in the same queue");
        leave.send(()).expect("the first is there");
        tokio::task::spawn_blocking(move || first.join())
            .await
            .expect("no panic")
            .expect("no panic");
        unlock(&holder).await;
        let found = timeout(LONG, second).await.expect("it is fetched");
        assert!(found.is_some());
        assert!(product(&store, "LAMP").await.is_some(), "and later callers");
    })
    .await;
}
