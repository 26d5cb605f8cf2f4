//! What is SQLite's own; what every store must keep is told in the contract of the stores.

mod filing;
mod migrations;
mod remembering;

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, EventFilter, LineFilter, Queries, Store, StoreError};
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, Count, Event, Fact, LineId, LineKey, LineRecord, LineState,
    Location, Locations, OrderId, OrderRecord, Precedence, Precondition, ProductChange, ProductName, ProductRecord,
    Quantity, Reference, ReleaseRank, Scope, Sku, Subject, Units,
};
use jiff::Timestamp;
use jiff::civil::date;
use tempfile::TempDir;

use super::connect::Address;
use super::statement::statement;
use super::{DEFAULT_READERS, SqliteStore};

/// A folder for a book, which goes with it.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("books.db")
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.file(), DEFAULT_READERS, true)
            .await
            .expect("the file opens")
    }

    fn address(&self) -> Address {
        Address::new(&self.file()).expect("an address")
    }

    /// A connection of somebody who is not the store, with the store's settings.
    fn stranger(&self) -> SqliteConnection {
        self.address().open_writer().expect("the file opens")
    }
}

fn sku() -> Sku {
    Sku::new("LAMP").expect("a name")
}

fn batch_reference() -> Reference {
    Reference::new("B-1").expect("a name")
}

fn key() -> LineKey {
    LineKey {
        order: OrderId::new("O-1").expect("a name"),
        line: LineId::from(&sku()),
    }
}

fn instant() -> Timestamp {
    Timestamp::from_microsecond(1_767_225_600_123_456).expect("an instant")
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

fn product(name: &str, version: u64) -> ProductRecord {
    ProductRecord {
        sku: sku(),
        name: Some(ProductName::new(name).expect("a product name")),
        version,
        batches_created: 1,
        resume_after: None,
        safety_stock: Count::ZERO,
        depleted: false,
        next_expiry: None,
    }
}

fn batch() -> BatchRecord {
    BatchRecord {
        reference: batch_reference(),
        sku: sku(),
        location: Location::default(),
        ordinal: 1,
        created_quantity: quantity(10),
        created_eta: Some(date(2031, 5, 6)),
        quantity: Count::from(quantity(10)),
        allocated: Units::ZERO,
        dispatched: Units::ZERO,
        eta: Some(date(2031, 5, 6)),
        closed: false,
    }
}

fn named(name: &str, version: u64) -> Event {
    Event {
        subject: Subject::Product { sku: sku(), version },
        occurred_at: instant(),
        actor: Arc::from("test"),
        correlation_id: Arc::from("r-1"),
        fact: Fact::ProductNamed {
            name: ProductName::new(name).expect("a product name"),
        },
    }
}

/// A product with a batch of ten, an order of four from it, and two events.
fn a_small_book() -> ChangeSet {
    ChangeSet {
        products: vec![ProductChange {
            precondition: Precondition::SameVersion,
            read_version: None,
            record: product("Lampe Été", 2),
        }],
        batches: vec![Change::New(batch())],
        orders: vec![Change::New(OrderRecord {
            id: key().order,
            placed_at: instant(),
            precedence: Precedence::default(),
            hold_until: None,
        })],
        lines: vec![Change::New(LineRecord {
            sku: sku(),
            state: LineState::Allocated,
            terms: LineTerms {
                key: key(),
                quantity: quantity(4),
                split: true,
                placed_at: instant(),
                placed_with_order: true,
                precedence: Precedence::default(),
                locations: Locations::ANY,
                hold_until: None,
            },
        })],
        earmarked: vec![AllocationRecord {
            key: key(),
            batch: batch_reference(),
            quantity: quantity(4),
            release_rank: ReleaseRank::new(0),
            allocated_at: instant(),
        }],
        events: vec![named("Lamp", 1), named("Lampe Été", 2)],
        ..ChangeSet::default()
    }
}

fn renamed(read_version: u64) -> ChangeSet {
    let version = read_version + 1;
    ChangeSet {
        products: vec![ProductChange {
            precondition: Precondition::SameVersion,
            read_version: Some(read_version),
            record: product("Lamp", version),
        }],
        events: vec![named("Lamp", version)],
        ..ChangeSet::default()
    }
}

/// A decision that is taken already.
fn decided(changes: ChangeSet) -> Decide {
    Arc::new(move |_| {
        Ok(Decided {
            changes: changes.clone(),
            answers: Vec::new(),
        })
    })
}

async fn store(store: &SqliteStore, changes: ChangeSet) -> Result<(), StoreError> {
    let scope = Scope {
        skus: [sku()].into(),
        ..Scope::default()
    };
    store.transact(&scope, decided(changes)).await.map(drop)
}

#[tokio::test]
async fn the_settings_that_keep_the_books_safe_are_in_force_and_readers_can_not_write() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    let setting = |connection: &mut SqliteConnection, pragma: &'static str| -> i64 {
        statement::<BigInt>(pragma).get_result(connection).expect("a setting")
    };
    let mut writer = shelf.stranger();
    let mode: String = statement::<Text>("PRAGMA journal_mode")
        .get_result(&mut writer)
        .expect("a setting");
    assert_eq!(mode, "wal");
    assert_eq!(setting(&mut writer, "PRAGMA synchronous"), 2, "FULL");
    assert_eq!(setting(&mut writer, "PRAGMA foreign_keys"), 1);
    assert_eq!(setting(&mut writer, "PRAGMA busy_timeout"), 5_000);
    let copied_at_commits = setting(&mut writer, "PRAGMA wal_autocheckpoint");
    assert_eq!(copied_at_commits, 0, "another thread puts the log into the file");

    let placing_event = books
        .readers
        .ask(move |reader| {
            assert_eq!(setting(reader, "PRAGMA busy_timeout"), 5_000);
            assert_eq!(setting(reader, "PRAGMA foreign_keys"), 1);
            Ok(reader.batch_execute("DELETE FROM products").is_err())
        })
        .await;
    assert!(placing_event.expect("an answer"));
}

#[test]
fn sqlite_is_compiled_for_connections_that_are_one_threads_each() {
    let shelf = Shelf::new();
    let mut connection = shelf.address().open_plain().expect("the file opens");
    let options: Vec<String> = statement::<Text>("PRAGMA compile_options")
        .load(&mut connection)
        .expect("it tells");
    let has = |name: &str| options.iter().any(|option| option == name);
    // The workspace says how: `.cargo/config.toml`.
    assert!(has("THREADSAFE=2") && has("DEFAULT_MEMSTATUS=0"), "{options:?}");
    assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[tokio::test]
async fn a_book_that_is_opened_again_says_what_it_said() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    let said = books.history(&sku()).await.expect("an answer").expect("a product");
    drop(books);

    let again = shelf.open().await;
    let says = again.history(&sku()).await.expect("an answer").expect("a product");
    assert_eq!(says, said);
    assert_eq!(says.product, product("Lampe Été", 2));
    assert_eq!(
        says.batches,
        [BatchRecord {
            allocated: Units::new(4),
            ..batch()
        }]
    );
    assert_eq!(says.allocations, a_small_book().earmarked);
    let events: Vec<Event> = says.events.into_iter().map(|sequenced| sequenced.event).collect();
    assert_eq!(events, a_small_book().events);
    let lines = again.lines(LineFilter::All, None, 10).await.expect("an answer");
    assert_eq!(lines.len(), 1);
    store(&again, renamed(2)).await.expect("stored");
    let page = again.events(&EventFilter::default(), 0, 10).await.expect("an answer");
    let sequences: Vec<u64> = page.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn the_tables_refuse_what_would_break_the_first_rule_whoever_asks() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    let mut stranger = shelf.stranger();
    stranger
        .batch_execute(
            "DELETE FROM further_allocations; \
             INSERT INTO lines VALUES \
             ('O-1', 'own', 'LAMP', 4, 'allocated', 0, 0, 0, 0, NULL, NULL, 'B-1', 4, 0, NULL), \
             ('O-1', 'more', 'LAMP', 7, 'backordered', 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, NULL)",
        )
        .expect("a line with four units, and one that waits");
    for forbidden in [
        "UPDATE batches SET allocated = 3",
        "UPDATE batches SET allocated = 5",
        "UPDATE batches SET open = FALSE",
        // Four are allocated, and a check could be ignored.
        "INSERT OR IGNORE INTO further_allocations VALUES ('O-1', 'more', 'B-1', 7, 0, 0)",
        "INSERT OR FAIL INTO further_allocations VALUES ('O-1', 'more', 'B-1', 7, 0, 0)",
        "UPDATE batches SET quantity = 3",
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, allocated) \
         VALUES ('B-2', 'LAMP', 'main', 2, 5, 5, 1)",
        // A line lets its units go as a whole, and gets others apart.
        "UPDATE lines SET units = 3 WHERE batch = 'B-1'",
        "UPDATE lines SET batch = 'B-9' WHERE batch = 'B-1'",
        "UPDATE lines SET release_rank = 7 WHERE batch = 'B-1'",
        "UPDATE lines SET placed_at = 7 WHERE batch = 'B-1'",
        "UPDATE lines SET batch = NULL WHERE batch = 'B-1'",
        "UPDATE lines SET batch = 'B-1', units = 1 WHERE line_id = 'more'",
        "INSERT INTO further_allocations VALUES ('O-1', 'own', 'B-1', 1, 0, 0)",
        "INSERT OR IGNORE INTO lines VALUES \
         ('O-1', 'most', 'LAMP', 7, 'allocated', 0, 0, 0, 0, NULL, NULL, 'B-1', 7, 0, NULL)",
        "INSERT INTO lines VALUES ('O-1', 'most', 'LAMP', 2, 'allocated', 0, 0, 0, 0, NULL, NULL, 'B-1', 3, 0, NULL)",
        "INSERT INTO lines VALUES ('O-1', 'most', 'LAMP', 2, 'allocated', 0, 0, 0, 0, NULL, NULL, 'B-9', 2, 0, NULL)",
        "INSERT INTO further_allocations VALUES ('O-1', 'LAMP', 'B-9', 1, 0, 0)",
        "INSERT INTO further_allocations VALUES ('O-9', 'LAMP', 'B-1', 1, 0, 0)",
        "UPDATE lines SET state = 'lost'",
        "UPDATE lines SET state = 'held'",
        "UPDATE lines SET hold_until = 1 WHERE state = 'allocated'",
        "UPDATE batches SET dispatched = 1",
        "INSERT INTO batches (reference, sku, location, ordinal, created_quantity, quantity, dispatched) \
         VALUES ('B-2', 'LAMP', 'main', 2, 5, 5, 1)",
        // Four of ten are allocated.
        "INSERT OR IGNORE INTO dispatches VALUES ('O-1', 'LAMP', 'B-1', 7, 0)",
        "INSERT INTO dispatches VALUES ('O-1', 'LAMP', 'B-9', 1, 0)",
        "INSERT INTO dispatches VALUES ('O-9', 'LAMP', 'B-1', 1, 0)",
        "UPDATE events SET actor = 'nobody'",
        "DELETE FROM events",
        "DELETE FROM batches",
        "UPDATE batches SET reference = 'B-7'",
        "DELETE FROM lines",
    ] {
        assert!(stranger.batch_execute(forbidden).is_err(), "{forbidden}");
    }
    stranger
        .batch_execute("INSERT INTO dispatches VALUES ('O-1', 'LAMP', 'B-1', 6, 0)")
        .expect("six are left");
    for forbidden in [
        "UPDATE dispatches SET quantity = 5",
        "UPDATE batches SET dispatched = 5",
        "UPDATE batches SET dispatched = 0",
        "UPDATE batches SET open = TRUE",
        "INSERT INTO further_allocations VALUES ('O-1', 'more', 'B-1', 1, 0, 0)",
    ] {
        assert!(stranger.batch_execute(forbidden).is_err(), "{forbidden}");
    }
    stranger
        .batch_execute("DELETE FROM dispatches")
        .expect("what has left may come back");
    // The sum follows where it may.
    let allocated = async || {
        let batch = books.batch(&batch_reference(), instant()).await.expect("an answer");
        batch.map(|batch| batch.record.allocated.get())
    };
    stranger
        .batch_execute(
            "INSERT INTO further_allocations VALUES ('O-1', 'more', 'B-1', 2, 0, 0); \
             INSERT INTO lines VALUES ('O-1', 'most', 'LAMP', 3, 'allocated', 0, 0, 0, 0, NULL, NULL, 'B-1', 3, 0, NULL)",
        )
        .expect("they fit");
    assert_eq!(allocated().await, Some(9));
    let altered = stranger.batch_execute("UPDATE further_allocations SET quantity = 1");
    assert!(altered.is_err(), "an allocation is made anew");
    stranger
        .batch_execute("UPDATE lines SET batch = NULL, units = NULL WHERE line_id = 'most'")
        .expect("it lets them go");
    assert_eq!(allocated().await, Some(6));
    stranger
        .batch_execute("DELETE FROM further_allocations; UPDATE lines SET batch = NULL, units = NULL")
        .expect("allocations may go");
    assert_eq!(allocated().await, Some(0));
}

#[tokio::test]
async fn more_than_a_batch_holds_is_told_as_broken_books_and_leaves_no_trace() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    let shrunk = ChangeSet {
        batches: vec![Change::Changed(BatchRecord {
            quantity: Count::new(3).expect("a count"),
            ..batch()
        })],
        ..renamed(2)
    };
    let refused = store(&books, shrunk).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    let stands = books
        .product(&sku(), instant())
        .await
        .expect("an answer")
        .expect("a product");
    assert_eq!(stands.summary.version, 2);
}

#[tokio::test]
async fn a_decision_taken_on_an_old_version_is_a_conflict() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    store(&books, renamed(2)).await.expect("stored");
    assert!(matches!(store(&books, renamed(2)).await, Err(StoreError::Conflict)));
    assert!(matches!(store(&books, a_small_book()).await, Err(StoreError::Conflict)));
}

/// A decision that says when it is being taken and waits to be let go.
fn held_up(changes: ChangeSet) -> (Decide, tokio::sync::oneshot::Receiver<()>, mpsc::Sender<()>) {
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (let_go, held): (mpsc::Sender<()>, Receiver<()>) = mpsc::channel();
    let waits = Mutex::new(Some((begun, held)));
    let taken = decided(changes);
    let decide: Decide = Arc::new(move |loaded| {
        let first = waits.lock().expect("nobody panicked").take();
        if let Some((begun, held)) = first {
            begun.send(()).expect("the test listens");
            held.recv().expect("the test lets go");
        }
        taken(loaded)
    });
    (decide, begins, let_go)
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_tears_nothing() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    let (decide, begins, let_go) = held_up(a_small_book());
    let scope = Scope::default();
    {
        let transaction = books.transact(&scope, decide);
        tokio::select! {
            biased;
            _ = transaction => unreachable!("the decision is held up"),
            begun = begins => begun.expect("the decision begins"),
        }
        // Here the caller's future is dropped, in the middle of the transaction.
    }
    let_go.send(()).expect("the decision waits");
    // The next transaction comes after it, and finds all of it.
    store(&books, renamed(2)).await.expect("stored");
    let product = books
        .product(&sku(), instant())
        .await
        .expect("an answer")
        .expect("a product");
    assert_eq!(product.summary.version, 3);
    assert_eq!(product.summary.allocated, Units::new(4));
}

#[tokio::test]
async fn questions_are_answered_while_a_transaction_is_under_way() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    let (decide, begins, let_go) = held_up(a_small_book());
    let other = books.clone();
    let transaction = tokio::spawn(async move { other.transact(&Scope::default(), decide).await.map(drop) });
    begins.await.expect("the decision begins");
    assert_eq!(books.product(&sku(), instant()).await.expect("an answer"), None);
    books.ready().await.expect("ready");
    let_go.send(()).expect("the decision waits");
    transaction.await.expect("it ends").expect("stored");
    assert!(books.product(&sku(), instant()).await.expect("an answer").is_some());
}

#[tokio::test]
async fn what_was_handed_in_is_stored_though_the_store_is_dropped() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    let (decide, begins, let_go) = held_up(a_small_book());
    let other = books.clone();
    let transaction = tokio::spawn(async move { other.transact(&Scope::default(), decide).await.map(drop) });
    begins.await.expect("the decision begins");
    transaction.abort();
    assert!(transaction.await.expect_err("it was cut off").is_cancelled());
    let_go.send(()).expect("the decision waits");
    drop(books);
    let again = shelf.open().await;
    assert!(again.product(&sku(), instant()).await.expect("an answer").is_some());
}

#[tokio::test]
async fn a_decision_that_panics_stores_nothing_and_the_next_is_taken() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    let other = books.clone();
    let panics: Decide = Arc::new(|_| unreachable!("a defect"));
    let ended = tokio::spawn(async move { other.transact(&Scope::default(), panics).await.map(drop) }).await;
    assert!(ended.expect_err("the panic reaches the caller").is_panic());
    store(&books, a_small_book()).await.expect("stored");
}

#[tokio::test]
async fn a_search_finds_names_in_any_case_and_takes_every_character_for_itself() {
    let shelf = Shelf::new();
    let books = shelf.open().await;
    store(&books, a_small_book()).await.expect("stored");
    for (search, found) in [("lam", 1), ("ÉTÉ", 1), ("e é", 1), ("%", 0), ("_AMP", 0), ("", 1)] {
        let products = books
            .products(Some(search), None, instant(), 10)
            .await
            .expect("an answer");
        assert_eq!(products.len(), found, "{search:?}");
    }
}
