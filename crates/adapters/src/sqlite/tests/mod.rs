//! What only SQLite has. The contract that every store keeps has tests of its own.

mod backup;
mod deferred_index;
mod epochs;
mod event_feed;
mod files;
mod inbox;
mod migrations;
mod outlook;
mod pipeline;
mod plans;
mod product_cache;
mod schema;
mod search;
mod tables;
mod transactions;

use std::path::PathBuf;
use std::sync::Arc;

use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{Decide, Decided, Store, StoreError};
use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, Count, Event, Fact, LineId, LineKey, LineRecord, LineState,
    LineTerms, Location, Locations, OrderId, OrderRecord, Precedence, Precondition, ProductChange, ProductName,
    ProductRecord, Promise, Quantity, Reference, ReleaseRank, Scope, Sku, Subject, Units,
};
use jiff::Timestamp;
use jiff::civil::date;
use tempfile::TempDir;

use super::connection::Address;
use super::file::FileConnection;
use super::statement::statement;
use super::{DEFAULT_READERS, SqliteStore};

/// A folder with a store's file, which is deleted with it.
struct ShopFile(TempDir);

impl ShopFile {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("shop.db")
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.file(), DEFAULT_READERS, true)
            .await
            .expect("the file opens")
    }

    fn address(&self) -> Address {
        Address::new(&self.file()).expect("an address")
    }

    /// A connection of another program, with the store's settings.
    fn other_program(&self) -> FileConnection {
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
        expiry_step: None,
        sku: sku(),
        name: Some(ProductName::new(name).expect("a product name")),
        version,
        batches_created: 1,
        safety_stock: Count::ZERO,
        depleted: false,
        next_expiry: None,
        at_risk: false,
        pending: None,
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
        overdue: false,
        receipt: None,
        closed: false,
    }
}

fn named(name: &str, version: u64) -> Event {
    Event {
        subject: Subject::Product { sku: sku(), version },
        occurred_at: instant(),
        decided_on: date(2031, 1, 2),
        actor: Arc::from("test"),
        correlation_id: Arc::from("r-1"),
        fact: Fact::ProductNamed {
            name: ProductName::new(name).expect("a product name"),
        },
    }
}

/// A product with a batch of ten, an order of four from it, and two events.
fn a_small_shop() -> ChangeSet {
    ChangeSet {
        products: vec![ProductChange {
            precondition: Precondition::SameVersion,
            read_version: None,
            record: product("Lampe Été", 2),
        }],
        batches: vec![Change::New(batch())],
        orders: vec![Change::New(OrderRecord {
            expiry_step: None,
            id: key().order,
            placed_at: instant(),
            precedence: Precedence::default(),
            asked: None,
            hold_until: None,
        })],
        lines: vec![Change::New(LineRecord {
            sku: sku(),
            state: LineState::Allocated,
            placed_version: 2,
            promise: Promise {
                on: Some(date(2031, 5, 6)),
                first_on: Some(date(2031, 5, 6)),
                due_by: None,
            },
            dispatched: Units::ZERO,
            terms: LineTerms {
                key: key(),
                quantity: quantity(4),
                split: true,
                placed_at: instant(),
                placed_with_order: true,
                asked: None,
                precedence: Precedence::default(),
                locations: Locations::ANY,
                hold_until: None,
            },
        })],
        earmarked: vec![AllocationRecord {
            key: key(),
            batch: batch_reference(),
            quantity: quantity(4),
            release_rank: ReleaseRank::of(Precedence::default(), false),
            allocated_version: 2,
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

/// A decision with this result.
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

/// The one number that a query yields.
fn number(connection: &mut SqliteConnection, query: &'static str) -> i64 {
    statement::<BigInt>(query).get_result(connection).expect("a number")
}
