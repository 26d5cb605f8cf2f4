//! A connection keeps its plans. One that was made while a table filled a single page must still be a look-up when the
//! table is large: the server's own counts of rows read tell.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{
    Fingerprint, IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, LineFilter, Queries, Store,
};
use earmark_domain::{
    Command, ConfirmOrder, ExpireHolds, HoldFor, LineKey, LineState, OrderId, OrderTerms, Precedence, Priority,
};
use tokio_postgres::Client;

use crate::database::with_database;
use crate::shop::{
    allocate, attempt, context, count, create_batch, key, place_on, place_order, reference, run, sku, waiting,
};

/// How many rows of each kind the past leaves.
const PAST: i64 = 20_000;

/// Far more rows than all the commands of one way through have to look at, and far fewer than the past has.
const FEW: i64 = PAST / 5;

/// Every way that a command's statements can take. `part` makes the names new.
async fn every_way(store: &PostgresStore, part: &str) {
    let named = |name: &str| format!("{name}-{part}");
    run(store, create_batch(&named("B1"), "LAMP", 40)).await;
    run(store, create_batch(&named("B2"), "LAMP", 40)).await;
    // Read first, then remembered.
    for order in ["O1", "O2", "O3"] {
        run(store, allocate(&named(order), "LAMP", 2)).await;
    }
    for order in ["P1", "P2"] {
        run(store, place_order(&named(order), "LAMP", 3, 2)).await;
    }
    // Again: found by their keys.
    run(store, allocate(&named("O1"), "LAMP", 2)).await;
    run(store, place_order(&named("P1"), "LAMP", 3, 2)).await;
    run(store, create_batch(&named("B1"), "LAMP", 40)).await;
    // Some leave their batch, and wait; some of those who wait are served; some leave for good.
    run(store, count(&named("B2"), 0)).await;
    run(store, count(&named("B1"), 9)).await;
    run(store, create_batch(&named("B3"), "LAMP", 40)).await;
    promises(store, part).await;
    run(store, Command::CancelLine(key(&named("O1"), "LAMP"))).await;
    let LineKey { order, .. } = key(&named("P1"), "L0000");
    run(store, Command::CancelOrder(order)).await;
    attempt(
        store,
        Command::CancelOrder(OrderId::new("nobody").expect("an order id")),
    )
    .await
    .expect("it answers")
    .expect_err("there is no such order");
}

/// Ways of orders that are held, that go before others, and that leave the building.
async fn promises(store: &PostgresStore, part: &str) {
    let named = |name: &str| format!("{name}-{part}");
    let order = |name: &str| OrderId::new(named(name)).expect("an order id");
    let held = |seconds: i64| OrderTerms {
        hold_for: Some(HoldFor::seconds(seconds).expect("a time")),
        ..waiting()
    };
    let urgent = OrderTerms {
        precedence: Precedence::of(Priority::new(5).expect("a priority"), None),
        ..waiting()
    };
    run(store, create_batch(&named("C1"), "LAMP", 60)).await;
    for name in ["H1", "H2", "H3"] {
        run(store, place_on(&named(name), "LAMP", 2, 3, held(1_000_000))).await;
    }
    run(store, place_on(&named("U1"), "LAMP", 2, 2, urgent)).await;
    run(store, place_order(&named("D1"), "LAMP", 2, 2)).await;
    run(
        store,
        Command::ConfirmOrder(ConfirmOrder {
            order: order("H1"),
            lines: None,
            reacquire: false,
        }),
    )
    .await;
    // What does not lie in the warehouse can't leave it, and what has not left can't come back: the answers don't matter.
    for command in [
        Command::Dispatch {
            order: order("D1"),
            lines: None,
        },
        Command::UndoDispatch {
            order: order("D1"),
            lines: None,
        },
        Command::ExpireHolds(ExpireHolds {
            skus: [sku("LAMP")].into(),
            orders: [order("H2")].into(),
        }),
    ] {
        attempt(store, command)
            .await
            .expect("it answers")
            .expect("the rules allow it");
    }
    let distant = "2090-01-01T00:00:00Z".parse().expect("an instant");
    let due = store
        .due_orders(&[sku("LAMP")].into(), distant, 1)
        .await
        .expect("a list");
    assert_eq!(due, [order("H2")]);
    store.products_with_due_holds(distant, 1).await.expect("a list");
    store.product(&sku("LAMP"), distant).await.expect("it answers");
    store
        .batch(&reference(&named("C1")), distant)
        .await
        .expect("it answers");
    store.order(&order("H3")).await.expect("it answers");
    run(store, count(&named("C1"), 9)).await;
    run(store, Command::CancelOrder(order("H2"))).await;
    run(store, Command::CancelOrder(order("H3"))).await;
    run(store, Command::CancelBatch(reference(&named("C1")))).await;
}

/// Every way that a remembered answer can take.
async fn every_way_of_an_answer(store: &PostgresStore, part: &str) {
    let now = context().now;
    let claim = |what: u8, who| {
        let key = IdempotencyKey::new(&format!("key-{part}")).expect("a key");
        LeaseRequest::made(now, key, Fingerprint([what; 32]), LeaseToken([who; 16]))
    };
    let claimed = async |what, who| store.claim(&claim(what, who)).await.expect("it answers");
    let key = claim(1, 1).key;
    assert_eq!(claimed(1, 1).await, LeaseOutcome::Won);
    store
        .release_key(&key, LeaseToken([1; 16]))
        .await
        .expect("it is given back");
    assert_eq!(claimed(1, 2).await, LeaseOutcome::Won);
    assert_eq!(claimed(1, 3).await, LeaseOutcome::Running);
    assert_eq!(claimed(2, 3).await, LeaseOutcome::Reused);
    let kept = store.keep(&key, LeaseToken([2; 16]), b"a lamp").await;
    assert!(kept.expect("it answers"));
    assert_eq!(claimed(1, 3).await, LeaseOutcome::Answered(b"a lamp".to_vec()));
    assert_eq!(store.forget(now, 100).await.expect("it answers"), 0);
    let forgotten = store.forget(claim(1, 1).forget_at, 100).await;
    assert_eq!(forgotten.expect("it answers"), 1);
}

/// Rows that were read of all tables so far, by whatever scan, as far as it has been told.
pub(crate) async fn rows_read(outsider: &Client) -> i64 {
    outsider
        .query_one(
            "SELECT (sum(seq_tup_read) + sum(idx_tup_fetch) \
             + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes))::bigint FROM pg_stat_user_tables",
            &[],
        )
        .await
        .expect("the server counts")
        .get(0)
}

/// Waits until the store's connections are gone: by then each has told what it has read.
pub(crate) async fn until_alone(outsider: &Client) {
    loop {
        let others: i64 = outsider
            .query_one(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'earmark'",
                &[],
            )
            .await
            .expect("the server tells")
            .get(0);
        if others == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_made_on_small_tables_remains_a_look_up_when_they_are_large() {
    with_database(async |database| {
        let store = database.store().await;
        every_way(&store, "small").await;
        every_way_of_an_answer(&store, "small").await;

        let outsider = database.outsider().await;
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) \
             SELECT 'PAST-' || n, 1, 1 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity) \
             SELECT 'PAST-' || n, 'PAST-' || n, 'main', 1, 2, 2 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO orders SELECT 'PAST-' || n, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines SELECT 'PAST-' || n, '1', 'PAST-' || n, 1, 'held', false, now(), true, 1, '{{main}}', '2089-01-01' \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO further_allocations SELECT 'PAST-' || n, '1', 'PAST-' || n, 1, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO orders SELECT 'GONE-' || n, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines SELECT 'GONE-' || n, '1', 'PAST-' || n, 1, 'dispatched', false, now(), true \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO dispatches SELECT 'GONE-' || n, '1', 'PAST-' || n, 1, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO events \
             SELECT nextval('events_sequence'), 'PAST-' || n, 1, 'PAST-' || n, 'Allocated', now(), 'past', 'past', '{{}}' \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO remembered_answers \
             SELECT 'PAST-' || n, decode(repeat('00', 32), 'hex'), decode(repeat('00', 16), 'hex'), now(), 'infinity', 'past' \
             FROM generate_series(1, {PAST}) AS n"
        );
        outsider.batch_execute(&past).await.expect("it is a sound past");
        outsider
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("it tells");
        let before = rows_read(&outsider).await;

        every_way(&store, "large").await;
        every_way_of_an_answer(&store, "large").await;
        outsider.batch_execute("ANALYZE").await.expect("it has a look at all tables");
        outsider
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("it tells");
        every_way(&store, "analyzed").await;
        every_way_of_an_answer(&store, "analyzed").await;
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        assert!((1..FEW).contains(&read), "{read} rows were read");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_its_rows_and_not_the_table() {
    with_database(async |database| {
        drop(database.store().await);
        let outsider = database.outsider().await;
        // Helpers come for nothing, so that the planner does here what it does with millions of rows.
        let free = "DO $$ BEGIN \
             EXECUTE format('ALTER DATABASE %I SET min_parallel_table_scan_size = 0', current_database()); \
             EXECUTE format('ALTER DATABASE %I SET parallel_setup_cost = 0', current_database()); \
             EXECUTE format('ALTER DATABASE %I SET parallel_tuple_cost = 0', current_database()); END $$";
        outsider.batch_execute(free).await.expect("it is set");
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) VALUES ('LAMP', 1, {PAST}); \
             INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity) \
             SELECT md5(n::text), 'LAMP', 'main', n, 2, 2 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO orders SELECT md5(n::text), now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines SELECT md5(n::text), '1', 'LAMP', 1, 'backordered', false, now(), true \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO events \
             SELECT nextval('events_sequence'), 'LAMP', n, md5(n::text), 'Backordered', now(), 'past', 'past', '{{}}' \
             FROM generate_series(1, {PAST}) AS n; \
             SELECT pg_stat_force_next_flush()"
        );
        outsider.batch_execute(&past).await.expect("it is a sound past");
        let before = rows_read(&outsider).await;
        let store = database.store().await;
        let page = 10;
        assert_eq!(store.orders(None, page).await.expect("a page").len(), page);
        assert_eq!(store.batches(None, page).await.expect("a page").len(), page);
        let lines = store.lines(LineFilter::All, None, page).await.expect("a page");
        let after = &lines.last().expect("a line").record.key;
        let more = store.lines(LineFilter::In(LineState::Backordered), Some(after), page);
        assert_eq!(more.await.expect("a page").len(), page);
        assert_eq!(store.line_event_checks(None, page).await.expect("a page").len(), page);
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        assert!((1..FEW / 10).contains(&read), "{read} rows were read");
    })
    .await;
}
