//! Answers: what a command did, or why it did nothing, each with a status. Single calls, bulk lines and messages share them.

pub mod kinds;
pub mod members;
pub mod outcomes;
pub mod problem;
pub mod refusals;

use std::fmt::Write;

/// Room for what an answer has around its body.
const AROUND_BODY_BYTES: usize = 48;

/// An answer where it has no status of its own: a line of a bulk answer, a message. `unchanged`: the command changed
/// nothing, which the status of many commands does not tell.
#[must_use]
pub fn answer_line(status: u16, unchanged: bool, body: &str) -> String {
    let mut text = String::new();
    push_answer_line(&mut text, status, unchanged, body);
    text
}

/// Appends what [`answer_line`] returns.
pub fn push_answer_line(text: &mut String, status: u16, unchanged: bool, body: &str) {
    // A stream has one for each of its lines: the parts are copied once each.
    text.reserve(body.len() + AROUND_BODY_BYTES);
    text.push_str("{\"status\":");
    write!(text, "{status}").expect("a String takes whatever is written");
    text.push_str(if unchanged { ",\"unchanged\":true" } else { "" });
    text.push_str(",\"body\":");
    text.push_str(body);
    text.push('}');
}
