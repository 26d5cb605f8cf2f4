//! `cargo xtask events`: renews the schemas of events in `docs/events` and the page `docs/events.md`.

use xtask::{Failure, Interruptions, cargo, say};

use crate::test::FEATURES;

/// Tells the tests to write what differs.
const RENEW: &str = "EARMARK_RENEW_EVENTS";

/// Renews them, unless a change would break what others were told.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let mut tests = cargo();
    // The same features as in `cargo xtask test`, so that Cargo compiles the workspace once for both.
    tests.args([
        "test",
        "--workspace",
        "--features",
        FEATURES,
        "--test",
        "event_contract",
    ]);
    interruptions.step(tests.env(RENEW, "1"))?;
    say("\nThe schemas and the page are those of the code.");
    Ok(())
}
