//! Files: the shop's stock and orders, read and written as CSV or NDJSON, plain or gzip.
//!
//! Reading is a stream: [`Rows`] holds one record at a time, whatever the size of the file. An invalid record is
//! reported with its line and reason, and the rows behind it are still read. A row is found again by its place, so a
//! file can be read twice: once to see which rows belong together, once to get them. A valid row consists of the
//! domain's own types, so nothing malformed gets further than this module. Writing is a stream too: see [`Table`].

mod export;
mod format;
mod rows;

pub use export::{AllocationRow, AuditRow, BacklogRow, BatchRow, EventRow, Exported, OrderRow, Table};
pub use format::Format;
pub use rows::{BadRow, Entry, FileError, Kind, LineEntry, Row, RowKey, Rows, Shape, Source, open};
