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
//! 4. [`service`]: start, serve, drain, with what runs beside the calls: background jobs, relays, consumers, digests
//! 5. [`app`]: the opened application, an engine with its ports; [`operator`]: who has started a command
//! 6. [`wiring`]: from settings to ports; [`telemetry`] and [`signals`]; [`traces`] below it
//! 7. [`settings`]
//! 8. [`failure`] and [`output`]

mod app;
mod asyncapi;
mod cli;
mod commands;
mod dispatch;
mod failure;
mod http_client;
mod operator;
mod output;
mod service;
mod settings;
mod signals;
mod telemetry;
mod traces;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatch::run()
}
