//! The binary `earmark`: settings, wiring, lifecycle, and the commands of the command line.
//!
//! The only crate that names concrete adapters, and it names them in one place, [`wiring`]. Business rules, SQL and
//! HTTP routes live elsewhere.

mod chores;
mod cli;
mod commands;
mod demo;
mod export;
mod failure;
mod import;
mod lifecycle;
mod output;
mod run;
mod settings;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run()
}
