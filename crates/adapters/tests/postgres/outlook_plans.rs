//! What planners ask of all products is answered by indexes: a page reads its rows, wherever it begins.

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{DueList, DuePlace, EtaPlace, Outlook, PlacedBetween, PlacedPlace};
use earmark_domain::{Precedence, ReleasePosition, ReleaseRank, ServicePosition};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;

use crate::database::{Database, clock, with_database};
use crate::plans::{PAST, rows_read};
use crate::shop::{key, reference, sku};

/// How much a page lists.
const PAGE: usize = 10;
/// How many rows a question may read on four pages: far fewer than each table has.
const FEW: i64 = PAST / 20;
const TODAY: Date = date(2030, 3, 17);

fn now() -> Timestamp {
    "2030-03-17T12:00:00Z".parse().expect("an instant")
}

/// What a question finds, on its first page and on one in the middle.
type Found = [usize; 2];

async fn due(store: &PostgresStore, list: DueList) -> Found {
    let place = DuePlace {
        required_by: date(2030, 2, 1),
        key: key("M", "1"),
    };
    let first = store.due_lines(list, None, now(), PAGE).await.expect("a page");
    let middle = store.due_lines(list, Some(&place), now(), PAGE).await;
    [first.len(), middle.expect("a page").len()]
}

async fn waiting(store: &PostgresStore) -> Found {
    let placed = PlacedBetween {
        from: Some(now() - SignedDuration::from_hours(200)),
        before: Some(now() - SignedDuration::from_hours(100)),
    };
    let place = PlacedPlace {
        placed_at: now() - SignedDuration::from_hours(150),
        key: key("M", "1"),
    };
    let first = store.waiting_lines(placed, None, now(), PAGE).await.expect("a page");
    let middle = store.waiting_lines(placed, Some(&place), now(), PAGE).await;
    [first.len(), middle.expect("a page").len()]
}

async fn counted(store: &PostgresStore) -> Found {
    let from = Some(now() - SignedDuration::from_hours(200));
    let [all, some] = [None, from].map(|from| PlacedBetween { from, before: None });
    let all = store.count_waiting_lines(all, now(), PAGE).await.expect("a number");
    let some = store.count_waiting_lines(some, now(), PAGE).await.expect("a number");
    [all, some].map(|counted| usize::try_from(counted.lines).expect("a number"))
}

async fn late(store: &PostgresStore) -> Found {
    let place = EtaPlace {
        eta: date(2031, 1, 15),
        sku: sku("P"),
        reference: reference("M"),
    };
    let first = store.late_batches(TODAY, None, now(), PAGE).await.expect("a page");
    let middle = store.late_batches(TODAY, Some(&place), now(), PAGE).await;
    [first.len(), middle.expect("a page").len()]
}

async fn in_batch(store: &PostgresStore) -> Found {
    let batch = reference("B1");
    let first = store.lines_in_batch(&batch, None, PAGE).await.expect("a page");
    let place = ReleasePosition {
        rank: ReleaseRank::of(Precedence::default(), false),
        allocated_version: 10_000,
        line: ServicePosition {
            precedence: Precedence::default(),
            placed_version: 10_000,
            key: key("M", "1"),
        },
    };
    let middle = store.lines_in_batch(&batch, Some(&place), PAGE).await;
    [first.len(), middle.expect("a page").len()]
}

async fn open(store: &PostgresStore) -> Found {
    let skus = [sku("LAMP"), sku("P-5")];
    let found = store.open_stock(&skus.into(), now(), PAGE).await.expect("it answers");
    [0, 1].map(|index| found.get(index).map_or(0, |stock| stock.batches.len()))
}

async fn ending(store: &PostgresStore) -> Found {
    let until = [1, 60].map(|minutes| now() + SignedDuration::from_mins(minutes));
    let first = store.ending_holds(now(), &until, None, PAGE).await.expect("a page");
    let middle = store.ending_holds(now(), &until, Some(&sku("P-5")), PAGE).await;
    [first.len(), middle.expect("a page").len()]
}

async fn held(store: &PostgresStore) -> Found {
    let one = store.held_units(&sku("P-5"), now()).await.expect("it answers");
    let other = store.held_units(&sku("P-6"), now()).await.expect("it answers");
    [one.len(), other.len()]
}

#[derive(Debug, Clone, Copy)]
enum Question {
    PromisedLate,
    WaitingDue,
    Waiting,
    Counted,
    Late,
    InBatch,
    Open,
    Ending,
    Held,
}

/// The questions, and what each of them finds.
const QUESTIONS: [(Question, Found); 9] = [
    (Question::PromisedLate, [PAGE; 2]),
    (Question::WaitingDue, [PAGE; 2]),
    (Question::Waiting, [PAGE; 2]),
    (Question::Counted, [PAGE; 2]),
    (Question::Late, [PAGE; 2]),
    (Question::InBatch, [PAGE; 2]),
    (Question::Open, [PAGE, 2]),
    (Question::Ending, [PAGE; 2]),
    (Question::Held, [1, 0]),
];

async fn ask(store: &PostgresStore, question: Question) -> Found {
    match question {
        Question::PromisedLate => due(store, DueList::PromisedLate).await,
        Question::WaitingDue => due(store, DueList::Waiting(TODAY)).await,
        Question::Waiting => waiting(store).await,
        Question::Counted => counted(store).await,
        Question::Late => late(store).await,
        Question::InBatch => in_batch(store).await,
        Question::Open => open(store).await,
        Question::Ending => ending(store).await,
        Question::Held => held(store).await,
    }
}

/// Products that each have a batch that is overdue and one that was put off, a line that is promised late, one that waits,
/// one that has left and, every other, one that is held; and one product with many batches, of which one has many lines. All
/// lie in the tables in another order than they are listed in.
fn past() -> String {
    let line = "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, rank, \
                promised_on, hold_until, batch, units, placed_version, dispatched) SELECT";
    let of_all = format!("FROM generate_series(1, {PAST}) AS n");
    let rank = "-(2147483648 - (21900 + abs(hashint4(n) % 100))) - 4294967296 * (n % 3 - 1)";
    format!(
        "INSERT INTO products (sku, version, batches_created, next_expiry) \
         SELECT 'P-' || n, 1, 2, CASE WHEN n % 2 = 1 THEN timestamptz '2030-03-17 12:30:00Z' END {of_all}; \
         INSERT INTO products (sku, version, batches_created) VALUES ('LAMP', {PAST}, {PAST}); \
         INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, created_eta, eta) \
         SELECT 'LATE-' || n, 'P-' || n, 'main', 1, 2, 2, '2030-01-01', date '2030-01-01' + abs(hashint4(n) % 50) {of_all}; \
         INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, created_eta, eta) \
         SELECT 'OFF-' || n, 'P-' || n, 'main', 2, 2, 2, '2030-01-01', date '2031-01-01' + abs(hashint4(n) % 50) {of_all}; \
         INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, created_eta, eta) \
         SELECT 'B' || n, 'LAMP', 'main', n, 1000000, 1000000, '2031-01-01', '2031-01-01' {of_all}; \
         {line} md5(n::text), 'late', 'P-' || n, 1, 'allocated', false, now(), true, {rank}, '2031-01-01', NULL, NULL, NULL, \
         1, 0 {of_all}; \
         {line} md5(n::text), 'waits', 'P-' || n, 1, 'backordered', false, \
         timestamptz '2030-03-17 12:00:00Z' - abs(hashint4(n) % 500) * interval '1 hour', true, {rank}, NULL, NULL, NULL, NULL, \
         1, 0 {of_all}; \
         {line} md5(n::text), 'left', 'P-' || n, 1, 'dispatched', false, now(), true, {rank}, '2031-01-01', NULL, NULL, NULL, \
         1, 0 {of_all}; \
         {line} md5(n::text), 'held', 'P-' || n, 1, 'held', false, now(), true, 0, '2031-01-01', '2030-03-17 12:30:00Z', \
         'LATE-' || n, 1, 1, 0 {of_all} WHERE n % 2 = 1; \
         {line} md5(n::text), 'in', 'LAMP', 1, 'allocated', false, now(), true, 0, '2031-01-01', NULL, 'B1', 1, n, 0 {of_all}; \
         INSERT INTO further_allocations SELECT md5(n::text), 'late', 'B1', 1, n {of_all} WHERE n % 3 = 0"
    )
}

/// A store whose connections are told from those of others by a name.
async fn named_store(database: &Database, name: &str) -> PostgresStore {
    let url = format!("{}?application_name={name}", database.url());
    let store = PostgresStore::open(&url, 4, true, clock()).await;
    store.expect("the database opens")
}

/// Waits until connections are gone: a session that ends has reported what it read.
async fn until_gone(outsider: &Client, name: &str) {
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = $1";
    loop {
        let left = outsider.query_one(count, &[&name]).await.expect("the server answers");
        if left.get::<_, i64>(0) == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn flush(outsider: &Client) {
    let flushed = outsider.batch_execute("SELECT pg_stat_force_next_flush()").await;
    flushed.expect("it flushes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_what_planners_ask_reads_its_rows_and_not_the_tables() {
    with_database(async |database| {
        // Each question has connections of its own, which make their plans while the tables are empty; and others, which
        // make them when the server knows how many rows there are.
        let mut stores = Vec::new();
        for (question, finds) in QUESTIONS {
            let name = format!("{question:?}");
            let store = named_store(&database, &name).await;
            assert_eq!(ask(&store, question).await, [0, 0], "{question:?}");
            stores.push((store, name, question, finds));
        }
        let outsider = database.outsider().await;
        outsider.batch_execute(&past()).await.expect("the rows are valid");
        let mut read = Vec::new();
        for known in [false, true] {
            if known {
                outsider.batch_execute("ANALYZE").await.expect("it analyzes");
                for (question, finds) in QUESTIONS {
                    let name = format!("{question:?}");
                    stores.push((named_store(&database, &name).await, name, question, finds));
                }
            }
            for (store, name, question, finds) in stores.drain(..) {
                flush(&outsider).await;
                let before = rows_read(&outsider).await;
                for _ in 0..2 {
                    assert_eq!(ask(&store, question).await, finds, "{question:?}");
                }
                drop(store);
                until_gone(&outsider, &name).await;
                read.push((question, known, rows_read(&outsider).await - before));
            }
        }
        let too_many = read.iter().filter(|(_, _, rows)| !(1..FEW).contains(rows));
        assert_eq!(too_many.count(), 0, "{read:?}");
    })
    .await;
}
