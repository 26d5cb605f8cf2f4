//! `cargo xtask lint`: the checks that need no running service.

use xtask::{Failure, Interruptions, cargo, say};

use crate::test::FEATURES;

/// The features of the adapters crate. Each must compile without the others.
const ADAPTERS: [&str; 15] = [
    "access_key",
    "http",
    "files",
    "messages",
    "memory",
    "sqlite",
    "postgres",
    "nats",
    "redis",
    "webhook",
    "event_log",
    "mail",
    "openid",
    "clock",
    "wire",
];

/// Runs all checks up to the first failure.
pub(crate) fn run(interruptions: &Interruptions) -> Result<(), Failure> {
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
    // The same features as in `cargo xtask test`, so that Cargo compiles the workspace once for both.
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
    say("\nAll checks passed.");
    Ok(())
}
