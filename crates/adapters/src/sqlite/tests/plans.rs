//! The planner's choices: no query scans a table that grows, or sorts what an index has in order.
//!
//! The statements are those that the store really runs, recorded while it runs them. SQLite plans without statistics
//! here, as it does in the store, so a few rows are enough.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use earmark_application::{
    AccessEntry, AccessKey, AccessLog, Audit, BatchSelection, Bounds, Caller, DeadMessage, Decide, Decided, DueList,
    DuePlace, EntryId, EtaPlace, EventFeed, EventFilter, Exports, Fingerprint, IdempotencyKey, IdempotencyStore, Inbox,
    KeyHash, KeyName, Keys, LeaseRequest, LeaseToken, LineFilter, OrderSelection, Outlook, PlacedBetween, PlacedPlace,
    Roles, Session, SessionHash, SessionHolder, Sessions, SourceName, Store, Views, Worklist,
};
use earmark_domain::{
    Change, ChangeSet, Count, InboxRecord, LineKey, LineState, Location, MessageId, OrderId, Processed, ReleaseLines,
    ReleaseScope, Scope, Sku,
};
use jiff::civil::date;

use super::super::SqliteStore;
use super::super::statement::statement;
use super::{ShopFile, a_small_shop, batch, batch_reference, instant, key, renamed, sku, store};

/// What EXPLAIN QUERY PLAN says of a step.
#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The statements that readers and the writer have run, and those that they keep prepared.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) run: BTreeSet<String>,
    kept: BTreeSet<String>,
}

pub(super) type Statements = Arc<Mutex<Seen>>;

/// Has a connection record its statements.
fn record(connection: &mut SqliteConnection, statements: &Statements) {
    let statements = Arc::clone(statements);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let mut seen = statements.lock().expect("no thread panicked");
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let text = text.split(" -- binds:").next().unwrap_or_default();
                seen.run.insert(text.trim().to_owned());
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                seen.kept.insert(sql.trim().to_owned());
            }
            _ => {}
        }
    });
}

/// Records all statements of a store with one reader from now on.
pub(super) async fn record_all(shop: &SqliteStore, statements: &Statements) {
    let (reader, writer) = (Arc::clone(statements), Arc::clone(statements));
    for readers in [&shop.readers.by_key, &shop.readers.long] {
        let reader = Arc::clone(&reader);
        let recorded = readers.query(move |connection| {
            record(connection, &reader);
            Ok(())
        });
        recorded.await.expect("a reader");
    }
    let recorded = shop.writer().expect("a writer").write(move |connection| {
        record(&mut connection.expect("a connection").connection, &writer);
        true
    });
    recorded.await.expect("the writer");
}

async fn load(shop: &SqliteStore, scope: Scope) {
    let decide: Decide = Arc::new(|_| {
        Ok(Decided {
            changes: ChangeSet::default(),
            answers: Vec::new(),
        })
    });
    shop.transact(&scope, decide).await.expect("nothing is stored");
}

/// Runs a query of every kind.
async fn run_all(shop: &SqliteStore) {
    for release in [ReleaseLines::All, ReleaseLines::Beyond(Count::ZERO)] {
        load(
            shop,
            Scope {
                skus: [sku()].into(),
                lines: [key()].into(),
                orders: [key().order].into(),
                joined: [OrderId::new("O-8").expect("a name")].into(),
                dispatches: true,
                batches: [batch_reference()].into(),
                locations: [Location::default()].into(),
                backlog: true,
                releases: vec![ReleaseScope {
                    batch: batch_reference(),
                    lines: release,
                }],
                holds: [sku()].into(),
                messages: [MessageId::new("orders", "1").expect("a message id")].into(),
                ..Scope::default()
            },
        )
        .await;
    }
    for work in [
        Scope {
            continues: true,
            ..Scope::default()
        },
        Scope {
            reallocates: true,
            ..Scope::default()
        },
        Scope {
            day: Some(date(2090, 1, 1)),
            ..Scope::default()
        },
    ] {
        let skus = [sku()].into();
        load(shop, Scope { skus, ..work }).await;
    }
    let far = "2090-01-01T00:00:00Z".parse().expect("an instant");
    shop.batch(&batch_reference(), far).await.expect("an answer");
    shop.order(&key().order).await.expect("an answer");
    shop.product(&sku(), far).await.expect("an answer");
    shop.products(None, Some(&sku()), far, 10).await.expect("an answer");
    shop.products(None, None, far, 10).await.expect("an answer");
    shop.products(Some("lamp"), None, far, 10).await.expect("an answer");
    for of in [None, Some(sku())] {
        let batches = BatchSelection {
            sku: of.clone(),
            location: Some(Location::default()),
        };
        shop.list_batches(&batches, Some(&batch_reference()), far, 10)
            .await
            .expect("an answer");
        let orders = OrderSelection { sku: of, waiting: true };
        shop.list_orders(&orders, None, 10).await.expect("an answer");
    }
    shop.backlog(&sku(), None, instant(), 10).await.expect("an answer");
    shop.lines(LineFilter::All, Some(&key()), 10).await.expect("an answer");
    shop.lines(LineFilter::In(LineState::Allocated), Some(&key()), 10)
        .await
        .expect("an answer");
    shop.batches(Some(&batch_reference()), 10).await.expect("an answer");
    shop.orders(Some(&key().order), 10).await.expect("an answer");
    for order in [None, Some(key().order)] {
        for of in [None, Some(sku())] {
            for types in [Vec::new(), vec!["Allocated".to_owned()]] {
                let filter = EventFilter {
                    order: order.clone(),
                    sku: of.clone(),
                    types,
                };
                shop.events(&filter, 1, 10).await.expect("an answer");
            }
        }
    }
    shop.due_orders(&[sku()].into(), far, 10).await.expect("an answer");
    shop.products_with_due_holds(far, 10).await.expect("an answer");
    shop.products_with_pending_work(10).await.expect("an answer");
    shop.products_changed_by_day(date(2090, 1, 1), 10)
        .await
        .expect("an answer");
    shop.last_event().await.expect("an answer");
    shop.audited_product(&sku()).await.expect("an answer");
    let orders = shop.audited_orders(None, 10).await.expect("an answer");
    assert!(!orders.is_empty());
    shop.missing_lines(&[key()]).await.expect("an answer");
    plan_ahead(shop).await;
}

/// What changes the rows of the small shop, each kind of them.
fn all_changed() -> ChangeSet {
    let small = a_small_shop();
    let mut changes = renamed(2);
    changes.batches = vec![Change::Changed(batch())];
    changes.orders = small
        .orders
        .iter()
        .map(|order| Change::Changed(order.value().clone()))
        .collect();
    changes.lines = small
        .lines
        .iter()
        .map(|line| Change::Changed(line.value().clone()))
        .collect();
    changes.released = small.earmarked.clone();
    changes.earmarked = small.earmarked;
    changes
}

/// Leases a key, and completes it, releases it and purges it.
async fn lease(shop: &SqliteStore) {
    let key = IdempotencyKey::new("k").expect("a key");
    let token = LeaseToken([1; 16]);
    let request = LeaseRequest::at(instant(), key.clone(), Fingerprint([2; 32]), token);
    shop.acquire(&request).await.expect("an answer");
    shop.complete(&key, token, b"answer").await.expect("an answer");
    shop.release(&key, token).await.expect("an answer");
    shop.purge_expired(request.expires_at, 10).await.expect("an answer");
}

/// The secret of the access key.
const SECRET: KeyHash = KeyHash([7; 32]);

/// Makes an access key, uses it, and reads it.
async fn use_key(shop: &SqliteStore) {
    let key = AccessKey {
        name: KeyName::new("shop").expect("a name"),
        hash: SECRET,
        roles: Roles::ALL,
        bounds: Bounds::default(),
        created_at: instant(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let log = AccessEntry::done(EntryId([1; 16]), instant(), Caller::default(), "create_key", "shop");
    assert!(shop.add_key(&key, &log).await.expect("an answer"));
    shop.log_access(&[log]).await.expect("an answer");
    assert_eq!(shop.access_entries(0, 10).await.expect("an answer").len(), 1);
    let before = instant() - jiff::SignedDuration::from_secs(1);
    assert_eq!(shop.forget_access_entries(before, 1).await.expect("an answer"), 0);
    shop.note_key_used(SECRET, instant()).await.expect("an answer");
    assert!(shop.has_keys().await.expect("an answer"));
    assert!(shop.key_of(SECRET).await.expect("an answer").is_some());
    assert_eq!(shop.all_keys().await.expect("an answer").len(), 1);
    sign_in(shop).await;
}

/// Asks what planners ask, each list from its beginning and behind a place.
async fn plan_ahead(shop: &SqliteStore) {
    let (now, today) = (instant(), date(2026, 3, 1));
    let due = DuePlace {
        required_by: today,
        key: key(),
    };
    for list in [DueList::PromisedLate, DueList::Waiting(today)] {
        for after in [None, Some(&due)] {
            shop.due_lines(list, after, now, 10).await.expect("an answer");
        }
    }
    let placed = PlacedPlace {
        placed_at: now,
        key: key(),
    };
    for after in [None, Some(&placed)] {
        shop.waiting_lines(PlacedBetween::default(), after, now, 10)
            .await
            .expect("an answer");
    }
    shop.count_waiting_lines(PlacedBetween::default(), now, 10)
        .await
        .expect("an answer");
    let batch = EtaPlace {
        eta: today,
        sku: sku(),
        reference: batch_reference(),
    };
    for after in [None, Some(&batch)] {
        shop.late_batches(today, after, now, 10).await.expect("an answer");
    }
    let lines = shop
        .lines_in_batch(&batch_reference(), None, 1)
        .await
        .expect("an answer");
    let (last, _) = lines.last().expect("the batch has lines");
    shop.lines_in_batch(&batch_reference(), Some(last), 1)
        .await
        .expect("an answer");
    shop.open_stock(&BTreeSet::from([sku()]), now, 10)
        .await
        .expect("an answer");
    shop.ending_holds(now, &[now], None, 10).await.expect("an answer");
    shop.held_units(&sku(), now).await.expect("an answer");
}

/// Begins a session, uses it, and ends it.
async fn sign_in(shop: &SqliteStore) {
    let session = Session {
        hash: SessionHash([8; 32]),
        holder: SessionHolder::Key {
            name: KeyName::new("shop").expect("a name"),
            hash: SECRET,
        },
        began_at: instant(),
        ends_at: instant() + jiff::SignedDuration::from_secs(60),
    };
    let log = |id| AccessEntry::done(EntryId([id; 16]), instant(), Caller::default(), "sign_in", "shop");
    shop.begin_session(&session, &log(2)).await.expect("an answer");
    assert!(shop.session_of(session.hash).await.expect("an answer").is_some());
    assert!(shop.end_session(session.hash, &log(3)).await.expect("an answer"));
}

/// The steps of a statement's plan.
pub(super) fn plan(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
        .load(connection)
        .expect(statement);
    steps.into_iter().map(|step| step.detail).collect()
}

/// Whether a step reads more than it needs: it scans a table, or sorts what a page is taken from. A list of keys is
/// scanned, and so is the one row of the deferred index.
pub(super) fn is_fault(step: &str) -> bool {
    let scans = step.starts_with("SCAN ")
        && !step.contains(" json_each ")
        && !step.starts_with("SCAN product_ngrams VIRTUAL TABLE INDEX 0:M")
        && ![
            "SCAN deferred_index",
            "SCAN asked",
            "SCAN coming",
            "SCAN 6 CONSTANT ROWS",
        ]
        .contains(&step)
        && !step.ends_with("CONSTANT ROW")
        && !step.starts_with("SCAN (subquery-");
    // A partial index of the products that a page of the worklist is read from.
    let worklist = step.ends_with("INDEX products_pending");
    (scans && !worklist) || step == "USE TEMP B-TREE FOR ORDER BY"
}

#[tokio::test]
async fn no_query_scans_a_table_or_sorts_a_page() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    store(&shop, a_small_shop()).await.expect("stored");
    run_all(&shop).await;
    use_key(&shop).await;
    drop(shop);
    let seen = statements.lock().expect("no thread panicked");
    let is_query = |text: &&String| {
        ["SELECT", "WITH"]
            .iter()
            .any(|begin| text.trim_start().starts_with(begin))
    };
    let queries = seen.run.iter().filter(is_query);
    let queries: Vec<&String> = queries.collect();
    assert!(queries.len() > 40, "{}", queries.len());
    let looks_for_lines = queries
        .iter()
        .any(|query| query.contains("`lines_in_batches`.`batch` ="));
    assert!(looks_for_lines, "the batch has lines");
    let mut other = file.address().open_reader().expect("the file opens");
    for query in queries {
        // LIMIT has SQLite plan anew each time a value is bound to it.
        assert!(!query.contains("LIMIT ?"), "{query}");
        // One product's batches are sorted by preference, all of which the view shows.
        let product_view = query.contains("LEFT OUTER JOIN `batches` ON (`batches`.`sku` = `products`.`sku`)");
        // The books are one row, and their epochs as few as backups were restored.
        if query.ends_with("FROM `books`") || query.contains("FROM `epochs`") {
            continue;
        }
        // The access keys are few: they are counted and listed whole, and of whether there are any the first one tells.
        if query.contains("FROM `access_keys`") && !query.contains("WHERE") {
            continue;
        }
        let plan = plan(&mut other, query);
        // The lines on batches that have not arrived come batch by batch, and are wanted in order of service.
        let improvement = query.contains("coming");
        let sorts = product_view || improvement;
        let is_sort = |step: &str| step == "USE TEMP B-TREE FOR ORDER BY" && sorts;
        let faults: Vec<&String> = plan.iter().filter(|step| is_fault(step) && !is_sort(step)).collect();
        assert!(faults.is_empty(), "{query}\n{plan:#?}");
    }
}

#[tokio::test]
async fn a_page_of_a_products_events_begins_at_its_cursor() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    store(&shop, a_small_shop()).await.expect("stored");
    // Its events have their entries.
    drop(shop);
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    let of_product = EventFilter {
        sku: Some(sku()),
        ..EventFilter::default()
    };
    // A cursor that is an event of no product, as a stream has that follows one.
    shop.events(&of_product, 1, 10).await.expect("an answer");
    drop(shop);
    let seen = statements.lock().expect("no thread panicked");
    let mut other = file.other_program();
    let on_entries = |text: &&String| text.contains("events_of_products");
    let mut plans = Vec::new();
    for query in seen.run.iter().filter(on_entries) {
        plans.extend(plan(&mut other, query));
    }
    plans.retain(|step| step.contains("events_of_products"));
    let searches = |of: &str| plans.iter().filter(|step| step.contains(of)).count();
    // The last entry, the search for the cursor, and the page.
    assert_eq!(searches("(sku=?)"), 1, "{plans:#?}");
    assert_eq!(searches("(sku=? AND version>?"), plans.len() - 1, "{plans:#?}");
    assert!(plans.len() >= 3, "{plans:#?}");
}

#[tokio::test]
async fn a_list_of_what_is_rare_looks_at_a_bounded_number_of_lines() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let mut other = file.other_program();
    // Three lines an order, so that the walk ends at the first line of one.
    for past in [
        "INSERT INTO products (sku, version, batches_created) VALUES ('LAMP', 12000, 0)",
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_version, placed_with_order) \
         WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 12000) \
         SELECT printf('%08d', (n + 2) / 3), printf('%08d', n), 'LAMP', 1, 'backordered', 0, 0, n, 0 FROM n",
    ] {
        statement::<()>(past).write(&mut other).expect("the rows are valid");
    }
    drop(other);
    let rare = OrderSelection {
        sku: Some(Sku::new("RARE").expect("a name")),
        waiting: false,
    };
    let first = shop.list_orders(&rare, None, 10).await.expect("a page");
    // Its other lines may be wanted, so it is handed over to be decided on.
    let last = OrderId::new("00003334").expect("an order id");
    assert_eq!(first.next.as_ref(), Some(&last));
    let found: Vec<_> = first.items.iter().map(|order| (&order.id, order.lines.len())).collect();
    assert_eq!(found, [(&last, 3)]);
    let rest = shop.list_orders(&rare, Some(&last), 10).await.expect("a page");
    assert!(rest.items.is_empty() && rest.next.is_none(), "{rest:?}");
}

#[tokio::test]
async fn every_statement_is_prepared_once() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    store(&shop, a_small_shop()).await.expect("stored");
    store(&shop, all_changed()).await.expect("stored");
    lease(&shop).await;
    run_all(&shop).await;
    use_key(&shop).await;
    drop(shop);
    let seen = statements.lock().expect("no thread panicked");
    // What is run once, when a file is opened or closed.
    let once = |text: &&String| {
        let settings = [
            "busy_timeout",
            "journal_mode",
            "user_version",
            "wal_checkpoint(PASSIVE)",
        ];
        let setting = text.strip_prefix("PRAGMA ").unwrap_or_default();
        settings.iter().any(|once| setting.starts_with(once))
    };
    let again: Vec<&String> = seen.run.difference(&seen.kept).filter(|text| !once(text)).collect();
    assert!(again.is_empty(), "{again:#?}");
}

#[test]
fn a_query_that_scans_or_sorts_is_noticed() {
    let file = ShopFile::new();
    let mut other = file.other_program();
    let table = "CREATE TABLE notes (note TEXT NOT NULL)";
    statement::<()>(table).write(&mut other).expect("a table");
    let plan = plan(&mut other, "SELECT note FROM notes ORDER BY note");
    assert_eq!(plan.iter().filter(|step| is_fault(step)).count(), 2, "{plan:?}");
}

#[tokio::test]
async fn a_line_of_a_new_order_costs_one_look_up_once_its_product_is_cached() {
    let file = ShopFile::new();
    let shop = file.open().await;
    store(&shop, a_small_shop()).await.expect("stored");
    let order = OrderId::new("O-8").expect("a name");
    let scope = Scope {
        skus: [sku()].into(),
        lines: [LineKey {
            order: order.clone(),
            ..key()
        }]
        .into(),
        joined: [order].into(),
        ..Scope::default()
    };
    load(&shop, scope.clone()).await;
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    load(&shop, scope).await;
    let seen = statements.lock().expect("no thread panicked");
    let look_ups = seen.run.iter().filter(|text| text.starts_with("SELECT"));
    assert_eq!(look_ups.count(), 1, "{:?}", seen.run);
}

#[tokio::test]
async fn a_dead_message_is_found_by_its_id() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    let source = SourceName::new("nats/COMMANDS");
    let dead = DeadMessage {
        number: 0,
        source: source.clone(),
        id: "m-1".to_owned(),
        correlation_id: None,
        body: Vec::new(),
        bytes: 0,
        is_whole: true,
        reason: "no".to_owned(),
        attempts: 1,
        since: instant(),
        replayed: false,
    };
    assert!(shop.bury(&source, &[dead]).await.expect("an answer"));
    let done = InboxRecord {
        id: MessageId::new("nats/COMMANDS", "m-1").expect("an id"),
        processed_at: instant(),
        ended: Processed::Done,
    };
    let changes = ChangeSet {
        inbox: vec![done],
        ..ChangeSet::default()
    };
    store(&shop, changes).await.expect("stored");
    assert!(shop.dead_messages(&source, 0, 10).await.expect("an answer").is_empty());
    drop(shop);
    let seen = statements.lock().expect("no thread panicked");
    let by_id = |text: &&String| text.contains("`dead_messages`.`message_id` = ?");
    let mut other = file.other_program();
    let plans: Vec<_> = seen
        .run
        .iter()
        .filter(by_id)
        .map(|text| plan(&mut other, text))
        .collect();
    let by_index = |plan: &Vec<String>| plan.iter().any(|step| step.contains("INDEX dead_messages_message_id"));
    assert!(plans.len() == 2 && plans.iter().all(by_index), "{plans:#?}");
}

#[tokio::test]
async fn a_key_is_found_by_its_secret_and_listed_in_order() {
    let file = ShopFile::new();
    let shop = SqliteStore::open(file.file(), 1, true).await.expect("the file opens");
    let statements = Statements::default();
    record_all(&shop, &statements).await;
    use_key(&shop).await;
    drop(shop);
    let seen = statements.lock().expect("no thread panicked");
    let mut other = file.other_program();
    let mut plans_of = |part: &str| {
        let statements = seen.run.iter().filter(|text| text.contains(part));
        statements.map(|text| plan(&mut other, text)).collect::<Vec<_>>()
    };
    // The look-up, and the note of its use.
    let by_secret = plans_of("`access_keys`.`hash` = ?");
    let is_search = |plan: &Vec<String>| plan.iter().any(|step| step.ends_with("(hash=?)"));
    assert!(
        by_secret.len() == 2 && by_secret.iter().all(is_search),
        "{by_secret:#?}"
    );
    let listed = plans_of("ORDER BY `access_keys`.`name`");
    assert!(
        listed.len() == 1 && !listed.concat().iter().any(|step| step.contains("TEMP")),
        "{listed:#?}"
    );
}
