//! A connection keeps its plans. A plan that was made while a table filled a single page must still be a look-up when
//! the table is large. The server's own counts of rows read show it.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{
    AccessEntry, AccessKey, AccessLog, Audit, Bounds, Caller, EntryId, EventFeed, EventFilter, Exports, Fingerprint,
    IdempotencyKey, IdempotencyStore, KeyHash, KeyName, Keys, LeaseOutcome, LeaseRequest, LeaseToken, LineFilter,
    Roles, Session, SessionHash, SessionHolder, Sessions, Views, Worklist,
};
use earmark_domain::{
    Command, ConfirmOrder, Dispatch, ExpireHolds, HoldFor, LineKey, LineState, OrderId, OrderTerms, Precedence,
    Priority,
};
use tokio_postgres::Client;

use crate::database::with_database;
use crate::list_plans::lists;
use crate::shop::{
    allocate, attempt, backorder_and_split, context, count, create_batch, key, place_on, place_order, reference, run,
    sku,
};

/// How many rows of each table are inserted between the runs.
pub(crate) const PAST: i64 = 20_000;

/// Far more rows than one run of all commands has to read, and far fewer than are inserted.
pub(crate) const FEW: i64 = PAST / 2;

/// Runs commands that use every statement. `part` makes the names new.
async fn run_every_statement(store: &PostgresStore, part: &str) {
    let named = |name: &str| format!("{name}-{part}");
    run(store, create_batch(&named("B1"), "LAMP", 40)).await;
    run(store, create_batch(&named("B2"), "LAMP", 40)).await;
    // The first is loaded, the others are cached.
    for order in ["O1", "O2", "O3"] {
        run(store, allocate(&named(order), "LAMP", 2)).await;
    }
    for order in ["P1", "P2"] {
        run(store, place_order(&named(order), "LAMP", 3, 2)).await;
    }
    // Repeated commands are found by their keys.
    run(store, allocate(&named("O1"), "LAMP", 2)).await;
    run(store, place_order(&named("P1"), "LAMP", 3, 2)).await;
    run(store, create_batch(&named("B1"), "LAMP", 40)).await;
    // Some lines leave their batch and wait; some that wait are served; some are cancelled.
    run(store, count(&named("B2"), 0)).await;
    run(store, count(&named("B1"), 9)).await;
    run(store, create_batch(&named("B3"), "LAMP", 40)).await;
    holds(store, part).await;
    run(store, Command::CancelLine(key(&named("O1"), "LAMP"))).await;
    let LineKey { order, .. } = key(&named("P1"), "L0000");
    run(store, Command::CancelOrder(order)).await;
    attempt(
        store,
        Command::CancelOrder(OrderId::new("unknown").expect("an order id")),
    )
    .await
    .expect("it answers")
    .expect_err("there is no such order");
}

/// Orders that are held, that have priority, and that are dispatched.
async fn holds(store: &PostgresStore, part: &str) {
    let named = |name: &str| format!("{name}-{part}");
    let order = |name: &str| OrderId::new(named(name)).expect("an order id");
    let held = |seconds: i64| OrderTerms {
        hold_for: Some(HoldFor::seconds(seconds).expect("a time")),
        ..backorder_and_split()
    };
    let urgent = OrderTerms {
        precedence: Precedence::of(Priority::new(5).expect("a priority"), None),
        ..backorder_and_split()
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
    for command in [
        Command::Dispatch(Dispatch {
            order: order("D1"),
            lines: None,
            all_or_nothing: false,
        }),
        Command::UndoDispatch {
            order: order("D1"),
            lines: None,
        },
        Command::ExpireHolds(ExpireHolds {
            at: context().now,
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
    assert_eq!(due.iter().map(|due| &due.id).collect::<Vec<_>>(), [&order("H2")]);
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

/// Runs every statement of the idempotency store.
async fn run_every_idempotency_step(store: &PostgresStore, part: &str) {
    let now = context().now;
    let request = |call: u8, token| {
        let key = IdempotencyKey::new(&format!("key-{part}")).expect("a key");
        LeaseRequest::at(now, key, Fingerprint([call; 32]), LeaseToken([token; 16]))
    };
    let acquire = async |call, token| store.acquire(&request(call, token)).await.expect("it answers");
    let key = request(1, 1).key;
    assert_eq!(acquire(1, 1).await, LeaseOutcome::Acquired);
    store.release(&key, LeaseToken([1; 16])).await.expect("it is released");
    assert_eq!(acquire(1, 2).await, LeaseOutcome::Acquired);
    assert_eq!(acquire(1, 3).await, LeaseOutcome::InProgress);
    assert_eq!(acquire(2, 3).await, LeaseOutcome::Mismatch);
    let stored = store.complete(&key, LeaseToken([2; 16]), b"a lamp").await;
    assert!(stored.expect("it answers"));
    assert_eq!(acquire(1, 3).await, LeaseOutcome::Answered(b"a lamp".to_vec()));
    assert_eq!(store.purge_expired(now, 100).await.expect("it answers"), 0);
    let purged = store.purge_expired(request(1, 1).expires_at, 100).await;
    assert_eq!(purged.expect("it answers"), 1);
}

/// The secret of the access key.
const SECRET: KeyHash = KeyHash([7; 32]);

fn key_name() -> KeyName {
    KeyName::new("shop").expect("a name")
}

/// An entry of the log of access decisions.
fn entry(number: u8) -> AccessEntry {
    AccessEntry::done(
        EntryId([number; 16]),
        context().now,
        Caller::default(),
        "rotate_key",
        "shop",
    )
}

/// Makes an access key. The others are counted, so this is done while they are few.
async fn add_key(store: &PostgresStore) {
    let key = AccessKey {
        name: key_name(),
        hash: SECRET,
        roles: Roles::ALL,
        bounds: Bounds::default(),
        created_at: context().now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    assert!(store.add_key(&key, &entry(0)).await.expect("it answers"));
}

/// Runs every statement on one access key.
async fn run_every_step_on_a_key(store: &PostgresStore) {
    assert!(store.has_keys().await.expect("it answers"));
    for (old, new) in [(SECRET, KeyHash([8; 32])), (KeyHash([8; 32]), SECRET)] {
        let key = store.key_of(old).await.expect("it answers");
        assert_eq!(key.map(|key| key.name), Some(key_name()));
        store.note_key_used(old, context().now).await.expect("it answers");
        let log = entry(old.0[0]);
        assert!(
            store
                .rotate_key(&key_name(), new, None, &log)
                .await
                .expect("it answers")
        );
        store.log_access(&[log, entry(9)]).await.expect("it answers");
        assert!(!store.access_entries(0, 1).await.expect("it answers").is_empty());
    }
    let session = Session {
        hash: SessionHash([9; 32]),
        holder: SessionHolder::Key {
            name: key_name(),
            hash: SECRET,
        },
        began_at: context().now,
        ends_at: context().now + jiff::SignedDuration::from_secs(60),
    };
    store.begin_session(&session, &entry(11)).await.expect("it answers");
    assert!(store.session_of(session.hash).await.expect("it answers").is_some());
    assert!(store.end_session(session.hash, &entry(12)).await.expect("it answers"));
    let nobody = KeyName::new("nobody").expect("a name");
    assert!(
        !store
            .revoke_key(&nobody, context().now, &entry(10))
            .await
            .expect("it answers")
    );
}

/// The rows of all tables that were read so far by any scan, as far as the sessions have reported.
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

/// Waits until the store's connections are gone: a session that ends has reported what it read.
pub(crate) async fn until_alone(outsider: &Client) {
    loop {
        let others: i64 = outsider
            .query_one(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'earmark'",
                &[],
            )
            .await
            .expect("the server answers")
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
        run_every_statement(&store, "small").await;
        run_every_idempotency_step(&store, "small").await;
        add_key(&store).await;
        run_every_step_on_a_key(&store).await;

        let outsider = database.outsider().await;
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) \
             SELECT 'PAST-' || n, 1, 1 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity) \
             SELECT 'PAST-' || n, 'PAST-' || n, 'main', 1, 2, 2 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO orders SELECT 'PAST-' || n, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, rank, \
             locations, hold_until, promised_on, placed_version) \
             SELECT 'PAST-' || n, '1', 'PAST-' || n, 1, 'held', false, now(), true, 1, '{{main}}', '2089-01-01', \
             '2089-01-01', 1 \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO further_allocations \
             SELECT 'PAST-' || n, '1', 'PAST-' || n, 1, 1 FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO orders SELECT 'GONE-' || n, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             promised_on, placed_version, dispatched) \
             SELECT 'GONE-' || n, '1', 'PAST-' || n, 1, 'dispatched', false, now(), true, '2029-01-01', 1, 1 \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO dispatches \
             SELECT 'GONE-' || n, '1', 'PAST-' || n, 1, 1, 2, now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO events \
             SELECT nextval('events_sequence'), 'PAST-' || n, 1, 'PAST-' || n, 'Allocated', now(), current_date, \
             'past', 'past', '{{}}' \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO idempotency_keys \
             SELECT 'PAST-' || n, decode(repeat('00', 32), 'hex'), decode(repeat('00', 16), 'hex'), now(), \
             'infinity', 'past' \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO access_keys (name, hash, roles, created_at) \
             SELECT 'PAST-' || n, sha256(n::text::bytea), 'viewer', now() FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO sessions (hash, key_hash, holder, began_at, ends_at) \
             SELECT sha256(n::text::bytea), sha256(n::text::bytea), 'PAST-' || n, now(), '2089-01-01' \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO access_log (id, first_at, last_at, action, decision, count) \
             SELECT decode(md5(n::text), 'hex'), now(), now(), 'past', 'no_key', 1 FROM generate_series(1, {PAST}) AS n"
        );
        outsider.batch_execute(&past).await.expect("the rows are valid");
        outsider
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("it flushes");
        let before = rows_read(&outsider).await;

        run_every_statement(&store, "large").await;
        run_every_idempotency_step(&store, "large").await;
        run_every_step_on_a_key(&store).await;
        outsider
            .batch_execute("ANALYZE")
            .await
            .expect("all tables are analyzed");
        outsider
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("it flushes");
        run_every_statement(&store, "analyzed").await;
        run_every_idempotency_step(&store, "analyzed").await;
        run_every_step_on_a_key(&store).await;
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        assert!((1..FEW).contains(&read), "{read} rows were read");
    })
    .await;
}

/// Reads the events of a product with a long past: from the newest on, as a stream that polls, and from the middle.
async fn events_of_a_product(store: &PostgresStore, page: usize) {
    for types in [Vec::new(), vec!["Backordered".to_owned()]] {
        let of_product = EventFilter {
            sku: Some(sku("LAMP")),
            types,
            ..EventFilter::default()
        };
        let newest = u64::try_from(PAST).expect("a number");
        let read = store.encoded_events(&of_product, newest, page).await.expect("a page");
        assert!(read.events.is_empty() && read.complete, "{read:?}");
        let read = store
            .encoded_events(&of_product, newest / 2, page)
            .await
            .expect("a page");
        let sequences: Vec<u64> = read.events.iter().map(|event| event.sequence).collect();
        assert!(sequences.into_iter().eq((newest / 2 + 1..).take(page)), "{read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_no_event_passes_looks_at_a_bounded_number_of_events() {
    with_database(async |database| {
        let store = database.store().await;
        let past = format!(
            "INSERT INTO products (sku, version, batches_created) VALUES ('LAMP', {PAST}, 1); \
             INSERT INTO events \
             SELECT nextval('events_sequence'), 'LAMP', n, md5(n::text), 'Backordered', now(), current_date, \
             'past', 'past', '{{}}' \
             FROM generate_series(1, {PAST}) AS n"
        );
        let outsider = database.outsider().await;
        outsider.batch_execute(&past).await.expect("the rows are valid");
        let newest = u64::try_from(PAST).expect("a number");
        for of in [None, Some(sku("LAMP"))] {
            let none = EventFilter {
                sku: of,
                types: vec!["BatchCreated".to_owned()],
                ..EventFilter::default()
            };
            let first = store.events(&none, 0, 10).await.expect("a page");
            assert!(first.events.is_empty() && !first.complete, "{first:?}");
            assert!((1..newest).contains(&first.next), "{first:?}");
            let last = store.events(&none, first.next, 10).await.expect("a page");
            assert!(last.complete && last.next == newest, "{last:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_its_rows_and_not_the_table() {
    with_database(async |database| {
        drop(database.store().await);
        let outsider = database.outsider().await;
        // Parallel workers cost nothing, so that the planner does here what it does with millions of rows.
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
             INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, \
             placed_version) \
             SELECT md5(n::text), '1', 'LAMP', 1, 'backordered', false, now(), true, n \
             FROM generate_series(1, {PAST}) AS n; \
             INSERT INTO events \
             SELECT nextval('events_sequence'), 'LAMP', n, md5(n::text), 'Backordered', now(), current_date, \
             'past', 'past', json_build_object('order_id', md5(n::text), 'line_id', '1', 'quantity', 1, 'split', false, \
             'placed_at', '2026-01-01T00:00:00Z', 'placed_with_order', true, 'from', '[]'::json, 'why', NULL) \
             FROM generate_series(1, {PAST}) AS n; \
             SELECT pg_stat_force_next_flush()"
        );
        outsider.batch_execute(&past).await.expect("the rows are valid");
        let before = rows_read(&outsider).await;
        let store = database.store().await;
        let page = 10;
        assert_eq!(store.orders(None, page).await.expect("a page").len(), page);
        assert_eq!(store.batches(None, page).await.expect("a page").len(), page);
        let lines = store.lines(LineFilter::All, None, page).await.expect("a page");
        let after = &lines.last().expect("a line").record.terms.key;
        let more = store.lines(LineFilter::In(LineState::Backordered), Some(after), page);
        assert_eq!(more.await.expect("a page").len(), page);
        assert_eq!(store.audited_orders(None, page).await.expect("a page").len(), page);
        events_of_a_product(&store, page).await;
        lists(&store, page).await;
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        assert!((1..FEW / 10).contains(&read), "{read} rows were read");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reads_what_it_finds_and_not_the_table() {
    with_database(async |database| {
        let store = database.store().await;
        run(&store, create_batch("B1", "LAMP", 40)).await;
        let search = async |text: &str| {
            let found = store.products(Some(text), None, context().now, 10).await;
            found.expect("it answers").len()
        };
        // The plans are made while the table is small.
        assert_eq!(search("lam").await, 1);
        assert_eq!(search("no such thing").await, 0);
        let outsider = database.outsider().await;
        let products = 5 * PAST;
        let past = format!(
            "INSERT INTO products (sku, name, version, batches_created) \
             SELECT 'PAST-' || n, 'Étagère ' || n, 1, 1 FROM generate_series(1, {products}) AS n; \
             INSERT INTO products (sku, name, version, batches_created) VALUES ('Z-LAST', 'Öllampe 50%', 1, 1); \
             VACUUM ANALYZE products"
        );
        for statement in past.split("; ") {
            outsider.batch_execute(statement).await.expect("the rows are valid");
        }
        outsider
            .batch_execute("SELECT pg_stat_force_next_flush()")
            .await
            .expect("it flushes");
        let before = rows_read(&outsider).await;
        assert_eq!(search("no such thing").await, 0);
        assert_eq!(search("öLLAMPE 50%").await, 1);
        assert_eq!(search("z-la").await, 1);
        assert_eq!(search("éTAGÈRE").await, 10);
        drop(store);
        until_alone(&outsider).await;
        let read = rows_read(&outsider).await - before;
        // Each looks at the next thousand products first.
        assert!((1..products / 8).contains(&read), "{read} rows were read");
    })
    .await;
}
