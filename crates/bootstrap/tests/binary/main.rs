//! Tests of the binary `earmark` as a process.

mod command_line;
mod sandbox;
mod secrets;
mod service;
