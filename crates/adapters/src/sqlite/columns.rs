//! The columns of each table as they are read, with their types on both sides.

use diesel::sql_types::{BigInt, Nullable, Text};

/// The columns of [`ProductRow`].
macro_rules! product_columns {
    () => {
        "products.sku, products.name, products.version, products.batches_created, products.resume_rank, \
         products.resume_placed_at, products.resume_order_id, products.resume_line_id, products.safety_stock, \
         products.depleted, products.next_expiry"
    };
}
/// The columns of [`BatchRow`].
macro_rules! batch_columns {
    () => {
        "batches.reference, batches.sku, batches.location, batches.ordinal, batches.created_quantity, \
         batches.created_eta, batches.quantity, batches.allocated, batches.dispatched, batches.eta, batches.closed"
    };
}
/// The columns of [`LineRow`].
macro_rules! line_columns {
    () => {
        "lines.order_id, lines.line_id, lines.sku, lines.quantity, lines.state, lines.split, lines.placed_at, \
         lines.placed_with_order, lines.rank, lines.locations, lines.hold_until"
    };
}
/// The columns of [`AllocationRow`].
macro_rules! allocation_columns {
    () => {
        "held.order_id, held.line_id, held.batch, held.quantity, held.release_rank, held.allocated_at"
    };
}
/// The columns of [`AllocationRow`], of the units that a line was placed with.
macro_rules! first_units_columns {
    () => {
        "lines.order_id, lines.line_id, lines.batch, lines.units, lines.release_rank, lines.placed_at"
    };
}
/// The columns of [`DispatchRow`].
macro_rules! dispatch_columns {
    () => {
        "dispatches.order_id, dispatches.line_id, dispatches.batch, dispatches.quantity, dispatches.allocated_at"
    };
}
/// The columns of [`OrderRow`].
macro_rules! order_columns {
    () => {
        "orders.order_id, orders.placed_at, orders.priority, orders.required_by, orders.hold_until"
    };
}
/// The columns of [`EventRow`].
macro_rules! event_columns {
    () => {
        "sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data"
    };
}
pub(super) use {
    allocation_columns, batch_columns, dispatch_columns, event_columns, first_units_columns, line_columns,
    order_columns, product_columns,
};

pub(super) type ProductTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<BigInt>,
);
pub(super) type ProductRow = (
    String,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    i64,
    i64,
    Option<i64>,
);

pub(super) type BatchTypes = (
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    Nullable<Text>,
    BigInt,
);
pub(super) type BatchRow = (
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
);

pub(super) type LineTypes = (
    Text,
    Text,
    Text,
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
);
pub(super) type LineRow = (
    String,
    String,
    String,
    i64,
    String,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    Option<i64>,
);

pub(super) type AllocationTypes = (Text, Text, Text, BigInt, BigInt, BigInt);
pub(super) type AllocationRow = (String, String, String, i64, i64, i64);

pub(super) type DispatchTypes = (Text, Text, Text, BigInt, BigInt);
pub(super) type DispatchRow = (String, String, String, i64, i64);

pub(super) type OrderTypes = (Text, BigInt, BigInt, Nullable<Text>, Nullable<BigInt>);
pub(super) type OrderRow = (String, i64, i64, Option<String>, Option<i64>);

pub(super) type EventTypes = (
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Text,
    BigInt,
    Text,
    Text,
    Text,
);
pub(super) type EventRow = (
    i64,
    Option<String>,
    Option<i64>,
    Option<String>,
    String,
    i64,
    String,
    String,
    String,
);
