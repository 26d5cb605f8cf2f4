//! `cargo xtask fixture`: keeps the books of this version in `tests/fixtures/books`, for the versions to come.

use xtask::{Failure, Interruptions, Server, cargo, say};

use crate::test::FEATURES;

/// Tells the tests to keep the books of this version.
const KEEP: &str = "EARMARK_KEEP_BOOKS";

/// Keeps them, unless this version is released: then they stay as they are.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
    // Only shows that the programs are here, or installs them: the test has a server of its own.
    drop(Server::start(interruptions)?);
    let mut tests = cargo();
    // The same features as in `cargo xtask test`, so that Cargo compiles the workspace once for both.
    tests.args(["test", "--workspace", "--features", FEATURES, "--test", "upgrade"]);
    interruptions.step(tests.arg("the_books_of_this_version_are_kept").env(KEEP, "1"))?;
    say("\nThe books of this version are kept in tests/fixtures/books.");
    Ok(())
}
