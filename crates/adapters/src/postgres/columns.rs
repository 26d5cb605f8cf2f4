//! The columns of each table as they are read, with their types on both sides.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};

/// The columns of [`ProductRow`].
macro_rules! product_columns {
    () => {
        "sku, name, version, batches_created, resume_rank, resume_placed_at, resume_order_id, resume_line_id, \
         safety_stock, depleted, next_expiry"
    };
}
/// The columns of [`BatchRow`].
macro_rules! batch_columns {
    () => {
        "reference, sku, location, ordinal, created_quantity, created_eta, quantity, allocated, dispatched, eta, closed"
    };
}
/// The columns of [`LineRow`].
macro_rules! line_columns {
    () => {
        "order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, rank, locations, hold_until"
    };
}
/// The columns of [`AllocationRow`].
macro_rules! allocation_columns {
    () => {
        "order_id, line_id, batch, quantity, release_rank, allocated_at"
    };
}
/// The columns of [`DispatchRow`].
macro_rules! dispatch_columns {
    () => {
        "order_id, line_id, batch, quantity, allocated_at"
    };
}
/// The columns of [`OrderRow`].
macro_rules! order_columns {
    () => {
        "order_id, placed_at, priority, required_by, hold_until"
    };
}
/// The columns of [`EventRow`].
macro_rules! event_columns {
    () => {
        "sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data::text"
    };
}
pub(super) use {
    allocation_columns, batch_columns, dispatch_columns, event_columns, line_columns, order_columns, product_columns,
};

pub(super) type ProductTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    Integer,
    Nullable<BigInt>,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Text>,
    Integer,
    Bool,
    Nullable<Timestamptz>,
);
pub(super) type ProductRow = (
    String,
    Option<String>,
    i64,
    i32,
    Option<i64>,
    Option<PgTimestamp>,
    Option<String>,
    Option<String>,
    i32,
    bool,
    Option<PgTimestamp>,
);

pub(super) type BatchTypes = (
    Text,
    Text,
    Text,
    Integer,
    Integer,
    Nullable<Date>,
    Integer,
    BigInt,
    BigInt,
    Nullable<Date>,
    Bool,
);
pub(super) type BatchRow = (
    String,
    String,
    String,
    i32,
    i32,
    Option<PgDate>,
    i32,
    i64,
    i64,
    Option<PgDate>,
    bool,
);

pub(super) type LineTypes = (
    Text,
    Text,
    Text,
    Integer,
    Text,
    Bool,
    Timestamptz,
    Bool,
    BigInt,
    Nullable<Array<Text>>,
    Nullable<Timestamptz>,
);
pub(super) type LineRow = (
    String,
    String,
    String,
    i32,
    String,
    bool,
    PgTimestamp,
    bool,
    i64,
    Option<Vec<String>>,
    Option<PgTimestamp>,
);

pub(super) type AllocationTypes = (Text, Text, Text, Integer, BigInt, Timestamptz);
pub(super) type AllocationRow = (String, String, String, i32, i64, PgTimestamp);

pub(super) type DispatchTypes = (Text, Text, Text, Integer, Timestamptz);
pub(super) type DispatchRow = (String, String, String, i32, PgTimestamp);

pub(super) type OrderTypes = (Text, Timestamptz, Integer, Nullable<Date>, Nullable<Timestamptz>);
pub(super) type OrderRow = (String, PgTimestamp, i32, Option<PgDate>, Option<PgTimestamp>);

pub(super) type EventTypes = (
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Text,
    Timestamptz,
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
    PgTimestamp,
    String,
    String,
    String,
);
