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
    // Each product with the version it was read at and the one it is to have: the same, unless it changes. What changes
    // is stored on the version it says, whether or not the decision was given that product.
    let mut versions: BTreeMap<&Sku, (u64, u64)> = premise
        .versions
        .iter()
        .map(|(sku, read)| (sku, (*read, *read)))
        .collect();
    for change in &changes.products {
        let read = change.read_version.ok_or(StoreError::Conflict)?;
        versions.insert(&change.record.sku, (read, change.record.version));
    }
    let statement = statement::<()>(PLACE)
        .array::<Text, _>(versions.keys().map(|sku| sku.as_str()).collect())
        .array::<BigInt, _>(versions.values().map(|(read, _)| pg_counter(*read)).collect())
        .array::<BigInt, _>(versions.values().map(|(_, next)| pg_counter(*next)).collect())
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
