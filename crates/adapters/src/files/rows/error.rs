//! Why a file can't be read.

use super::kind::Kind;

/// The longest record, in bytes: the same bound as for a line of the bulk call.
///
/// A row with the longest names has some KiB. A longer record means a file of another kind, or a quotation mark that is
/// never closed and would otherwise make the rest of the file one record.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Why a file can't be read any further. A single invalid row is a [`BadRow`](super::entry::BadRow) instead.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The bytes can't be read, or gzip data is corrupt.
    #[error("line {line}: {error}")]
    Read {
        /// The line that was being read.
        line: u64,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The file is empty, so that its columns are unknown.
    #[error("the file is empty: a header row is expected, such as {0}")]
    Empty(&'static str),
    /// The header has a column that rows of this kind don't have.
    #[error("unknown column {given:?} in the header; {kind} have {known}")]
    UnknownColumn {
        /// The column in the header.
        given: String,
        /// The kind of the rows.
        kind: Kind,
        /// The known columns.
        known: String,
    },
    /// The header names a column twice.
    #[error("column {0:?} occurs twice in the header")]
    ColumnTwice(String),
    /// The header lacks a column that every row needs.
    #[error("the header lacks column {missing:?}; {kind} have {known}")]
    MissingColumn {
        /// The column.
        missing: &'static str,
        /// The kind of the rows.
        kind: Kind,
        /// The known columns.
        known: String,
    },
    /// A record does not end.
    #[error(
        "line {line}: the record that begins here is longer than {MAX_RECORD_BYTES} bytes; \
         is a quotation mark not closed?"
    )]
    Endless {
        /// The line that it begins on.
        line: u64,
    },
}
