//! `cargo xtask test`: all tests, with the servers they need.

mod lanes;
mod programs;

use std::ffi::OsString;
use std::time::Instant;

use xtask::{Failure, Interruptions, Server, cargo, need, say};

use crate::wheels::{LITESTREAM, NATS_SERVER};
use crate::workshop::tested_binary;
use lanes::Run;
use programs::Program;

/// The environment variable that tells the tests which server to use.
pub(crate) const POSTGRES: &str = "EARMARK_TEST_POSTGRES";

/// The environment variable that tells the tests which NATS server to use.
const NATS: &str = "EARMARK_TEST_NATS";

/// The environment variable that tells the tests which binary to run: it is compiled, and they need not look whether it is
/// as its sources are.
const BINARY: &str = "EARMARK_TEST_BINARY";

/// The commands of this program that try the binary with programs of others, which take their time to be installed.
const TRIALS: [&[&str]; 5] = [
    &["openapi"],
    &["asyncapi"],
    &["openid"],
    &["packages"],
    // One caller instead of each role: that takes some ten minutes.
    &["requests", "--caller", "every-role", "--examples", "2"],
];
/// The environment variable that tells the tests where Litestream is.
pub(crate) const OF_LITESTREAM: &str = "EARMARK_TEST_LITESTREAM";

/// The browser that the tests of the dashboard use.
const BROWSER: &str = "chromium";

/// A program whose package has the library that gives a service a wrong clock.
pub(crate) const WRONG_CLOCK: &str = "faketime";

/// The pooler that the tests put before a PostgreSQL server.
const POOLER: &str = "pgbouncer";

/// A program of backups whose commands the tests take from the manual.
const PGBACKREST: &str = "pgbackrest";

/// The message brokers that the tests start.
pub(crate) const BROKERS: [&str; 2] = ["nats-server", "redis-server"];

/// The programs that judge what is handed to those who run the service: alerts, a unit, manual pages, completions.
const CHECKERS: [&str; 5] = ["promtool", "systemd-analyze", "mandoc", "zsh", "fish"];

/// The features that turn on the tests that need a server.
pub(crate) const FEATURES: &str = "earmark-tests/servers,earmark-adapters/test-servers";

/// The tests of the brokers that use a NATS server.
const OF_NATS: [&str; 5] = ["on_nats", "of_nats", "jetstream", "unreadable", "encryption"];

/// The program of the tests of the brokers.
const OF_BROKERS: &str = "brokers";

/// The program of the faults at random: how long others wait is one of the things that it finds out.
const OF_FAULTS: &str = "endure";

/// How a program is run among the others.
fn run_of(program: Program) -> Run {
    let is_alone = program.name == OF_FAULTS;
    let run = Run::whole(program);
    if is_alone { run.alone() } else { run }
}

/// Runs all tests.
fn run_all(server: &Server, interruptions: &Interruptions) -> Result<(), Failure> {
    let programs = programs::compile(interruptions)?;
    let of_brokers = programs.iter().find(|program| program.name == OF_BROKERS);
    let of_brokers = of_brokers.ok_or("there is no program of the tests of brokers")?.clone();
    let mut runs: Vec<_> = programs.into_iter().map(run_of).collect();
    // Once more, with a current server: Debian's is used before.
    let current = NATS_SERVER.path(interruptions)?;
    let current = current.to_str().ok_or("the path of the NATS server is not UTF-8")?;
    runs.push(Run::of_cases(of_brokers, &OF_NATS, "with a current NATS server").with(NATS, current));
    let binary = tested_binary(interruptions)?;
    let binary = binary.to_str().ok_or("the path of the binary is not UTF-8")?;
    let litestream = LITESTREAM.path(interruptions)?;
    let litestream = litestream.to_str().ok_or("the path of Litestream is not UTF-8")?;
    let runs = runs.into_iter().map(|run| {
        run.with(POSTGRES, server.url())
            .with(BINARY, binary)
            .with(OF_LITESTREAM, litestream)
    });
    let mut runs: Vec<_> = runs.collect();
    for trial in TRIALS {
        runs.push(Run::whole(Program::command_of_this(trial)?));
    }
    let outcome = lanes::run(runs, interruptions);

    let mut examples = cargo();
    examples.args(["test", "--workspace", "--features", FEATURES, "--doc", "--no-fail-fast"]);
    outcome.and(interruptions.step(&mut examples))
}

/// Runs the tests that these arguments of `cargo test` choose.
fn run_chosen(arguments: &[OsString], server: &Server, interruptions: &Interruptions) -> Result<(), Failure> {
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--features", FEATURES]);
    // One run shows all failures.
    tests.arg("--no-fail-fast").args(arguments);
    tests
        .env(POSTGRES, server.url())
        .env(OF_LITESTREAM, LITESTREAM.path(interruptions)?);
    interruptions.step(&mut tests)
}

/// Runs all tests of the workspace, or those that these arguments of `cargo test` choose.
pub(crate) fn run(arguments: &[OsString], interruptions: &Interruptions) -> Result<(), Failure> {
    let started = Instant::now();
    need(
        &[&[BROWSER, WRONG_CLOCK, POOLER, PGBACKREST], &BROKERS[..], &CHECKERS].concat(),
        interruptions,
    )?;
    let server = Server::start(interruptions)?;
    say(&format!("A throwaway PostgreSQL server listens at {}", server.url()));
    let outcome = if arguments.is_empty() {
        run_all(&server, interruptions)
    } else {
        run_chosen(arguments, &server, interruptions)
    };
    drop(server);

    let seconds = started.elapsed().as_secs();
    outcome.map_err(|failure| format!("after {seconds} s: {failure}"))?;
    say(&format!(
        "\nAll tests passed, in {seconds} s. The throwaway PostgreSQL server is stopped and removed."
    ));
    Ok(())
}
