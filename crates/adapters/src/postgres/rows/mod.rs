//! Rows: a struct for each table, and its conversion into the domain's record.
//!
//! Each conversion goes through the domain's own constructors. A value that can't be true is reported with its table
//! and key ([`RowContext`](crate::sql::decode::RowContext)).

mod access_key;
mod access_log;
mod allocation;
mod batch;
mod event;
mod line;
mod line_read;
mod order;
mod product;
mod release_page;
mod session;
mod subscription;
pub(super) mod values;

use earmark_application::StoreError;

pub(super) use access_key::AccessKeyRow;
pub(super) use access_log::AccessLogRow;
pub(super) use allocation::{AllocationRow, DispatchRow};
pub(super) use batch::BatchRow;
pub(super) use event::EventRow;
pub(super) use line::{LineRow, joined_line};
pub(super) use line_read::{LineReadRow, LineReadTypes, line_reads, read_lines};
pub(super) use order::OrderRow;
pub(super) use product::ProductRow;
pub(super) use release_page::{ReleasePlace, bind_release_page, first_to_leave, last_to_leave, release_page};
pub(super) use session::SessionRow;
pub(super) use subscription::{DeadLetterRow, SubscriptionRow};

/// Converts rows into records.
pub(super) fn records<Row, Record>(rows: Vec<Row>) -> Result<Vec<Record>, StoreError>
where
    Record: TryFrom<Row, Error = StoreError>,
{
    rows.into_iter().map(Record::try_from).collect()
}
