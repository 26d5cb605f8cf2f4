//! Reading: from the bytes of a file to its rows.

mod columns;
mod csv_records;
mod entry;
mod error;
mod gzip;
mod json_lines;
mod kind;
mod objects;
mod place;
mod reader;
mod source;
mod values;

pub use entry::{BadRow, Entry, LineEntry, RowKey};
pub use error::FileError;
pub use kind::Kind;
pub use reader::{Row, Rows};
pub use source::{Shape, Source, open};
