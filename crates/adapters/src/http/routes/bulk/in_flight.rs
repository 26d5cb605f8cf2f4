//! The lines of a bulk stream that are in flight.

use std::collections::VecDeque;

use earmark_application::{Answer, Ticket};

use crate::http::response::problem::Problem;

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
pub(crate) struct InFlight(VecDeque<Pending>);

impl InFlight {
    pub(crate) fn push(&mut self, pending: Pending) {
        self.0.push_back(pending);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits for the answer to the first line. Can be dropped and called again without losing anything.
    pub(crate) async fn first(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.0.front_mut()? {
            Pending::Submitted(ticket) => Some(ticket.answer().await),
            Pending::Known(_) => None,
        };
        self.pop(answer)
    }

    /// The answer to the first line, if it is there already.
    pub(crate) fn first_now(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.0.front_mut()? {
            Pending::Submitted(ticket) => Some(ticket.answered()?),
            Pending::Known(_) => None,
        };
        self.pop(answer)
    }

    /// Removes the first line, with its answer unless that was known before.
    fn pop(&mut self, answer: Option<Answer>) -> Option<Result<Answer, Problem>> {
        match (self.0.pop_front()?, answer) {
            (Pending::Known(problem), _) => Some(Err(problem)),
            (Pending::Submitted(_), answer) => answer.map(Ok),
        }
    }
}
