//! `cargo xtask`: the workspace's developer commands, one module each.
//!
//! A command starts the servers and programs it needs, and installs them or says what to install. It leaves nothing
//! running and no files behind.

mod asyncapi;
mod bench;
mod endure;
mod events;
mod fixture;
mod lint;
mod metrics;
mod openapi;
mod openid;
mod package;
mod requests;
mod test;
mod wheels;
mod workshop;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{Failure, Interruptions, say};

/// The workspace's developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", flatten_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all tests, or those that match: `cargo xtask test [FILTER] [-- ARGS]`.
    ///
    /// Starts a throwaway PostgreSQL server for the tests that need one, and stops it at the end. Installs PostgreSQL,
    /// Chromium, brokers and checkers if they are missing (Debian packages, as root; otherwise says what to install).
    Test {
        /// Arguments of `cargo test`: a filter, or options such as `--test NAME`; after `--`, those of the test
        /// programs.
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure the service over HTTP against the same work done directly in its database.
    ///
    /// Builds `earmark-bench` with optimisations and runs it. `cargo xtask bench --help` lists its options.
    #[command(disable_help_flag = true)]
    Bench {
        /// Options of the bench; `--help` lists them.
        #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Put a service under load and have faults happen to it at random: locks, frozen servers, ended connections, slow
    /// clients, ends of many holds.
    ///
    /// Prints the seed first and a table at the end. Fails if a caller waited too long, or anything that was
    /// acknowledged is not there.
    Endure(endure::Options),
    /// Check formatting, lints, architecture rules, and that each adapter compiles alone.
    Lint,
    /// Have the OpenAPI document judged by linters and by generators of clients, and call a service with one.
    ///
    /// Installs the tools into `target/openapi`, and Node and Python if they are missing (Debian packages, as root;
    /// otherwise says what to install). A warning is a failure. `cargo xtask test` does this, too.
    Openapi,
    /// Have the AsyncAPI document read by the parser of the AsyncAPI initiative.
    ///
    /// Installs the parser into `target/asyncapi`, and Node if it is missing. `cargo xtask test` does this, too.
    Asyncapi,
    /// Have people signed in by a certified identity provider, on its own pages.
    ///
    /// Installs oidc-provider into `target/openid`, and Node if it is missing. `cargo xtask test` does this, too.
    Openid,
    /// Have requests generated from the OpenAPI document, and sent as callers of each role.
    ///
    /// Installs schemathesis into `target/requests`, and Python if it is missing. `cargo xtask test` does this with few
    /// requests.
    Requests(requests::Options),
    /// Make an image for containers, as an archive in `target/package`: one program, of a user that is not root, without a
    /// registry.
    ///
    /// Compiles the program with all its libraries in it. Installs buildah if it is missing (a Debian package, as root).
    Image,
    /// Make a package for Debian and Ubuntu, in `target/package`.
    Deb,
    /// Try both packages with the program of the tests: install, run, renew and remove them. `cargo xtask test` does this, too.
    Packages,
    /// Renew the schemas of events in `docs/events`, and the page that explains them.
    ///
    /// Fails if a change would break what others were told of events: that needs another version of the format.
    Events,
    /// Keep the books of this version in `tests/fixtures/books`, on both databases: every version to come opens them in its
    /// tests.
    ///
    /// Part of a release. Refuses once the version is in the changelog as released.
    Fixture,
    /// Renew the page of metrics, `docs/guide/metrics.md`.
    Metrics,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let interruptions = Interruptions::listen()?;
    match command {
        Command::Test { arguments } => test::run(&arguments, &interruptions),
        Command::Bench { arguments } => bench::run(&arguments, &interruptions),
        Command::Endure(options) => endure::run(&options, &interruptions),
        Command::Lint => lint::run(&interruptions),
        Command::Openapi => openapi::run(&interruptions),
        Command::Asyncapi => asyncapi::run(&interruptions),
        Command::Openid => openid::run(&interruptions),
        Command::Requests(options) => requests::run(&options, &interruptions),
        Command::Image => package::image::run(&interruptions),
        Command::Deb => package::deb::run(&interruptions),
        Command::Packages => package::check::run(&interruptions),
        Command::Events => events::run(&interruptions),
        Command::Fixture => fixture::run(&interruptions),
        Command::Metrics => metrics::run(&interruptions),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Command {
        Cli::try_parse_from(line.split_whitespace())
            .expect("valid arguments")
            .command
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn test_passes_a_filter_and_the_arguments_of_the_test_programs() {
        let Command::Test { arguments } = parse("xtask test --test events expired -- --nocapture") else {
            unreachable!("the subcommand is `test`")
        };
        assert_eq!(arguments, ["--test", "events", "expired", "--", "--nocapture"]);
    }

    #[test]
    fn bench_passes_all_its_options() {
        let Command::Bench { arguments } = parse("xtask bench --quick --only sqlite --help") else {
            unreachable!("the subcommand is `bench`")
        };
        assert_eq!(arguments, ["--quick", "--only", "sqlite", "--help"]);
    }
}
