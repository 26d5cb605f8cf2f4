//! The lines of a bulk stream that are in flight.

use std::collections::VecDeque;

use earmark_application::{Answer, Ticket};

use crate::http::response::problem::Problem;

/// How many lines of one stream are in flight: enough for several groups, so that every transaction is full.
const WINDOW_LINES: usize = 1_024;

/// How many bytes of lines of one stream are in flight, but for the last line. A command and its answer have some ten
/// times as many in memory as the line, so a client that reads nothing holds about a megabyte, and ten where its last
/// line is as long as a line may be.
const WINDOW_BYTES: usize = 64 * 1024;

/// A line whose answer is awaited, or known at once.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The command has been submitted.
    Submitted(Ticket),
    /// The line is not a command.
    Known(Problem),
}

/// The lines in flight, in the order sent. They are decided in that order too, so waiting for the first wakes the
/// stream once for a whole group.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Each with the bytes that it had.
    lines: VecDeque<(Pending, usize)>,
    /// The bytes of all.
    bytes: usize,
}

impl InFlight {
    /// Adds a line that had this many bytes.
    pub(crate) fn push(&mut self, pending: Pending, bytes: usize) {
        self.bytes += bytes;
        self.lines.push_back((pending, bytes));
    }

    /// Whether another line may be read.
    pub(crate) fn has_room(&self) -> bool {
        self.lines.len() < WINDOW_LINES && self.bytes < WINDOW_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Waits for the answer to the first line. Can be dropped and called again without losing anything.
    pub(crate) async fn first(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.lines.front_mut()? {
            (Pending::Submitted(ticket), _) => Some(ticket.answer().await),
            (Pending::Known(_), _) => None,
        };
        self.pop(answer)
    }

    /// The answer to the first line, if it is there already.
    pub(crate) fn first_now(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.lines.front_mut()? {
            (Pending::Submitted(ticket), _) => Some(ticket.answered()?),
            (Pending::Known(_), _) => None,
        };
        self.pop(answer)
    }

    /// Removes the first line, with its answer unless that was known before.
    fn pop(&mut self, answer: Option<Answer>) -> Option<Result<Answer, Problem>> {
        let (pending, bytes) = self.lines.pop_front()?;
        self.bytes -= bytes;
        match (pending, answer) {
            (Pending::Known(problem), _) => Some(Err(problem)),
            (Pending::Submitted(_), answer) => answer.map(Ok),
        }
    }
}
