//! Rows as structs, and the domain's records: each way through the domain's own constructors.

mod access_keys;
mod access_log;
mod events;
mod inbox;
mod orders;
mod sessions;
mod stock;
mod subscriptions;

use earmark_application::StoreError;
use jiff::{Timestamp, civil};

use crate::sql::decode::RowContext;

pub(super) use self::access_keys::{AccessKeyRow, access_key};
pub(super) use self::access_log::{AccessLogRow, logged_entry};
pub(super) use self::events::{EventRow, encoded_event, event};
pub(super) use self::inbox::processed_message;
pub(super) use self::orders::{
    AllocationRow, DispatchRow, OrderRow, PlacedLineRow, allocation, deadline, dispatch, joined_line, line_values,
    order, order_values, part, placed_line, units_in_batch,
};
pub(super) use self::sessions::{SessionRow, session};
pub(super) use self::stock::{BatchRow, ProductRow, batch, batch_values, product, product_values};
pub(super) use self::subscriptions::{DeadLetterRow, SubscriptionRow, dead_letter};

/// Instants and days as SQLite has them.
pub(super) trait Times {
    fn instant(&self, column: &str, microseconds: i64) -> Result<Timestamp, StoreError>;
    fn date(&self, column: &str, text: &str) -> Result<civil::Date, StoreError>;
}

impl Times for RowContext<'_> {
    fn instant(&self, column: &str, microseconds: i64) -> Result<Timestamp, StoreError> {
        self.read(column, Timestamp::from_microsecond(microseconds))
    }

    fn date(&self, column: &str, text: &str) -> Result<civil::Date, StoreError> {
        self.read(column, text.parse())
    }
}
