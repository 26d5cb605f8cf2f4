//! CSV records, with line numbers that stay right across quoted line breaks and blank lines.

use std::io::{self, BufRead, Chain, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{ByteRecord, Terminator};

use super::error::{FileError, MAX_RECORD_BYTES};

/// How much the CSV reader reads at once, and so how far it reads ahead: the bound on a record has to allow for it.
const READ_AHEAD_BYTES: usize = 16 * 1024;

/// Added behind the text, so that its last record ends as every other.
const LAST_LINE_END: &[u8] = b"\n";

/// The text with an allowance: the bytes that may be read until the present record is complete.
struct Rationed {
    text: Chain<Box<dyn BufRead + Send>, &'static [u8]>,
    allowance: Arc<AtomicUsize>,
}

impl Read for Rationed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let allowance = self.allowance.load(Ordering::Relaxed);
        if allowance == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let most = into.len().min(allowance);
        let read = self.text.read(&mut into[..most])?;
        self.allowance.store(allowance - read, Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads records one at a time.
pub(super) struct CsvRecords {
    reader: csv::Reader<Rationed>,
    allowance: Arc<AtomicUsize>,
    record: ByteRecord,
}

impl CsvRecords {
    pub(super) fn new(text: Box<dyn BufRead + Send>) -> Self {
        let allowance = Arc::new(AtomicUsize::new(0));
        let rationed = Rationed {
            text: text.chain(LAST_LINE_END),
            allowance: Arc::clone(&allowance),
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(READ_AHEAD_BYTES)
            // Only the line feed ends a record, so that the reader's line count is exact. The carriage return before it
            // is removed from the last field below.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(rationed);
        Self {
            reader,
            allowance,
            record: ByteRecord::new(),
        }
    }

    /// The next record that is not blank, with the line it begins on; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, FileError> {
        let line = loop {
            self.allowance
                .store(MAX_RECORD_BYTES + READ_AHEAD_BYTES, Ordering::Relaxed);
            let begun = self.reader.position().line();
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(error) => return Err(broken(error, begun)),
            }
            self.drop_carriage_return();
            if self.record.iter().any(|field| !field.is_empty()) || self.record.len() > 1 {
                break self.first_line();
            }
        };
        Ok(Some((line, &self.record)))
    }

    /// Counted back from the end of the record: its beginning, as the reader reports it, includes blank lines before
    /// it.
    fn first_line(&self) -> u64 {
        let breaks = self.record.iter().flatten().filter(|byte| **byte == b'\n').count();
        self.reader.position().line() - 1 - breaks as u64
    }

    fn drop_carriage_return(&mut self) {
        let last = self.record.len().checked_sub(1).and_then(|last| self.record.get(last));
        if let Some([rest @ .., b'\r']) = last {
            let rest = rest.to_vec();
            self.record.truncate(self.record.len() - 1);
            self.record.push_field(&rest);
        }
    }
}

fn broken(error: csv::Error, line: u64) -> FileError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => FileError::Endless { line },
        csv::ErrorKind::Io(error) => FileError::Read { line, error },
        // The reader is configured to accept records of any length and bytes of any kind, so no other error is
        // expected.
        other => FileError::Read {
            line,
            error: io::Error::other(format!("{other:?}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &'static str) -> Vec<(u64, Vec<String>)> {
        let mut records = CsvRecords::new(Box::new(text.as_bytes()));
        let mut all = Vec::new();
        while let Some((line, record)) = records.next().expect("text that can be read") {
            let fields = record
                .iter()
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect();
            all.push((line, fields));
        }
        all
    }

    fn numbers(text: &'static str) -> Vec<u64> {
        lines_of(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn records_are_numbered_by_the_line_they_begin_on() {
        assert_eq!(numbers("a,b\nc,d\ne,f\n"), [1, 2, 3]);
        assert_eq!(numbers("a,b\r\nc,d\r\ne,f"), [1, 2, 3]);
    }

    #[test]
    fn quoted_line_breaks_and_blank_lines_keep_the_numbers_right() {
        assert_eq!(numbers("a,b\n\"two\nlines\",d\ne,f\n"), [1, 2, 4]);
        assert_eq!(numbers("a,b\r\n\r\n\r\n\"two\r\nlines\",d\r\ne,f\r\n\r\n"), [1, 4, 6]);
    }

    #[test]
    fn a_carriage_return_before_the_line_end_is_not_part_of_a_field() {
        let fields = |text| lines_of(text).remove(0).1;
        assert_eq!(fields("a,b\r\n"), ["a", "b"]);
        assert_eq!(fields("a,\"b, \"\"c\"\"\"\r\n"), ["a", "b, \"c\""]);
        assert_eq!(fields("a,\r\n"), ["a", ""]);
    }

    #[test]
    fn an_open_quotation_mark_is_an_error_with_its_line() {
        let text = format!("a,b\nc,d\ne,\"{}", "no end\n".repeat(MAX_RECORD_BYTES));
        let mut records = CsvRecords::new(Box::new(io::Cursor::new(text)));
        assert!(matches!(records.next(), Ok(Some((1, _)))));
        assert!(matches!(records.next(), Ok(Some((2, _)))));
        assert!(matches!(records.next(), Err(FileError::Endless { line: 3 })));
    }
}
