//! What is found for promises is found by indexes, however many other lines and batches there are.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::Worklist;
use earmark_domain::{
    CHANGE_PAGE, Command, Count, IMPROVEMENT_PAGE, Precedence, ReleaseLines, ReleasePosition, ReleaseRank,
    ReleaseScope, Scope, ServicePosition,
};
use jiff::civil::{Date, date};
use tokio_postgres::Client;

use crate::database::{Database, with_database};
use crate::plans::{rows_read, until_alone};
use crate::promises::{continued, pass_day, required_by, safety_stock};
use crate::shop::{create_batch, create_inbound, key, look, place_on, place_order, reference, run, sku};

/// How many rows of each table are inserted.
const PAST: i64 = 20_000;

const ETA: Date = date(2030, 4, 20);
const NEXT_DAY: Date = date(2030, 4, 21);

/// Runs every statement that is about promises. `part` makes the names new.
async fn run_every_statement(store: &PostgresStore, part: &str) {
    let named = |name: &str| format!("{name}-{part}");
    run(store, create_inbound(&named("B1"), "LAMP", 20, ETA)).await;
    for (order, required) in [("LATE", date(2030, 4, 1)), ("DUE", NEXT_DAY)] {
        run(store, place_on(&named(order), "LAMP", 3, 2, required_by(required))).await;
    }
    // Lines that wait, and are served by a batch that is on its way.
    run(store, place_order(&named("WAIT"), "LAMP", 10, 2)).await;
    run(store, create_inbound(&named("B2"), "LAMP", 30, ETA)).await;
    run(store, Command::Reallocate(sku("LAMP"))).await;
    run(store, create_batch(&named("B3"), "LAMP", 1)).await;
    while look(store, &continued()).await.products[0].pending.is_some() {
        run(store, Command::Continue(sku("LAMP"))).await;
    }
    run(store, safety_stock(60)).await;
    run(store, place_order(&named("MANY"), "LAMP", 201, 90)).await;
    run(store, safety_stock(0)).await;
    while look(store, &continued()).await.products[0].pending.is_some() {
        run(store, Command::Continue(sku("LAMP"))).await;
    }
    run(store, Command::CancelOrder(key(&named("MANY"), "L0000").order)).await;
    let changed = async || store.products_changed_by_day(NEXT_DAY, 10).await.expect("it answers");
    assert_eq!(changed().await, [sku("LAMP")]);
    run(store, pass_day(NEXT_DAY)).await;
    run(store, pass_day(NEXT_DAY)).await;
    assert_eq!(changed().await, []);
    store.products_with_pending_work(10).await.expect("it answers");
}

async fn flush(outsider: &Client) {
    let flushed = outsider.batch_execute("SELECT pg_stat_force_next_flush()").await;
    flushed.expect("it flushes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_for_promises_is_found_without_reading_those_of_others() {
    with_database(async |database| {
        let store = database.store().await;
        run_every_statement(&store, "small").await;
        let outsider = database.outsider().await;
        // Their lines are due, and rest on batches that are not overdue.
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) \
             SELECT 'PAST-' || n, 1, 1 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, eta) \
             SELECT 'PAST-' || n, 'PAST-' || n, 'main', 1, 2, 2, '2089-01-01' FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, \
             units, promised_on, due_by, placed_version) \
             SELECT 'PAST-' || n, '1', 'PAST-' || n, 1, 'allocated', false, now(), true, 'PAST-' || n, 1, \
             '2030-01-01', '2030-01-01', 1 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             placed_version) \
             SELECT 'PAST-' || n, '2', 'PAST-' || n, 1, 'backordered', false, now(), true, 1 \
             FROM generate_series(1, {PAST}) AS n"
        );
        outsider.batch_execute(&past).await.expect("the rows are valid");
        flush(&outsider).await;
        let before = rows_read(&outsider).await;
        run_every_statement(&store, "large").await;
        outsider.batch_execute("ANALYZE").await.expect("it analyzes");
        flush(&outsider).await;
        let analyzed = rows_read(&outsider).await;
        run_every_statement(&store, "analyzed").await;
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await;
        assert!(
            (1..PAST).contains(&(read - before)),
            "{} then {} rows",
            analyzed - before,
            read - analyzed
        );
    })
    .await;
}

/// The rows that are read for a scope by a store of its own.
async fn rows_read_for(database: &Database, outsider: &Client, scope: &Scope, lines: usize) -> i64 {
    let store = database.store().await;
    flush(outsider).await;
    let before = rows_read(outsider).await;
    assert_eq!(look(&store, scope).await.lines.len(), lines);
    drop(store);
    until_alone(outsider).await;
    rows_read(outsider).await - before
}

/// Lines of one product that were placed with units of one batch that is on its way.
fn lines_of_one_batch() -> String {
    format!(
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, rank, batch, \
         units, release_rank, promised_on, placed_version) \
         SELECT md5(n::text), '1', 'LAMP', 1, 'allocated', false, now(), true, 0, 'B1', 1, 0, '2030-04-20', n \
         FROM generate_series(1, {PAST}) AS n; \
         UPDATE products SET version = {PAST}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_lines_to_improve_is_read_without_those_before_and_behind_it() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_inbound("B1", "LAMP", 100_000, ETA)).await;
        drop(store);
        let outsider = database.outsider().await;
        outsider
            .batch_execute(&lines_of_one_batch())
            .await
            .expect("the rows are valid");
        let first = Command::Reallocate(sku("LAMP")).scope();
        let read = rows_read_for(&database, &outsider, &first, IMPROVEMENT_PAGE).await;
        assert!((1..PAST / 4).contains(&read), "{read} rows for the first page");
        outsider
            .batch_execute(
                r#"UPDATE products SET pending = '{"improvement":{"improve":"all","moved":false,
                "after":{"rank":0,"placed_version":10000,"order_id":"x","line_id":"1"}}}'"#,
            )
            .await
            .expect("work may be pending");
        let read = rows_read_for(&database, &outsider, &continued(), IMPROVEMENT_PAGE).await;
        assert!((1..PAST / 4).contains(&read), "{read} rows for a page in the middle");
    })
    .await;
}

/// The lines of the batch that a change of it goes through.
fn released(lines: ReleaseLines) -> Scope {
    Scope {
        batches: [reference("B1")].into(),
        releases: vec![ReleaseScope {
            batch: reference("B1"),
            lines,
        }],
        ..Scope::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_lines_that_a_change_of_their_batch_goes_through_is_read_without_the_others() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_inbound("B1", "LAMP", 100_000, ETA)).await;
        drop(store);
        let outsider = database.outsider().await;
        outsider
            .batch_execute(&lines_of_one_batch())
            .await
            .expect("the rows are valid");
        let middle = ReleasePosition {
            rank: ReleaseRank::of(Precedence::default(), false),
            allocated_version: 10_000,
            line: ServicePosition {
                precedence: Precedence::default(),
                placed_version: 10_000,
                key: key("M", "1"),
            },
        };
        for lines in [
            ReleaseLines::All,
            ReleaseLines::Beyond(Count::ZERO),
            ReleaseLines::LastFirst { after: None },
            ReleaseLines::LastFirst { after: Some(middle) },
        ] {
            let read = rows_read_for(&database, &outsider, &released(lines.clone()), CHANGE_PAGE).await;
            assert!((1..PAST / 4).contains(&read), "{read} rows for {lines:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_cannot_be_served_are_passed_over_within_the_index() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 3)).await;
        let outsider = database.outsider().await;
        let waiting = format!(
            "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             placed_version) \
             SELECT md5(n::text), '1', 'LAMP', 5, 'backordered', n % 2 = 0, now(), true, n \
             FROM generate_series(1, {PAST}) AS n; \
             UPDATE products SET version = {PAST}, pending = '{{\"backlog\":{{\"after\":null,\"improve\":\"off\"}}}}'"
        );
        outsider.batch_execute(&waiting).await.expect("the rows are valid");
        // From then on the server knows that no reader has to look at the rows themselves.
        outsider.batch_execute("VACUUM lines").await.expect("it is vacuumed");
        let rows_fetched = async || -> i64 {
            let fetched = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = 'lines'";
            outsider.query_one(fetched, &[]).await.expect("it counts").get(0)
        };
        flush(&outsider).await;
        let before = rows_fetched().await;
        assert_eq!(look(&store, &continued()).await.lines, []);
        drop(store);
        until_alone(&outsider).await;
        let fetched = rows_fetched().await - before;
        assert!((0..PAST / 10).contains(&fetched), "{fetched} rows were fetched");
    })
    .await;
}
