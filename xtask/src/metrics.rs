//! `cargo xtask metrics`: renews the page of metrics, `docs/guide/metrics.md`.

use xtask::{Failure, Interruptions, cargo, say};

use crate::test::FEATURES;

/// Tells the test to write the page.
const RENEW: &str = "EARMARK_RENEW_METRICS";

/// Renews the page.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    let mut tests = cargo();
    // The same features as in `cargo xtask test`, so that Cargo compiles the workspace once for both.
    tests.args(["test", "--workspace", "--features", FEATURES, "--test", "operations"]);
    tests.args(["--", "the_page_of_metrics"]);
    interruptions.step(tests.env(RENEW, "1"))?;
    say("\nThe page says what the code says.");
    Ok(())
}
