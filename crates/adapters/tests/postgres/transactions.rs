//! What is locked, in which order and for how long; and when events get their numbers.

use std::sync::{Arc, Barrier, Mutex, mpsc};

use earmark_application::{Decide, Decided, EventFeed, Store, StoreError, Views};
use earmark_domain::{ChangeSet, Count, Precondition, ProductChange, ProductRecord};
use tokio::task::block_in_place;

use crate::database::{a_lock_is_awaited, with_database};
use crate::shop::{
    allocate, always, assert_sound, attempt, context, create_batch, decision, look, of_products, run, sku,
};

/// Decides as `inner` does, but first reports that it was called, and waits to be continued.
pub(crate) fn held(inner: Decide) -> (Decide, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (call, called) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let decide: Decide = Arc::new(move |loaded| {
        call.send(()).expect("the test listens");
        // The runtime moves the other tasks of the blocked thread to another.
        block_in_place(|| may_go_on.lock().expect("called once at a time").recv()).expect("the test continues it");
        inner(loaded)
    });
    (decide, called, go_on)
}

pub(crate) async fn until_called(called: mpsc::Receiver<()>) {
    tokio::task::spawn_blocking(move || called.recv())
        .await
        .expect("no other test code panics with it")
        .expect("the decision is called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_with_a_cursor_misses_no_event_of_a_slow_transaction() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        run(&store, create_batch("B2", "DESK", 10)).await;
        let start = store.events(&Default::default(), 0, 100).await.expect("events").next;

        let slow = allocate("SLOW", "LAMP", 1);
        let scope = slow.scope();
        let (decide, called, go_on) = held(decision(slow));
        let transacting = tokio::spawn({
            let store = store.clone();
            async move { store.transact(&scope, decide).await }
        });
        until_called(called).await;
        run(&store, allocate("FAST", "DESK", 1)).await;
        let page = store.events(&Default::default(), start, 100).await.expect("events");
        assert_eq!(page.events.len(), 1, "the fast one's");
        go_on.send(()).expect("it waits");
        transacting.await.expect("no panic").expect("it is stored");
        let page = store.events(&Default::default(), page.next, 100).await.expect("events");
        assert_eq!(page.events.len(), 1, "the slow one's, after the cursor");
        assert_eq!(
            page.events[0].event.order().map(ToString::to_string),
            Some("SLOW".to_owned())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_transaction_numbers_events_between_the_numbering_and_the_commit_of_another() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let start = store.events(&Default::default(), 0, 100).await.expect("events").next;
        // A transaction that has numbered an event and is slow to commit holds the lock that the store takes.
        let outsider = database.outsider().await;
        outsider
            .batch_execute(
                "BEGIN; SELECT pg_advisory_xact_lock(x'4541524d45565453'::bigint); \
                 INSERT INTO events VALUES (nextval('events_sequence'), NULL, NULL, 'EARLY', 'OrderCancelled', now(), \
                 current_date, 'outsider', 'slow', '{}')",
            )
            .await
            .expect("it is numbered");
        let transacting = tokio::spawn({
            let store = store.clone();
            async move { run(&store, allocate("LATE", "LAMP", 1)).await }
        });
        a_lock_is_awaited(&database.outsider().await).await;
        let page = store.events(&Default::default(), start, 100).await.expect("events");
        assert_eq!((page.events.len(), page.next), (0, start), "there is nothing to miss");
        outsider.batch_execute("COMMIT").await.expect("it is stored");
        transacting.await.expect("it is stored too");
        let page = store.events(&Default::default(), start, 100).await.expect("events");
        let orders: Vec<_> = page
            .events
            .iter()
            .filter_map(|event| event.event.order().map(ToString::to_string))
            .collect();
        assert_eq!(orders, ["EARLY", "LATE"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_locked_in_the_order_of_their_skus() {
    with_database(async |database| {
        let store = database.store().await;
        // Created in another order, so that the order of the table is not that of the SKUs.
        for product in ["C", "A", "B"] {
            run(&store, create_batch(&format!("OF-{product}"), product, 10)).await;
        }
        let outsider = database.outsider().await;
        outsider
            .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'B' FOR UPDATE")
            .await
            .expect("it is locked");
        let transacting = tokio::spawn({
            let store = store.clone();
            async move {
                store
                    .transact(&of_products(["A", "B", "C"]), always(ChangeSet::default))
                    .await
            }
        });
        let other = database.outsider().await;
        a_lock_is_awaited(&other).await;
        other
            .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'C' FOR UPDATE NOWAIT; ROLLBACK")
            .await
            .expect("C comes after B, which is not locked yet");
        other
            .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'A' FOR UPDATE NOWAIT")
            .await
            .expect_err("A comes before B, and is locked");
        outsider.batch_execute("ROLLBACK").await.expect("B is free");
        transacting.await.expect("no panic").expect("there is no deadlock");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_transactions_that_create_a_product_at_once_one_has_a_conflict() {
    with_database(async |database| {
        let store = database.store().await;
        let both = Arc::new(Barrier::new(2));
        let create = |reference: &'static str| {
            let command = create_batch(reference, "LAMP", 10);
            let scope = command.scope();
            let decide = decision(command);
            let both = Arc::clone(&both);
            let store = store.clone();
            let decide: Decide = Arc::new(move |loaded| {
                block_in_place(|| both.wait());
                decide(loaded)
            });
            tokio::spawn(async move { store.transact(&scope, decide).await })
        };
        let (one, other) = (create("B1"), create("B2"));
        let outcomes = [one.await.expect("no panic"), other.await.expect("no panic")];
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(
            outcomes
                .iter()
                .any(|outcome| matches!(outcome, Err(StoreError::Conflict))),
            "{outcomes:?}"
        );
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_another_version_is_not_stored() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let stale = store
            .transact(
                &of_products(["LAMP"]),
                always(|| ChangeSet {
                    products: vec![ProductChange {
                        precondition: Precondition::SameVersion,
                        read_version: Some(7),
                        record: ProductRecord {
                            expiry_step: None,
                            sku: sku("LAMP"),
                            name: None,
                            version: 8,
                            batches_created: 1,
                            safety_stock: Count::ZERO,
                            depleted: false,
                            next_expiry: None,
                            at_risk: false,
                            pending: None,
                        },
                    }],
                    ..ChangeSet::default()
                }),
            )
            .await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_product_outside_the_scope_is_stored_whole_or_not_at_all() {
    with_database(async |database| {
        let store = database.store().await;
        for product in ["LAMP", "DESK"] {
            run(&store, create_batch(&format!("OF-{product}"), product, 10)).await;
            // Twice, so that the product is cached.
            for order in ["O1", "O2"] {
                run(&store, allocate(&format!("{order}-{product}"), product, 1)).await;
            }
        }
        let of_desk = look(&store, &of_products(["DESK"])).await;
        let honest = decision(allocate("O3", "DESK", 1));
        let about_desk: Decide = Arc::new(move |_| honest(of_desk.clone()));
        let stored = store.transact(&of_products(["LAMP"]), about_desk).await;
        let placed = store
            .product(&sku("DESK"), context().now)
            .await
            .expect("it answers")
            .expect("a product");
        let allocated = if stored.is_ok() { 3 } else { 2 };
        assert_eq!(placed.summary.allocated.get(), allocated, "{stored:?}");
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_that_goes_away_does_not_cut_off_the_transaction() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let command = allocate("O1", "LAMP", 4);
        let scope = command.scope();
        let (decide, called, go_on) = held(decision(command));
        let caller = tokio::spawn({
            let store = store.clone();
            async move { store.transact(&scope, decide).await }
        });
        until_called(called).await;
        caller.abort();
        assert!(caller.await.expect_err("it went away").is_cancelled());
        go_on.send(()).expect("the transaction is still there");
        // The next transaction on the product gets its lock when the first has ended.
        run(&store, allocate("O2", "LAMP", 4)).await;
        let batch = store
            .product(&sku("LAMP"), context().now)
            .await
            .expect("it answers")
            .expect("a product");
        assert_eq!(batch.summary.allocated.get(), 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_panics_leaves_no_lock_behind() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 10)).await;
        let panics: Decide = Arc::new(|_| -> Result<Decided, _> { panic!("a defect") });
        let scope = of_products(["LAMP"]);
        let caller = tokio::spawn({
            let store = store.clone();
            async move { store.transact(&scope, panics).await }
        });
        assert!(caller.await.expect_err("the panic reaches the caller").is_panic());
        run(&store, allocate("O1", "LAMP", 4)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_transactions_on_the_same_products_are_all_stored_and_the_tables_are_sound() {
    with_database(async |database| {
        let store = database.store().await;
        for product in ["A", "B", "C"] {
            run(&store, create_batch(&format!("OF-{product}"), product, 40)).await;
        }
        let transactions: Vec<_> = (0..48)
            .map(|order| {
                let store = store.clone();
                let product = ["C", "A", "B"][order % 3];
                let command = allocate(&format!("O{order}"), product, 3);
                tokio::spawn(async move { attempt(&store, command).await })
            })
            .collect();
        for transaction in transactions {
            transaction
                .await
                .expect("no panic")
                .expect("it is stored")
                .expect("the rules allow it");
        }
        for product in ["A", "B", "C"] {
            let read = store
                .product(&sku(product), context().now)
                .await
                .expect("it answers")
                .expect("a product");
            assert_eq!((read.summary.allocated.get(), read.summary.backordered.get()), (39, 9));
            assert_sound(&store).await;
        }
    })
    .await;
}
