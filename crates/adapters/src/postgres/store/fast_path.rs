//! The fast path: stores new lines that were decided on cached products, in one statement and one round trip.
//!
//! This is optimistic concurrency: a decision keeps its [`ReadSet`], and the transaction that stores it validates that
//! in the same transaction. The statement is a function of the schema, `place_lines`. It locks the products in the
//! order of their SKUs, checks their versions and that what was taken to be new is new, and only then writes. If the
//! read set no longer holds, the function fails with a conflict, and nothing is stored.

use std::collections::{BTreeMap, BTreeSet};

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use earmark_application::StoreError;
use earmark_domain::{
    Change, ChangeSet, EscrowNeed, LineKey, LineRecord, OrderId, OrderRecord, Precondition, ProductChange,
    ProductRecord, Scope, Sku,
};
use jiff::Timestamp;

use super::write::events::bind_events;
use super::write::lines::{bind_first_units, bind_line_terms, bind_lines, bind_release_ranks, first_promised_on};
use super::write::orders::{bind_order_terms, bind_orders};
use super::write::units::bind_allocations;
use crate::postgres::error::{StatementError, StatementResult, store_error};
use crate::postgres::numbering::EVENTS_LOCK;
use crate::postgres::rows::values::pg_instant;
use crate::postgres::session::Session;
use crate::postgres::statement::{Statement, statement};
use crate::sql::decode::counter;
use crate::sql::new_lines::{NewLine, NewLines};
use crate::sql::product_cache::BaseVersions;
use crate::sql::rank;

/// What a decision read of a product.
#[derive(Debug, Clone, Copy)]
struct ProductRead {
    version: u64,
    /// The base version, which suffices for lines that are placed under escrow. `None`: it is not known.
    base_version: Option<u64>,
    /// When the next hold on it ends: that can change without a new version.
    next_expiry: Option<Timestamp>,
    /// Whether it was depleted. The version covers that as well.
    depleted: bool,
}

/// What a decision read, to be validated when it is stored.
#[derive(Debug, Default)]
pub(super) struct ReadSet {
    products: BTreeMap<Sku, ProductRead>,
    /// Orders that have neither header nor line.
    absent_orders: BTreeSet<OrderId>,
    /// Lines that do not exist.
    absent_lines: BTreeSet<LineKey>,
    /// Orders that lines are added to, which are new or plain: neither held nor cancelled, and without terms of their
    /// own.
    plain_orders: BTreeSet<OrderId>,
}

/// Why the fast path stored nothing.
#[derive(Debug)]
pub(super) enum FastPathError {
    /// An order or a line exists that was taken to be new, or an order has terms that was taken to have none. What was read of the products may still hold.
    NotNew,
    /// Anything else.
    Failed(StatementError),
}

impl FastPathError {
    /// Whether it is not known whether anything was stored.
    pub(super) const fn leaves_outcome_unknown(&self) -> bool {
        match self {
            Self::NotNew => false,
            Self::Failed(error) => error.leaves_outcome_unknown(),
        }
    }
}

impl From<StatementError> for FastPathError {
    fn from(error: StatementError) -> Self {
        if error.is_unique_violation() {
            Self::NotNew
        } else {
            Self::Failed(error)
        }
    }
}

impl From<FastPathError> for StoreError {
    fn from(error: FastPathError) -> Self {
        match error {
            FastPathError::NotNew => Self::Conflict,
            FastPathError::Failed(error) => store_error(error),
        }
    }
}

impl ReadSet {
    /// Products as they were read, or as they are cached.
    pub(super) fn of<'a>(products: impl IntoIterator<Item = &'a ProductRecord>, base_versions: &BaseVersions) -> Self {
        let read = |product: &ProductRecord| ProductRead {
            version: product.version,
            base_version: base_versions.get(&product.sku).copied(),
            next_expiry: product.next_expiry,
            depleted: product.depleted,
        };
        Self {
            products: products
                .into_iter()
                .map(|product| (product.sku.clone(), read(product)))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds that none of the scope's orders and lines exists, and that the orders that lines are added to are new or
    /// plain.
    pub(super) fn with_absent(mut self, scope: &Scope) -> Self {
        self.absent_orders = scope.orders.clone();
        self.absent_lines = scope.lines.clone();
        self.plain_orders = scope.joined.clone();
        self
    }

    /// The products that were read.
    pub(super) fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.products.keys()
    }

    /// Whether every product that changes was read.
    pub(super) fn covers(&self, changes: &ChangeSet) -> bool {
        let mut changed = changes.products.iter();
        changed.all(|change| self.products.contains_key(&change.record.sku))
    }

    /// When the next hold on each product ended, as it was read.
    fn expiries(&self) -> Vec<Option<PgTimestamp>> {
        let expiries = self.products.values().map(|read| read.next_expiry.map(pg_instant));
        expiries.collect()
    }
}

/// The position of a transaction in a pipeline on one connection. Each leaves its token in the session, and a rollback
/// takes the token back as well: a successor that finds its predecessor's token knows that the predecessor was stored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PipelineLink {
    /// The token of the predecessor; `None`: there is none.
    pub(super) predecessor: Option<u64>,
    /// The token that this transaction leaves; `None`: there is no successor.
    pub(super) token: Option<u64>,
}

/// A pipeline token as the session setting keeps it.
fn setting(token: Option<u64>) -> Option<String> {
    token.map(|token| token.to_string())
}

/// Whether a read set holds, and no work is pending on its products, which no version tells: for a decision that stores
/// nothing and reports what it has read.
pub(super) async fn is_valid(conn: &Session, read_set: &ReadSet, predecessor: Option<u64>) -> StatementResult<bool> {
    // By hand: each key is looked up in a LATERAL, as everywhere.
    const IS_VALID: &str = "SELECT NOT EXISTS (\
         SELECT FROM unnest(?, ?, ?) AS read (one, version, expiry) LEFT JOIN LATERAL \
         (SELECT products.version, next_expiry, pending FROM products WHERE sku = one LIMIT 1) AS product ON true \
         WHERE product.version IS DISTINCT FROM read.version OR product.next_expiry IS DISTINCT FROM read.expiry \
         OR product.pending IS NOT NULL) \
         AND NOT EXISTS (SELECT FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT FROM orders WHERE order_id = one LIMIT 1) AS header) \
         AND NOT EXISTS (SELECT FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line) \
         AND NOT EXISTS (SELECT FROM unnest(?, ?) AS named (one_order, one_line) CROSS JOIN LATERAL \
         (SELECT FROM lines WHERE order_id = one_order AND line_id = one_line LIMIT 1) AS line) \
         AND NOT EXISTS (SELECT FROM unnest(?) AS named (one) CROSS JOIN LATERAL \
         (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line \
         WHERE EXISTS (SELECT FROM orders WHERE order_id = one \
         AND (priority <> 0 OR required_by IS NOT NULL OR hold_until IS NOT NULL) OFFSET 0) \
         OR NOT EXISTS (SELECT FROM lines WHERE order_id = one AND state NOT IN ('cancelled', 'refused') OFFSET 0)) \
         AND coalesce(current_setting('earmark.pipeline_token', true), '') \
         = coalesce(?, current_setting('earmark.pipeline_token', true), '')";
    let orders = || {
        read_set
            .absent_orders
            .iter()
            .map(OrderId::as_str)
            .collect::<Vec<&str>>()
    };
    let lines = &read_set.absent_lines;
    let found: Vec<bool> = statement::<Bool>(IS_VALID)
        .array::<Text, _>(read_set.products.keys().map(Sku::as_str).collect())
        .array::<BigInt, i64>(read_set.products.values().map(|read| counter(read.version)).collect())
        .array::<Nullable<Timestamptz>, _>(read_set.expiries())
        .array::<Text, _>(orders())
        .array::<Text, _>(orders())
        .array::<Text, _>(lines.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(lines.iter().map(|key| key.line.as_str()).collect())
        .array::<Text, _>(read_set.plain_orders.iter().map(OrderId::as_str).collect())
        .bind::<Nullable<Text>, _>(setting(predecessor))
        .rows(conn)
        .await?;
    Ok(found == [true])
}

/// Stores a change set that only places new lines of products in the read set, if the read set holds and the
/// predecessor was stored. It is sent when it is first polled.
///
/// # Errors
/// If they do not hold; nothing is stored then.
pub(super) async fn place_lines(
    conn: &Session,
    read_set: &ReadSet,
    changes: &ChangeSet,
    link: PipelineLink,
) -> Result<(), FastPathError> {
    // By hand: a function of many arrays.
    const PLACE_LINES: &str = "SELECT place_lines(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut new = NewLines::of(changes);
    new.lines.sort_by_key(|new| &new.line.terms.key);
    let lines: Vec<&LineRecord> = new.lines.iter().map(|new| new.line).collect();
    let mut orders: Vec<&OrderRecord> = changes.orders.iter().map(Change::value).collect();
    orders.sort_by_key(|order| &order.id);
    // The primary key refuses a second line by itself: only lines that are not stored are checked.
    let stored: BTreeSet<&LineKey> = lines.iter().map(|line| &line.terms.key).collect();
    let absent_lines = read_set.absent_lines.iter().filter(|key| !stored.contains(key));
    let absent_lines: Vec<&LineKey> = absent_lines.collect();

    let statement = bind_products(statement(PLACE_LINES), read_set, &changes.products)?
        .array_or_null::<Text, _>(read_set.absent_orders.iter().map(OrderId::as_str).collect())
        .array_or_null::<Text, _>(absent_lines.iter().map(|key| key.order.as_str()).collect())
        .array_or_null::<Text, _>(absent_lines.iter().map(|key| key.line.as_str()).collect())
        .array_or_null::<Text, _>(read_set.plain_orders.iter().map(OrderId::as_str).collect());
    // Where all have the usual, nothing is sent.
    let usual_orders = orders.iter().all(|order| is_usual_order(order));
    let usual_lines = new.lines.iter().all(is_usual_line);
    let statement = bind_orders(statement, &orders);
    let statement = bind_order_terms(statement, if usual_orders { &[] } else { &orders });
    let statement = bind_lines(statement, &lines);
    let statement = bind_first_units(statement, &new.lines);
    let statement = bind_release_ranks(statement, if usual_lines { &[] } else { &new.lines });
    let statement = bind_line_terms(statement, if usual_lines { &[] } else { &lines });
    let statement = bind_allocations(statement, &new.further);
    let answered = bind_events(statement, &new, &changes.events)
        .bind::<BigInt, _>(EVENTS_LOCK)
        .bind::<Nullable<Text>, _>(setting(link.predecessor))
        .bind::<Nullable<Text>, _>(setting(link.token))
        .execute(conn)
        .await?;
    if answered != 1 {
        return Err(FastPathError::Failed(StatementError::stale()));
    }
    Ok(conn.check_acknowledged()?)
}

/// Binds each product as it was read and as it is to be: the same, unless it changes.
fn bind_products<'a>(
    statement: Statement<'a>,
    read_set: &'a ReadSet,
    changes: &'a [ProductChange],
) -> Result<Statement<'a>, FastPathError> {
    let changed: BTreeMap<&Sku, &ProductChange> = changes.iter().map(|change| (&change.record.sku, change)).collect();
    let (mut read_versions, mut new_versions, mut base_versions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut expiries, mut depleted, mut at_risk) = (Vec::new(), Vec::new(), Vec::new());
    let mut escrow: Vec<&EscrowNeed> = Vec::new();
    let mut usual = true;
    for (sku, read) in &read_set.products {
        let change = changed.get(sku);
        // A change is stored on the version that it names.
        let read_version = change.map_or(Some(read.version), |change| change.read_version);
        read_versions.push(counter(
            read_version.ok_or_else(|| FastPathError::Failed(StatementError::stale()))?,
        ));
        new_versions.push(counter(change.map_or(read.version, |change| change.record.version)));
        let needs = change.and_then(|change| match &change.precondition {
            Precondition::Escrow(needs) => Some((read.base_version?, needs)),
            Precondition::SameVersion => None,
        });
        base_versions.push(needs.map(|(base_version, _)| counter(base_version)));
        escrow.extend(needs.into_iter().flat_map(|(_, needs)| needs));
        let expiry = change.map_or(read.next_expiry, |change| change.record.next_expiry);
        expiries.push(expiry.map(pg_instant));
        let now_depleted = change.map_or(read.depleted, |change| change.record.depleted);
        depleted.push(now_depleted);
        at_risk.push(change.is_some_and(|change| change.record.at_risk));
        usual &= read.next_expiry.is_none() && expiry.is_none() && now_depleted == read.depleted;
    }
    let mut read_expiries = read_set.expiries();
    if usual {
        read_expiries.clear();
        expiries.clear();
        depleted.clear();
    }
    if !at_risk.contains(&true) {
        at_risk.clear();
    }
    Ok(statement
        .array_or_null::<Text, _>(read_set.products.keys().map(Sku::as_str).collect())
        .array_or_null::<BigInt, _>(read_versions)
        .array_or_null::<BigInt, _>(new_versions)
        .array_or_null::<Nullable<BigInt>, _>(base_versions)
        .array_or_null::<Nullable<Timestamptz>, _>(read_expiries)
        .array_or_null::<Nullable<Timestamptz>, _>(expiries)
        .array_or_null::<Bool, _>(depleted)
        .array_or_null::<Bool, _>(at_risk)
        .array_or_null::<Text, _>(escrow.iter().map(|need| need.batch.as_str()).collect())
        .array_or_null::<BigInt, _>(escrow.iter().map(|need| counter(need.needed.get())).collect()))
}

fn is_usual_order(order: &OrderRecord) -> bool {
    rank::rank(order.precedence) == 0 && order.hold_until.is_none()
}

fn is_usual_line(new: &NewLine<'_>) -> bool {
    let terms = &new.line.terms;
    let usual_rank = new.units.is_none_or(|held| rank::release_rank(held.release_rank) == 0);
    let usual_promise = first_promised_on(&new.line.promise).is_none() && new.line.promise.due_by.is_none();
    let usual_terms = rank::rank(terms.precedence) == 0 && terms.locations.is_any() && terms.hold_until.is_none();
    usual_rank && usual_terms && usual_promise && new.line.dispatched.is_zero()
}
