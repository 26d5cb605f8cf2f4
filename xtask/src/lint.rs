//! `cargo xtask lint`: what can be said about the sources without running the service.

use crate::Failure;
use crate::system::{Interruptions, cargo, say};
use crate::test::FEATURES;

/// The adapters' features. Each has to compile with no other beside it.
const ADAPTERS: [&str; 7] = ["http", "files", "memory", "sqlite", "postgres", "clock", "wire"];

/// Runs all checks; the first that fails ends it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(format!("lint takes no arguments, and was given `{argument}`").into());
    }
    let interruptions = Interruptions::listen()?;
    let step = |arguments: &[&str]| interruptions.step(cargo().args(arguments));

    step(&["fmt", "--all", "--check"])?;
    step(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "--deny",
        "warnings",
    ])?;
    // Built just as `cargo xtask test` builds them, so that the house is compiled once for both.
    step(&[
        "test",
        "--workspace",
        "--features",
        FEATURES,
        "--test",
        "architecture",
        "--test",
        "architecture_bites",
    ])?;
    for adapter in ADAPTERS {
        let alone = ["--no-default-features", "--features", adapter];
        step(&[&["check", "--package", "earmark-adapters"], &alone[..]].concat())?;
    }
    say("\nNothing to complain about.");
    Ok(())
}
