//! The binary `earmark`: settings, wiring, the service and the subcommands.
//!
//! This is the only crate that names concrete adapters, and only [`wiring`] names concrete stores. Business rules, SQL
//! and HTTP routes live in the other crates.
//!
//! The modules stand in layers; a module uses only those below it:
//!
//! 1. [`dispatch`]: from the command line to an exit code
//! 2. [`cli`]: the command line and its manual pages
//! 3. [`commands`]: the subcommands
//! 4. [`service`]: start, serve, drain
//! 5. [`background_jobs`]
//! 6. [`app`]: the opened application, an engine with its ports; [`operator`]: who has started a command
//! 7. [`wiring`]: from settings to ports; [`telemetry`] and [`signals`]
//! 8. [`settings`]
//! 9. [`failure`], [`open_files`], [`output`] and [`supervisor`]

mod app;
mod asyncapi;
mod background_jobs;
mod cli;
mod commands;
mod consumers;
mod digests;
mod dispatch;
mod failure;
mod http_client;
mod open_files;
mod operator;
mod output;
mod publishers;
mod relays;
mod service;
mod settings;
mod signals;
mod sources;
mod supervisor;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatch::run()
}
