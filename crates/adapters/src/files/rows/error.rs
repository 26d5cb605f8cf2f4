//! Why a file can't be read.

use super::kind::Kind;

/// The longest CSV record, in bytes.
///
/// A row with the longest names has some KiB. A longer record means a file of another kind, or a quotation mark that is
/// never closed and would otherwise make the rest of the file one record.
pub(super) const MAX_CSV_RECORD_BYTES: u64 = 64 * 1024;

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
    /// Rows of this kind are JSON objects and have no columns.
    #[error("{0} are read from NDJSON: one JSON object a line")]
    NotCsv(Kind),
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
    /// A quotation mark is not closed before the end of the file.
    #[error("line {line}: the quotation mark here is not closed before the end of the file")]
    Unclosed {
        /// The line of the quotation mark.
        line: u64,
    },
    /// A row that was read before is not there any more.
    #[error("the file has changed while it was read")]
    Changed,
    /// A record does not end.
    #[error(
        "line {line}: the record here is longer than {MAX_CSV_RECORD_BYTES} bytes; is the quotation mark not closed?"
    )]
    Endless {
        /// The line of the field that does not end.
        line: u64,
    },
}
