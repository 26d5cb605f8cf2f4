//! Files: what shops keep their stock and orders in, read and written as CSV or NDJSON, plain or gzip.
//!
//! Reading is a stream: [`Rows`] holds one record at a time, whatever the size of the file, and a record that makes no
//! sense is told with its line and reason while the rows behind it are still read. A row that was understood is made of
//! the domain's own types, so nothing ill-formed gets further than this module. Writing is a stream too: see [`Table`].

mod csv_records;
mod entry;
mod lines;
mod rows;
mod source;
mod table;

use std::path::Path;

pub use entry::{BadRow, Entry, Kind, LineEntry};
pub use rows::{Row, Rows};
pub use source::{Source, open};
pub use table::{AllocationRow, BacklogRow, BatchRow, EventRow, Exported, OrderRow, Table};

/// The longest record, in bytes: the same bound that a line of the service's bulk call has.
///
/// A row of the longest names there are is some KiB. What is longer is no row but a file of another kind, or a
/// quotation mark that was never closed and would otherwise swallow the rest of the file.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header row; fields may be quoted.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The format that a file's name speaks of: `.csv`, `.ndjson` or `.jsonl`, with or without `.gz` behind it.
    #[must_use]
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// Why a file can't be read any further. A single row that makes no sense is a [`BadRow`] instead.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The bytes can't be had, or what calls itself gzip is broken.
    #[error("line {line}: {error}")]
    Read {
        /// The last line that was begun.
        line: u64,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is empty, so it does not even say which columns it has.
    #[error("the file is empty: a header row is expected, such as {0}")]
    Empty(&'static str),
    /// The header has a column that these rows don't have.
    #[error("unknown column {given:?} in the header; {kind} have {known}")]
    UnknownColumn {
        /// As it stands in the header.
        given: String,
        /// What the file was said to hold.
        kind: Kind,
        /// The columns there are.
        known: String,
    },
    /// The header names a column twice.
    #[error("column {0:?} stands twice in the header")]
    ColumnTwice(String),
    /// The header lacks a column that every row needs.
    #[error("the header lacks column {missing:?}; {kind} have {known}")]
    MissingColumn {
        /// Which.
        missing: &'static str,
        /// What the file was said to hold.
        kind: Kind,
        /// The columns there are.
        known: String,
    },
    /// A record does not end.
    #[error(
        "line {line}: the record that begins here is longer than {MAX_RECORD_BYTES} bytes; is a quotation mark not closed?"
    )]
    Endless {
        /// Where it begins.
        line: u64,
    },
}
