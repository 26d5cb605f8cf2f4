//! A stream of bytes as lines of bounded length: a line that is too long is skipped and never held in memory.

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::task::consume_budget;

use crate::wire::MAX_COMMAND_BYTES;

/// How many bytes of a line that is too long are skipped. A client that sends more without a line end sends no lines.
const MAX_SKIPPED_BYTES: usize = 8 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its bytes, without the line end.
    Whole(Bytes),
    /// It had more than [`MAX_COMMAND_BYTES`] and was skipped.
    TooLong,
    /// It had no end within [`MAX_SKIPPED_BYTES`]. Nothing is read after it.
    Endless,
}

/// The lines of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Lines<S> {
    source: S,
    buffer: BytesMut,
    /// How far the buffer has been searched for a line end.
    searched: usize,
    /// How many bytes of a line that is too long have been skipped, while its end is looked for.
    skipped: Option<usize>,
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
            skipped: None,
            ended: false,
        }
    }

    /// The next line; `None` after the last. Can be dropped and called again without losing anything.
    ///
    /// # Errors
    /// When the source fails; the beginning of an unfinished line is dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Line>, E> {
        loop {
            // The source may always have more, and others must get their turn.
            consume_budget().await;
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
                    self.skipped = None;
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
                if let Some(skipped) = &mut self.skipped {
                    *skipped += self.buffer.len();
                    let endless = *skipped > MAX_SKIPPED_BYTES;
                    self.buffer.clear();
                    self.searched = 0;
                    if endless || self.ended {
                        self.ended = true;
                        self.skipped = None;
                        return Some(if endless { Line::Endless } else { Line::TooLong });
                    }
                } else if self.buffer.len() > MAX_COMMAND_BYTES + 1 {
                    // One byte more may be the carriage return of the line end.
                    self.skipped = Some(0);
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
            if self.skipped.take().is_some() {
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
    if line.len() > MAX_COMMAND_BYTES {
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
        let long = "x".repeat(MAX_COMMAND_BYTES + 1);
        let text = format!("a\n{long}\nb\r\n\n{}", "y".repeat(MAX_COMMAND_BYTES));
        for chunk in [1_000, 65_536, 4_000_000] {
            let read = lines(text.as_bytes(), chunk);
            assert_eq!(read.len(), 5);
            assert_eq!(
                read[..4],
                [whole_line("a"), Line::TooLong, whole_line("b"), whole_line("")]
            );
            assert_eq!(read[4], whole_line(&"y".repeat(MAX_COMMAND_BYTES)));
        }
        assert_eq!(lines(long.as_bytes(), 4_096), [Line::TooLong]);
        assert_eq!(lines("x".repeat(3_000_000).as_bytes(), 4_096), [Line::TooLong]);
    }

    #[test]
    fn a_line_without_an_end_is_read_no_further() {
        let text = "x".repeat(MAX_SKIPPED_BYTES + 3 * MAX_COMMAND_BYTES) + "\na\n";
        assert_eq!(lines(text.as_bytes(), 64 * 1024), [Line::Endless]);
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
