//! Messages that carry commands: what they say, and how they are answered.

mod book;
mod commands;

use earmark_application::Answer;
use earmark_domain::{Outcome, Processed};

use crate::wire::answers::outcomes::OutcomeAnswer;
use crate::wire::answers::problem::ProblemDocument;
use crate::wire::answers::{answer_line, kinds};

pub use book::BookMessages;
pub use commands::CommandMessages;

/// An answer as a line of a bulk stream has it: `{"status", "body"}`.
fn answer(answer: &Answer) -> String {
    match answer {
        // The same status and the same words as the first time. What else the problem had is not kept.
        Ok(Outcome::AlreadyProcessed(Processed::Refused(reason))) => problem(&told_before(reason)),
        Ok(outcome) => {
            let OutcomeAnswer { status, body, .. } = OutcomeAnswer::of(outcome);
            answer_line(status, outcome.is_unchanged(), &body)
        }
        Err(error) => problem(&ProblemDocument::from(error)),
    }
}

/// The answer to a message that is no command.
fn unreadable(reason: &str) -> String {
    problem(&told_before(reason))
}

fn problem(problem: &ProblemDocument) -> String {
    answer_line(problem.kind().status, false, &problem.body())
}

/// A problem in words, as it was kept: its code, a colon and its detail.
fn told_before(reason: &str) -> ProblemDocument {
    let known = reason.split_once(": ");
    let known = known.and_then(|(code, detail)| Some((kinds::by_code(code)?, detail)));
    let (kind, detail) = known.unwrap_or((&kinds::INVALID_REQUEST, reason));
    ProblemDocument::new(kind, detail)
}
