//! The binary `earmark`: settings, wiring, the service and the subcommands.
//!
//! It is the only crate that names concrete adapters, and only [`wiring`] names concrete stores. Business rules, SQL and
//! HTTP routes live in the other crates.

mod app;
mod background_jobs;
mod cli;
mod commands;
mod dispatch;
mod failure;
mod output;
mod service;
mod settings;
mod signals;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatch::run()
}
