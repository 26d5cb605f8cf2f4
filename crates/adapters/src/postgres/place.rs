//! Stores lines that were placed on what the store remembers: one statement, and a transaction of its own.
//!
//! The statement is a function of the schema (`place_lines`, see the migration). It locks the products in the order of
//! their SKUs and holds their versions, and the absence of what was taken to be new, against the books; only then it
//! writes. Where something is not as it was taken to be, it fails as a conflict, and nothing is stored.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{BigInt, Text};
use diesel_async::AsyncPgConnection;
use earmark_application::StoreError;
use earmark_domain::{Change, Changes, LineKey, LineRecord, OrderId, ProductRecord, Scope, Sku};

use super::error::{expect_rows, store_error};
use super::row::pg_counter;
use super::statement::statement;
use super::write::{EVENTS_LOCK, bind_allocations, bind_events, bind_lines, bind_orders};

/// What a decision took for granted, to be held against the books when it is stored.
#[derive(Debug, Default)]
pub(super) struct Premise {
    /// The version of each product, by SKU.
    pub(super) versions: BTreeMap<Sku, u64>,
    /// Orders that have neither header nor line.
    pub(super) absent_orders: BTreeSet<OrderId>,
    /// Lines that do not exist.
    pub(super) absent_lines: BTreeSet<LineKey>,
}

impl Premise {
    /// That products stand as they were read or remembered.
    pub(super) fn of(products: &[ProductRecord]) -> Self {
        Self {
            versions: products
                .iter()
                .map(|product| (product.sku.clone(), product.version))
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
}

/// Stores a change set that does nothing but place new lines, if its premise holds.
///
/// # Errors
/// `Conflict` when it does not; nothing is stored then.
pub(super) async fn place(conn: &AsyncPgConnection, premise: &Premise, changes: &Changes) -> Result<(), StoreError> {
    const PLACE: &str = "SELECT place_lines(?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let lines: Vec<&LineRecord> = changes.lines.iter().map(Change::value).collect();
    // The keys of those that are stored refuse a second one themselves.
    let stored: BTreeSet<&LineKey> = lines.iter().map(|line| &line.key).collect();
    let absent: Vec<&LineKey> = premise
        .absent_lines
        .iter()
        .filter(|key| !stored.contains(key))
        .collect();
    let versions: BTreeMap<&Sku, u64> = changes
        .products
        .iter()
        .map(|change| (&change.record.sku, change.record.version))
        .collect();
    let version = |(sku, read): (&Sku, &u64)| pg_counter(versions.get(sku).copied().unwrap_or(*read));
    let statement = statement::<()>(PLACE)
        .array::<Text, _>(premise.versions.keys().map(Sku::as_str).collect())
        .array::<BigInt, _>(premise.versions.values().copied().map(pg_counter).collect())
        .array::<BigInt, _>(premise.versions.iter().map(version).collect())
        .array::<Text, _>(premise.absent_orders.iter().map(OrderId::as_str).collect())
        .array::<Text, _>(absent.iter().map(|key| key.order.as_str()).collect())
        .array::<Text, _>(absent.iter().map(|key| key.line.as_str()).collect());
    let statement = bind_lines(bind_orders(statement, &changes.orders), &lines);
    let statement = bind_events(bind_allocations(statement, &changes.earmarked), &changes.events);
    let answered = statement
        .bind::<BigInt, _>(EVENTS_LOCK)
        .write(conn)
        .await
        .map_err(store_error)?;
    expect_rows(answered, 1)
}
