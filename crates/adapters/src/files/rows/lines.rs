//! Lines of text of bounded length, for NDJSON.

use std::io::{self, BufRead, Read};

use super::error::MAX_RECORD_BYTES;

/// The next line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is in the buffer, without its line end.
    Line,
    /// It is longer than a record may be, and was skipped.
    TooLong,
    /// There are no more lines.
    End,
}

/// Reads the next line into `buffer`, which never exceeds the bound.
pub(super) fn next_line(text: &mut dyn BufRead, buffer: &mut Vec<u8>) -> io::Result<Found> {
    buffer.clear();
    // One byte more than a record may have, for the line end.
    let read = text.take(MAX_RECORD_BYTES as u64 + 1).read_until(b'\n', buffer)?;
    if read == 0 {
        return Ok(Found::End);
    }
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
        if buffer.last() == Some(&b'\r') {
            buffer.pop();
        }
        return Ok(Found::Line);
    }
    if read <= MAX_RECORD_BYTES {
        return Ok(Found::Line);
    }
    text.skip_until(b'\n')?;
    Ok(Found::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let long = format!("{}\nshort\r\nlast", "x".repeat(MAX_RECORD_BYTES * 3));
        let (mut text, mut buffer) = (long.as_bytes(), Vec::new());

        assert_eq!(next_line(&mut text, &mut buffer).ok(), Some(Found::TooLong));
        assert_eq!(next_line(&mut text, &mut buffer).ok(), Some(Found::Line));
        assert_eq!(buffer, b"short");
        assert_eq!(next_line(&mut text, &mut buffer).ok(), Some(Found::Line));
        assert_eq!(buffer, b"last");
        assert_eq!(next_line(&mut text, &mut buffer).ok(), Some(Found::End));
    }

    #[test]
    fn a_line_may_be_as_long_as_the_bound() {
        let exact = format!("{}\n", "x".repeat(MAX_RECORD_BYTES));
        let mut buffer = Vec::new();
        assert_eq!(next_line(&mut exact.as_bytes(), &mut buffer).ok(), Some(Found::Line));
        assert_eq!(buffer.len(), MAX_RECORD_BYTES);
    }
}
