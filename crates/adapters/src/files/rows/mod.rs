//! Reading: from the bytes of a file to its rows.

mod csv_records;
mod entry;
mod error;
mod kind;
mod lines;
mod reader;
mod source;
mod values;

pub use entry::{BadRow, Entry, LineEntry};
pub use error::{FileError, MAX_RECORD_BYTES};
pub use kind::Kind;
pub use reader::{Row, Rows};
pub use source::{Source, open};
