//! Tests of the binary `earmark` as a process.

mod access;
mod command_line;
mod database_file;
mod sandbox;
mod secrets;
mod service;
