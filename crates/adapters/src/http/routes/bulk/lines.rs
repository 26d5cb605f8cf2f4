//! A stream of bytes as lines of bounded length: a line that is too long is skipped and never held in memory.

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// The longest line, in bytes, without its end.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its bytes, without the line end.
    Whole(Bytes),
    /// It had more than [`MAX_LINE_BYTES`] and was skipped.
    TooLong,
}

/// The lines of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Lines<S> {
    source: S,
    buffer: BytesMut,
    /// How far the buffer has been searched for a line end.
    searched: usize,
    /// Whether the bytes up to the next line end belong to a line that is too long.
    skipping: bool,
    ended: bool,
}

impl<S, E> Lines<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// The lines of `source`.
    pub(crate) fn of(source: S) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
            searched: 0,
            skipping: false,
            ended: false,
        }
    }

    /// The next line; `None` after the last. Can be dropped and called again without losing anything.
    ///
    /// # Errors
    /// When the source fails; the beginning of an unfinished line is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, E> {
        loop {
            if let Some(line) = self.buffered() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            match self.source.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    self.ended = true;
                    self.buffer.clear();
                    self.searched = 0;
                    self.skipping = false;
                    return Err(error);
                }
                None => self.ended = true,
            }
        }
    }

    /// The next line in the buffer, if there is a whole one.
    fn buffered(&mut self) -> Option<Line> {
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let Some(found) = found.map(|at| self.searched + at) else {
                self.searched = self.buffer.len();
                if self.skipping {
                    self.buffer.clear();
                    self.searched = 0;
                    if self.ended {
                        self.skipping = false;
                        return Some(Line::TooLong);
                    }
                } else if self.buffer.len() > MAX_LINE_BYTES + 1 {
                    // One byte more may be the carriage return of the line end.
                    self.skipping = true;
                    continue;
                } else if self.ended && !self.buffer.is_empty() {
                    self.searched = 0;
                    return Some(whole(self.buffer.split().freeze()));
                }
                return None;
            };
            let line = self.buffer.split_to(found).freeze();
            self.buffer.advance(1);
            self.searched = 0;
            if self.skipping {
                self.skipping = false;
                return Some(Line::TooLong);
            }
            return Some(whole(line));
        }
    }
}

fn whole(mut line: Bytes) -> Line {
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    if line.len() > MAX_LINE_BYTES {
        Line::TooLong
    } else {
        Line::Whole(line)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{FutureExt, stream};
    use proptest::prelude::*;

    use super::*;

    /// The next line of a source that never waits.
    fn next<S, E>(lines: &mut Lines<S>) -> Result<Option<Line>, E>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        lines.next().now_or_never().expect("the source never waits")
    }

    fn lines(bytes: &[u8], chunk: usize) -> Vec<Line> {
        let chunks: Vec<Result<Bytes, Infallible>> = bytes
            .chunks(chunk)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let mut lines = Lines::of(stream::iter(chunks));
        let mut read = Vec::new();
        while let Ok(Some(line)) = next(&mut lines) {
            read.push(line);
        }
        read
    }

    fn whole_line(text: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_read() {
        let long = "x".repeat(MAX_LINE_BYTES + 1);
        let text = format!("a\n{long}\nb\r\n\n{}", "y".repeat(MAX_LINE_BYTES));
        for chunk in [1_000, 65_536, 1_000_000] {
            let read = lines(text.as_bytes(), chunk);
            assert_eq!(read.len(), 5);
            assert_eq!(
                read[..4],
                [whole_line("a"), Line::TooLong, whole_line("b"), whole_line("")]
            );
            assert_eq!(read[4], whole_line(&"y".repeat(MAX_LINE_BYTES)));
        }
        assert_eq!(lines(long.as_bytes(), 4_096), [Line::TooLong]);
        assert_eq!(lines("x".repeat(1_000_000).as_bytes(), 4_096), [Line::TooLong]);
    }

    #[test]
    fn an_unfinished_line_is_not_a_line() {
        let chunks = [Ok(Bytes::from_static(b"a\nhal")), Err("gone")];
        let mut lines = Lines::of(stream::iter(chunks));
        assert_eq!(next(&mut lines), Ok(Some(whole_line("a"))));
        assert_eq!(next(&mut lines), Err("gone"));
        assert_eq!(next(&mut lines), Ok(None));
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_chunks(text in "[ab\r\n]{0,64}", chunk in 1_usize..8) {
            let mut expected: Vec<Line> = text
                .split('\n')
                .map(|line| whole(Bytes::copy_from_slice(line.as_bytes())))
                .collect();
            // After the last line end there is no line.
            if text.is_empty() || text.ends_with('\n') {
                expected.pop();
            }
            prop_assert_eq!(lines(text.as_bytes(), chunk), expected);
        }
    }
}
