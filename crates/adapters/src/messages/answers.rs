//! How messages are answered, and what is wrong with them in words.

use earmark_application::Answer;
use earmark_domain::{Outcome, Processed};

use crate::wire::answers::outcomes::OutcomeAnswer;
use crate::wire::answers::problem::ProblemDocument;
use crate::wire::answers::{answer_line, kinds};
use crate::wire::reading::faults::{Fault, Faults};

/// An answer as a line of a bulk stream has it: `{"status", "body"}`.
pub(super) fn answer(answer: &Answer) -> String {
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
pub(super) fn unreadable(reason: &str) -> String {
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

/// All faults in one line.
pub(super) fn in_words(faults: Faults) -> String {
    let (faults, unlisted) = faults.into_parts();
    let in_words = |Fault { field, message }: &Fault| {
        if field.is_empty() {
            message.clone()
        } else {
            format!("{field} {message}")
        }
    };
    let listed: Vec<String> = faults.iter().map(in_words).collect();
    let mut words = format!("{}: {}", kinds::INVALID_REQUEST.code, listed.join("; "));
    if unlisted > 0 {
        words.push_str(&format!("; and {unlisted} more"));
    }
    words
}
