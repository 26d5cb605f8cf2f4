//! `cargo xtask bench`: the bench, compiled with optimisations.

use std::ffi::OsString;

use xtask::{Failure, Interruptions, cargo};

/// Builds and runs `earmark-bench` with these options.
pub(crate) fn run(arguments: &[OsString], interruptions: &Interruptions) -> Result<(), Failure> {
    let mut bench = cargo();
    bench.args(["run", "--release", "--package", "earmark-bench", "--"]);
    interruptions.step(bench.args(arguments))
}
