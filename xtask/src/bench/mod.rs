//! `cargo xtask bench`: allocations a second over HTTP, held against the same work done raw in the database.
//!
//! A slice of the service and a slice of its yardstick take turns, so that whatever else the machine does hits both.
//! Each runs on a fresh database, and the books are checked after each slice: a fast run that is wrong is shown as
//! such. Everything is started here, on the loopback, for a bounded time, and stopped whatever happens.
//!
//! The parts that only calculate, read and write texts are compiled always, so that every test run covers them. The
//! ones that measure want the optimiser and a driver for SQLite: without the feature `bench` the chore runs itself anew
//! with both.

#![cfg_attr(
    not(feature = "bench"),
    expect(dead_code, reason = "measuring is what the feature `bench` is for")
)]

#[cfg(feature = "bench")]
mod allocations;
mod chart;
mod command;
mod contest;
#[cfg(feature = "bench")]
mod curves;
#[cfg(feature = "bench")]
mod feed;
mod figures;
#[cfg(feature = "bench")]
mod ground;
#[cfg(feature = "bench")]
mod grown;
#[cfg(feature = "bench")]
mod growth;
#[cfg(feature = "bench")]
mod holds;
#[cfg(feature = "bench")]
mod instances;
mod load;
mod machine;
#[cfg(feature = "bench")]
mod open_loop;
mod options;
#[cfg(feature = "bench")]
mod orders;
#[cfg(feature = "bench")]
mod overload;
mod past;
mod pgbench;
mod plan;
mod postgres;
mod proc;
#[cfg(feature = "bench")]
mod reads;
mod report;
#[cfg(feature = "bench")]
mod run;
mod service;
#[cfg(feature = "bench")]
mod slow_disk;
#[cfg(feature = "bench")]
mod sqlite;
#[cfg(feature = "bench")]
mod streams;
mod table;

use crate::Failure;
use crate::system::Interruptions;
use options::Options;

/// Measures what `arguments` ask for.
#[cfg(feature = "bench")]
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    run::run(&options, &Interruptions::listen()?)
}

/// Runs this chore anew, optimised and with all it needs.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    // What is not understood is said before anything is compiled.
    Options::parse(arguments)?;
    let mut again = crate::system::cargo();
    again.args([
        "run",
        "--release",
        "--package",
        "xtask",
        "--features",
        "bench",
        "--",
        "bench",
    ]);
    Interruptions::listen()?.step(again.args(arguments))
}
