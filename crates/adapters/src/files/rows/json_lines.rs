//! Lines of text of bounded length, for NDJSON.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::place::Place;
use crate::wire::MAX_COMMAND_BYTES;

/// Reads lines one at a time.
pub(super) struct JsonLines<T> {
    text: T,
    line: u64,
    offset: u64,
    /// The last line, without its line end. Never longer than a command may be.
    buffer: Vec<u8>,
}

impl<T: BufRead> JsonLines<T> {
    /// The lines of a text that begins at this byte of its file.
    pub(super) const fn new(text: T, begins_at: u64) -> Self {
        Self {
            text,
            line: 1,
            offset: begins_at,
            buffer: Vec::new(),
        }
    }

    /// The line that is read next, counted from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next line that is not blank; `None` at the end. The flag: whether it has at most
    /// [`MAX_COMMAND_BYTES`]; a longer one is skipped, and is not in the buffer.
    pub(super) fn next(&mut self) -> io::Result<Option<(Place, bool)>> {
        loop {
            let (line, offset) = (self.line, self.offset);
            self.buffer.clear();
            // Two bytes more than a command may have, for the line end.
            let most = MAX_COMMAND_BYTES as u64 + 2;
            let read = (&mut self.text).take(most).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.offset += read as u64;
            let mut whole = self.buffer.ends_with(b"\n");
            if whole {
                self.buffer.pop();
                if self.buffer.ends_with(b"\r") {
                    self.buffer.pop();
                }
            }
            let fits = self.buffer.len() <= MAX_COMMAND_BYTES;
            if !fits && !whole {
                self.offset += self.text.skip_until(b'\n')? as u64;
                whole = true;
            }
            self.line += 1;
            if fits && self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let place = Place {
                line,
                last_line: line,
                offset,
                bytes: self.offset - offset,
                whole,
            };
            return Ok(Some((place, fits)));
        }
    }

    /// The last line, without its line end.
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer
    }
}

impl JsonLines<BufReader<File>> {
    /// Lets the next line be the one at this place.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.line = line;
        super::place::seek(&mut self.text, &mut self.offset, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let long = format!("{}\n\nshort\r\nlast", "x".repeat(MAX_COMMAND_BYTES * 3));
        let mut lines = JsonLines::new(long.as_bytes(), 0);
        let mut next = || {
            let found = lines.next().expect("memory");
            found.map(|(place, fits)| (place.line, fits, fits.then(|| lines.text().to_vec())))
        };
        assert_eq!(next(), Some((1, false, None)));
        assert_eq!(next(), Some((3, true, Some(b"short".to_vec()))));
        assert_eq!(next(), Some((4, true, Some(b"last".to_vec()))));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_may_be_as_long_as_the_bound() {
        for end in ["", "\n", "\r\n"] {
            let exact = format!("{}{end}", "x".repeat(MAX_COMMAND_BYTES));
            let mut lines = JsonLines::new(exact.as_bytes(), 0);
            let found = lines.next().expect("memory");
            assert_eq!(found.map(|(_, fits)| fits), Some(true), "{end:?}");
            assert_eq!(lines.text().len(), MAX_COMMAND_BYTES);
        }
        let over = "x".repeat(MAX_COMMAND_BYTES + 1);
        let mut lines = JsonLines::new(over.as_bytes(), 0);
        assert_eq!(lines.next().expect("memory").map(|(_, fits)| fits), Some(false));
    }
}
