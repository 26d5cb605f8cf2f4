//! `cargo xtask bench`: measures the service over HTTP against the same work done directly in its database.
//!
//! A slice of the service and a slice of its yardstick take turns, so that a disturbance of the machine affects both.
//! Each slice runs on a new database, which is audited afterwards: the report marks a fast but wrong slice as WRONG.
//! The bench starts all servers and programs itself, on 127.0.0.1 and for a bounded time, and stops them on every way
//! out.

mod bench;
mod history;
mod load;
mod measure;
mod options;
mod process;
mod report;
mod run;
mod scenarios;
mod service;
mod stores;
mod subscribers;
mod yardsticks;

use std::process::ExitCode;

use clap::Parser;
use xtask::{Interruptions, say};

use crate::options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    match Interruptions::listen().and_then(|interruptions| run::run(options, interruptions)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("bench: {failure}"));
            ExitCode::FAILURE
        }
    }
}
