//! Stores lines that were placed on what the store remembers: one statement, and a transaction of its own.
//!
//! The statement is a function of the schema (`place_lines`, see the migration). It locks the products in the order of
//! their SKUs and holds their versions, and the absence of what was taken to be new, against the books; only then it
//! writes. Where something is not as it was taken to be, it fails as a conflict, and nothing is stored.

use std::collections::{BTreeMap, BTreeSet};

use diesel::data_types::PgTimestamp;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{
    Change, ChangeSet, LineKey, LineRecord, OrderId, OrderRecord, Precondition, ProductRecord, Scope, Sku,
};
use jiff::Timestamp;

use super::error::{expect_rows, store_error};
use super::row::{counter, pg_instant};
use super::statement::{Statement, statement};
use super::write::{
    EVENTS_LOCK, bind_allocations, bind_claims, bind_events, bind_first_units, bind_line_terms, bind_lines,
    bind_order_terms, bind_orders,
};
use crate::sql::new_lines::{NewLine, NewLines};
use crate::sql::product_cache::BaseVersions;
use crate::sql::rank;

/// What a decision took for granted of a product.
#[derive(Debug, Clone, Copy)]
struct Stood {
    version: u64,
    /// Its form: all that it takes for granted of lines that are placed on room alone. `None`: it is not known.
    base_version: Option<u64>,
    /// When the next hold on it ends: that can change without a new version.
    next_expiry: Option<Timestamp>,
    /// Whether nothing was left of it: its version tells that too.
    depleted: bool,
}

/// What a decision took for granted, to be held against the books when it is stored.
#[derive(Debug, Default)]
pub(super) struct Premise {
    products: BTreeMap<Sku, Stood>,
    /// Orders that have neither header nor line.
    absent_orders: BTreeSet<OrderId>,
    /// Lines that do not exist.
    absent_lines: BTreeSet<LineKey>,
}

/// Why lines were not placed.
#[derive(Debug)]
pub(super) enum Misplaced {
    /// An order or a line is there that was taken to be new. What was taken for granted of products may hold.
    NotNew,
    /// Something else.
    Failed(StoreError),
}

impl From<Error> for Misplaced {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::NotNew,
            other => Self::Failed(store_error(other)),
        }
    }
}

impl From<Misplaced> for StoreError {
    fn from(why: Misplaced) -> Self {
        match why {
            Misplaced::NotNew => Self::Conflict,
            Misplaced::Failed(error) => error,
        }
    }
}

impl Premise {
    /// That products stand as they were read or remembered.
    pub(super) fn of(products: &[ProductRecord], base_versions: &BaseVersions) -> Self {
        let stood = |product: &ProductRecord| Stood {
            version: product.version,
            base_version: base_versions.get(&product.sku).copied(),
            next_expiry: product.next_expiry,
            depleted: product.depleted,
        };
        Self {
            products: products
                .iter()
                .map(|product| (product.sku.clone(), stood(product)))
                .collect(),
            ..Self::default()
        }
    }

    /// And that what a scope names is new.
    pub(super) fn with_nothing_of(mut self, scope: &Scope) -> Self {
        self.absent_orders = scope.orders.clone();
        self.absent_lines = scope.lines.clone();
        self
    }

    /// The products that it is about.
    pub(super) fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.products.keys()
    }

    /// Whether it says of each product that changes how it stood.
    pub(super) fn covers(&self, changes: &ChangeSet) -> bool {
        let mut changed = changes.products.iter();
        changed.all(|change| self.products.contains_key(&change.record.sku))
    }

    /// Gives a statement the products as they stood.
    fn bind_stood<'a, Row>(&'a self, statement: Statement<'a, Row>) -> Statement<'a, Row> {
        statement
            .array::<Text, _>(self.products.keys().map(Sku::as_str).collect())
            .array::<BigInt, i64>(self.products.values().map(|stood| counter(stood.version)).collect())
    }

    /// When the next hold on each product ended, as it was read.
    fn expiries(&self) -> Vec<Option<PgTimestamp>> {
        let deadlines = self.products.values().map(|stood| stood.next_expiry.map(pg_instant));
        deadlines.collect()
    }
}

/// Where a statement stands among those that follow one another on a connection. Each leaves its mark in the session,
/// and a mark goes with its transaction when that is rolled back: so whoever finds the mark of the one before knows that
/// it was stored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    /// The mark of the one before; `None`: it follows nobody.
    pub(super) behind: Option<u64>,
    /// The mark that it leaves itself; `None`: nobody follows it.
    pub(super) mark: Option<u64>,
}

/// A mark as a session keeps it.
fn text_of(mark: Option<u64>) -> Option<String> {
    mark.map(|mark| mark.to_string())
}

/// Whether a premise holds: for a decision that stores nothing, and tells what it has seen. `behind`: the mark of the
/// statement that it follows.
pub(super) async fn holds(
    conn: &AsyncPgConnection,
    premise: &Premise,
    behind: Option<u64>,
) -> Result<bool, StoreError> {
    // Each key is looked up alone, as everywhere.
    const HOLDS: &str = "SELECT NOT EXISTS (\
         SELECT FROM unnest(?, ?, ?) AS stood (one, version, expiry) LEFT JOIN LATERAL \
         (SELECT products.version, next_expiry FROM products WHERE sku = one LIMIT 1) AS product ON true \
         WHERE product.version IS DISTINCT FROM stood.version OR product.next_expiry IS DISTINCT FROM stood.expiry) \
         AND NOT EXISTS (SELECT FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT FROM orders WHERE order_id = one LIMIT 1) AS header) \
         AND NOT EXISTS (SELECT FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line) \
         AND NOT EXISTS (SELECT FROM unnest(?, ?) AS named (one_order, one_line) CROSS JOIN LATERAL \
         (SELECT FROM lines WHERE order_id = one_order AND line_id = one_line LIMIT 1) AS line) \
         AND coalesce(current_setting('earmark.pipeline_token', true), '') \
         = coalesce(?, current_setting('earmark.pipeline_token', true), '')";
    let orders = || premise.absent_orders.iter().map(OrderId::as_str).collect::<Vec<&str>>();
    let lines = &premise.absent_lines;
    let found: Vec<bool> = premise
        .bind_stood(statement::<Bool>(HOLDS))
        .array::<Nullable<Timestamptz>, _>(premise.expiries())
        .array::<Text, _>(orders())
        .array::<Text, _>(orders())
        .array::<Text, _>(lines.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(lines.iter().map(|key| key.line.as_str()).collect())
        .bind::<Nullable<Text>, _>(text_of(behind))
        .rows(conn)
        .await
        .map_err(store_error)?;
    Ok(found == [true])
}

/// Stores a change set that does nothing but place new lines of products that the premise covers, if the premise holds,
/// and what it follows was stored. It is sent when it is first polled.
///
/// # Errors
/// When they do not; nothing is stored then.
pub(super) async fn place(
    conn: &AsyncPgConnection,
    premise: &Premise,
    changes: &ChangeSet,
    link: Link,
) -> Result<(), Misplaced> {
    const PLACE: &str = "SELECT place_lines(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?)";
    let mut placed = NewLines::of(changes);
    placed.lines.sort_by_key(|placed| &placed.line.terms.key);
    let lines: Vec<&LineRecord> = placed.lines.iter().map(|placed| placed.line).collect();
    let mut orders: Vec<&OrderRecord> = changes.orders.iter().map(Change::value).collect();
    orders.sort_by_key(|order| &order.id);
    // The keys of those that are stored refuse a second one themselves.
    let stored: BTreeSet<&LineKey> = lines.iter().map(|line| &line.terms.key).collect();
    let absent: Vec<&LineKey> = premise
        .absent_lines
        .iter()
        .filter(|key| !stored.contains(key))
        .collect();
    // Each product as it was read and as it is to be: the same, unless it changes. What changes is stored on the version
    // it says.
    let changed: BTreeMap<&Sku, _> = changes
        .products
        .iter()
        .map(|change| (&change.record.sku, change))
        .collect();
    let (mut read, mut versions, mut expiries, mut depleted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut base_versions, mut rooms) = (Vec::new(), Vec::new());
    let mut usual_products = true;
    for (sku, stood) in &premise.products {
        let change = changed.get(sku);
        let read_version = change.map_or(Some(stood.version), |change| change.read_version);
        read.push(counter(read_version.ok_or(Misplaced::Failed(StoreError::Conflict))?));
        versions.push(counter(change.map_or(stood.version, |change| change.record.version)));
        let room = change.and_then(|change| match &change.precondition {
            Precondition::Escrow(room) => Some((stood.base_version?, room)),
            Precondition::SameVersion => None,
        });
        base_versions.push(room.map(|(base_version, _)| counter(base_version)));
        rooms.extend(room.into_iter().flat_map(|(_, room)| room));
        let expiry = change.map_or(stood.next_expiry, |change| change.record.next_expiry);
        expiries.push(expiry.map(pg_instant));
        let now_depleted = change.map_or(stood.depleted, |change| change.record.depleted);
        depleted.push(now_depleted);
        usual_products &= stood.next_expiry.is_none() && expiry.is_none() && now_depleted == stood.depleted;
    }
    let mut read_expiries = premise.expiries();
    // What is the usual for all of them is not even said, here and below.
    if usual_products {
        read_expiries.clear();
        expiries.clear();
        depleted.clear();
    }
    let statement = statement::<()>(PLACE)
        .list::<Text, _>(premise.products.keys().map(Sku::as_str).collect())
        .list::<BigInt, _>(read)
        .list::<BigInt, _>(versions)
        .list::<Nullable<BigInt>, _>(base_versions)
        .list::<Nullable<Timestamptz>, _>(read_expiries)
        .list::<Nullable<Timestamptz>, _>(expiries)
        .list::<Bool, _>(depleted)
        .list::<Text, _>(rooms.iter().map(|room| room.batch.as_str()).collect())
        .list::<BigInt, _>(rooms.iter().map(|room| counter(room.needed.get())).collect())
        .list::<Text, _>(premise.absent_orders.iter().map(OrderId::as_str).collect())
        .list::<Text, _>(absent.iter().map(|key| key.order.as_str()).collect())
        .list::<Text, _>(absent.iter().map(|key| key.line.as_str()).collect());
    let usual_orders = orders.iter().all(|order| is_usual_order(order));
    let usual_lines = placed.lines.iter().all(is_usual_line);
    let statement = bind_orders(statement, &orders);
    let statement = bind_order_terms(statement, if usual_orders { &[] } else { &orders });
    let statement = bind_lines(statement, &lines);
    let statement = bind_first_units(statement, &placed.lines, &changes.events);
    let statement = bind_claims(statement, if usual_lines { &[] } else { &placed.lines });
    let statement = bind_line_terms(statement, if usual_lines { &[] } else { &lines });
    let statement = bind_allocations(statement, &placed.further);
    let answered = bind_events(statement, &placed, &changes.events)
        .bind::<BigInt, _>(EVENTS_LOCK)
        .bind::<Nullable<Text>, _>(text_of(link.behind))
        .bind::<Nullable<Text>, _>(text_of(link.mark))
        .write(conn)
        .await?;
    expect_rows(answered, 1).map_err(Misplaced::Failed)
}

fn is_usual_order(order: &OrderRecord) -> bool {
    rank::rank(order.precedence) == 0 && order.hold_until.is_none()
}

fn is_usual_line(placed: &NewLine<'_>) -> bool {
    let line = placed.line;
    let usual_claim = placed
        .units
        .is_none_or(|held| rank::release_rank(held.release_rank) == 0);
    usual_claim
        && rank::rank(line.terms.precedence) == 0
        && line.terms.locations.is_any()
        && line.terms.hold_until.is_none()
}
