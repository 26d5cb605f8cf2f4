//! CSV records: each with its place in the text, so that it can be found again.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::error::{FileError, MAX_CSV_RECORD_BYTES};
use super::place::Place;

/// Room for the fields of nearly every record, so that their buffers are allocated once.
const USUAL_BYTES: usize = 256;
const USUAL_FIELDS: usize = 16;

/// Stands behind text whose last record has no line end.
const LINE_END: &[u8] = b"\n";

/// Reads records one at a time.
pub(super) struct CsvRecords<T> {
    text: T,
    parser: Reader,
    /// The fields of the last record, one behind the other, and where each ends.
    content: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    count: usize,
    /// How many bytes of the text have been read.
    offset: u64,
}

impl<T: BufRead> CsvRecords<T> {
    /// The records of a text that begins at this byte of its file.
    pub(super) fn new(text: T, begins_at: u64) -> Self {
        Self {
            text,
            // Only the line feed ends a record, so that the line count is exact. The carriage return before it is
            // removed from the last field below.
            parser: ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build(),
            content: vec![0; USUAL_BYTES],
            length: 0,
            ends: vec![0; USUAL_FIELDS],
            count: 0,
            offset: begins_at,
        }
    }

    /// Reads the next record that is not blank; `None` at the end. A record without a character in any field is what a
    /// spreadsheet makes of a blank line.
    pub(super) fn next(&mut self) -> Result<Option<Place>, FileError> {
        while let Some(place) = self.read()? {
            self.drop_carriage_return();
            if self.fields().any(|field| !field.is_empty()) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The fields of the last record.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.count).map(|index| &self.content[self.begin_of(index)..self.ends[index]])
    }

    fn read(&mut self) -> Result<Option<Place>, FileError> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let (line, offset) = (self.parser.line(), self.offset);
        (self.length, self.count) = (0, 0);
        let whole = loop {
            let line = self.parser.line();
            let input = self.text.fill_buf().map_err(|error| FileError::Read { line, error })?;
            let at_end = input.is_empty();
            let (result, taken, copied, ended) = self.parser.read_record(
                if at_end { LINE_END } else { input },
                &mut self.content[self.length..],
                &mut self.ends[self.count..],
            );
            self.length += copied;
            self.count += ended;
            if !at_end {
                self.text.consume(taken);
                self.offset += taken as u64;
            }
            match result {
                ReadRecordResult::Record => break !at_end,
                // A line end does not end this record: it stands within quotation marks.
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(FileError::Unclosed {
                        line: self.line_of_last_field(),
                    });
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
                ReadRecordResult::OutputFull => self.content.resize(self.content.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
            if self.offset - offset > MAX_CSV_RECORD_BYTES {
                return Err(FileError::Endless {
                    line: self.line_of_last_field(),
                });
            }
        };
        Ok(Some(Place {
            line,
            last_line: self.parser.line() - 1,
            offset,
            bytes: self.offset - offset,
            whole,
        }))
    }

    /// Skips empty lines, which the parser would count as part of the next record. `false`: the text ends.
    fn skip_line_ends(&mut self) -> Result<bool, FileError> {
        loop {
            let line = self.parser.line();
            let input = self.text.fill_buf().map_err(|error| FileError::Read { line, error })?;
            if input.is_empty() {
                return Ok(false);
            }
            let blank = input.iter().take_while(|byte| **byte == b'\n').count();
            if blank == 0 {
                return Ok(true);
            }
            self.text.consume(blank);
            self.offset += blank as u64;
            self.parser.set_line(line + blank as u64);
        }
    }

    fn begin_of(&self, field: usize) -> usize {
        field.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The line on which the field begins that is being read: of a field that does not end, that of its quotation mark.
    fn line_of_last_field(&self) -> u64 {
        let field = &self.content[self.begin_of(self.count)..self.length];
        self.parser.line() - field.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    fn drop_carriage_return(&mut self) {
        if let Some(last) = self.count.checked_sub(1)
            && self.content[self.begin_of(last)..self.ends[last]].ends_with(b"\r")
        {
            self.ends[last] -= 1;
        }
    }
}

impl CsvRecords<BufReader<File>> {
    /// Lets the next record be the one at this place.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.parser.set_line(line);
        super::place::seek(&mut self.text, &mut self.offset, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut records = CsvRecords::new(text.as_bytes(), 0);
        let mut all = Vec::new();
        while let Some(place) = records.next().expect("text that can be read") {
            let fields = records
                .fields()
                .map(|field| String::from_utf8_lossy(field).into_owned())
                .collect();
            all.push((place.line, fields));
        }
        all
    }

    fn numbers(text: &str) -> Vec<u64> {
        lines_of(text).into_iter().map(|(line, _)| line).collect()
    }

    /// The error that ends the text.
    fn error_of(text: &str) -> FileError {
        let mut records = CsvRecords::new(text.as_bytes(), 0);
        loop {
            match records.next() {
                Ok(Some(_)) => {}
                Ok(None) => unreachable!("an error was expected"),
                Err(error) => return error,
            }
        }
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
    fn a_record_without_a_character_is_a_blank_line() {
        assert_eq!(numbers("a,b\n,\n\n,\r\nc,d\n,,,,\n,"), [1, 5]);
    }

    #[test]
    fn a_carriage_return_before_the_line_end_is_not_part_of_a_field() {
        let fields = |text| lines_of(text).remove(0).1;
        assert_eq!(fields("a,b\r\n"), ["a", "b"]);
        assert_eq!(fields("a,\"b, \"\"c\"\"\"\r\n"), ["a", "b, \"c\""]);
        assert_eq!(fields("a,\r\n"), ["a", ""]);
    }

    #[test]
    fn many_and_long_fields_are_read_whole() {
        let (many, long) = (vec!["x"; 1_000].join(","), "y".repeat(5_000));
        let read = lines_of(&format!("{many}\n{long},z\n"));
        assert_eq!(read[0].1.len(), 1_000);
        assert_eq!(read[1].1, [long, "z".to_owned()]);
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_an_error_with_its_own_line() {
        // Not the line on which its record begins, nor one of the blank lines before it.
        let error = error_of("a,b\n\n\n\"two\nlines\",\"open\nc,d\ne,f\n");
        assert!(matches!(error, FileError::Unclosed { line: 5 }), "{error}");
        let error = error_of("a,b\nc,\"");
        assert!(matches!(error, FileError::Unclosed { line: 2 }), "{error}");
        let text = format!("a,b\n\nc,d\ne,\"{}", "no end\n".repeat(64 * 1024));
        assert!(matches!(error_of(&text), FileError::Endless { line: 4 }));
    }

    #[test]
    fn a_record_is_whole_if_a_line_end_ends_it() {
        let mut records = CsvRecords::new(&b"a,b\nc,d"[..], 0);
        let mut whole = || records.next().ok().flatten().map(|place| place.whole);
        assert_eq!((whole(), whole(), whole()), (Some(true), Some(false), None));
    }
}
