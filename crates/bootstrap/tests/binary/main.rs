//! Tests of the binary `earmark` as a process.

mod access;
mod audit;
mod command_line;
mod database_file;
mod health;
mod packaging;
mod planted;
mod sandbox;
mod secrets;
mod service;
mod supervised;
mod terminal;
mod traces;
