//! `cargo xtask test`: all tests, with the servers they need.

use std::ffi::OsString;
use std::time::Instant;

use xtask::{Failure, Interruptions, Server, cargo, folder_of, install, say};

use crate::asyncapi;
use crate::nats::current_nats_server;
use crate::{openapi, program};

/// The environment variable that tells the tests which server to use.
pub(crate) const POSTGRES: &str = "EARMARK_TEST_POSTGRES";

/// The environment variable that tells the tests which NATS server to use.
const NATS: &str = "EARMARK_TEST_NATS";

/// The browser that the tests of the dashboard use.
const BROWSER: &str = "chromium";

/// A program whose package has the library that gives a service a wrong clock.
pub(crate) const WRONG_CLOCK: &str = "faketime";

/// The message brokers that the tests start.
pub(crate) const BROKERS: [&str; 2] = ["nats-server", "redis-server"];

/// The programs that judge what is handed to those who run the service: alerts, a unit, manual pages, completions.
const CHECKERS: [&str; 5] = ["promtool", "systemd-analyze", "mandoc", "zsh", "fish"];

/// The features that turn on the tests that need a server.
pub(crate) const FEATURES: &str = "earmark-tests/servers,earmark-adapters/test-servers";

/// The tests of the brokers that use a NATS server.
const OF_NATS: [&str; 5] = ["on_nats", "of_nats", "jetstream", "unreadable", "encryption"];

/// Runs the tests of NATS once more, with a current server: Debian's was used before.
fn with_current_brokers(interruptions: &Interruptions) -> Result<(), Failure> {
    let mut tests = cargo();
    program::run_by_this(&mut tests)?;
    tests.args(["test", "--workspace", "--features", FEATURES, "--test", "brokers", "--"]);
    tests.args(OF_NATS);
    tests.env(NATS, current_nats_server(interruptions)?);
    interruptions.step(&mut tests)
}

/// Runs `cargo test` on the workspace with these arguments.
pub(crate) fn run(arguments: &[OsString], interruptions: &Interruptions) -> Result<(), Failure> {
    let started = Instant::now();
    for program in [BROWSER, WRONG_CLOCK].into_iter().chain(BROKERS).chain(CHECKERS) {
        if folder_of(program, &[]).is_none() {
            install(program, interruptions)?;
        }
    }
    let server = Server::start(interruptions)?;
    say(&format!("A throwaway PostgreSQL server listens at {}", server.url()));

    let mut tests = cargo();
    program::run_by_this(&mut tests)?;
    tests.args(["test", "--workspace", "--features", FEATURES]);
    // One run shows all failures.
    tests.arg("--no-fail-fast").args(arguments);
    tests.env(POSTGRES, server.url());
    let outcome = interruptions.step(&mut tests);
    drop(server);
    // A part of the tests was asked for, and that was all.
    let outcome = if arguments.is_empty() {
        outcome
            .and_then(|()| with_current_brokers(interruptions))
            .and_then(|()| openapi::run(interruptions))
            .and_then(|()| asyncapi::run(interruptions))
    } else {
        outcome
    };

    let seconds = started.elapsed().as_secs();
    outcome.map_err(|failure| format!("after {seconds} s: {failure}"))?;
    say(&format!(
        "\nAll tests passed, in {seconds} s. The throwaway PostgreSQL server is stopped and removed."
    ));
    Ok(())
}
