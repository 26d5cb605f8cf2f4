//! Answers: what a command did, or why it did nothing, each with a status. Single calls, bulk lines and messages share them.

pub mod kinds;
pub mod members;
pub mod outcomes;
pub mod problem;
pub mod refusals;

/// An answer where it has no status of its own: a line of a bulk answer, a message. `unchanged`: the command changed
/// nothing, which the status of many commands does not tell.
#[must_use]
pub fn answer_line(status: u16, unchanged: bool, body: &str) -> String {
    let unchanged = if unchanged { ",\"unchanged\":true" } else { "" };
    format!("{{\"status\":{status}{unchanged},\"body\":{body}}}")
}
