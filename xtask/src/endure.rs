//! `cargo xtask endure`: faults at random to a service under load, for as long as you say.

use std::process::Command;

use clap::{Args, ValueEnum};
use xtask::{Failure, Interruptions, Server, cargo, need, say};

use crate::test::{BROKERS, FEATURES, OF_LITESTREAM, POSTGRES, WRONG_CLOCK};
use crate::wheels::LITESTREAM;

/// The variables that tell the test how long it runs, by which seed, and which faults it leaves out.
const MINUTES: &str = "EARMARK_ENDURE_MINUTES";
const SEED: &str = "EARMARK_ENDURE_SEED";
const WITHOUT: &str = "EARMARK_ENDURE_WITHOUT";

/// The variable that tells how many rounds the cases play about who is told.
const ROUNDS: &str = "EARMARK_TEST_ROUNDS";

/// The options of the command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long the faults go on, in minutes, for each database.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// One database alone.
    #[arg(long)]
    only: Option<Database>,
    /// The order of the faults; by default another one in each run. Each run prints its seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Faults to leave out, by the names in the table that is printed at the end: `--without lock-table,leavers`.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Instead, that every event reaches its subscribers while services and brokers are killed, stopped and put back: so
    /// many rounds of each case.
    #[arg(long, value_name = "ROUNDS")]
    told: Option<u32>,
    /// Instead, that every command that comes as a message acts once while services are killed: so many messages in each
    /// case.
    #[arg(long, value_name = "MESSAGES", conflicts_with = "told")]
    heard: Option<u32>,
    /// Instead, what Litestream brings back when it and the service are killed after `--minutes` of load.
    #[arg(long, conflicts_with_all = ["told", "heard"])]
    litestream: bool,
}

/// The variable that tells how many messages the cases send about what is heard.
const MESSAGES: &str = "EARMARK_TEST_MESSAGES";

/// A database that the service is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl Options {
    fn test(&self) -> Command {
        let mut test = cargo();
        test.args([
            "test",
            "--package",
            "earmark-tests",
            "--features",
            FEATURES,
            "--test",
            "endure",
        ]);
        // One database after the other, and the table is shown.
        test.args(["--", "--nocapture", "--test-threads", "1"]);
        match self.only {
            None => {}
            Some(Database::Sqlite) => {
                test.arg("on_sqlite");
            }
            Some(Database::Postgres) => {
                test.arg("on_postgres");
            }
        }
        test.env(MINUTES, self.minutes.to_string());
        test.env(WITHOUT, self.without.join(","));
        match self.seed {
            Some(seed) => test.env(SEED, seed.to_string()),
            None => test.env_remove(SEED),
        };
        test
    }
}

/// Runs it.
pub(crate) fn run(options: &Options, interruptions: &Interruptions) -> Result<(), Failure> {
    if options.litestream {
        return beside_litestream(options.minutes, interruptions);
    }
    // The test of faults has a server of its own, which it crashes: for it this one only shows that the programs are here,
    // or installs them.
    let server = Server::start(interruptions)?;
    need(&[WRONG_CLOCK], interruptions)?;
    match (options.told, options.heard) {
        (None, None) => interruptions.step(&mut options.test())?,
        (Some(rounds), _) => with_brokers("told", (ROUNDS, rounds), &server, interruptions)?,
        (None, Some(messages)) => with_brokers("heard", (MESSAGES, messages), &server, interruptions)?,
    }
    say("\nThe service has endured it all.");
    Ok(())
}

/// Runs the case of Litestream for so many minutes.
fn beside_litestream(minutes: u32, interruptions: &Interruptions) -> Result<(), Failure> {
    let mut test = cargo();
    test.args(["test", "--workspace", "--features", FEATURES, "--test", "copies"]);
    test.args(["litestream", "--", "--nocapture"]);
    test.env(MINUTES, minutes.to_string());
    interruptions.step(test.env(OF_LITESTREAM, LITESTREAM.path(interruptions)?))
}

/// Runs the cases of a test that uses message brokers, for as long as a variable says.
fn with_brokers(
    name: &str,
    (variable, value): (&str, u32),
    server: &Server,
    interruptions: &Interruptions,
) -> Result<(), Failure> {
    need(&BROKERS, interruptions)?;
    let mut test = cargo();
    test.args([
        "test",
        "--package",
        "earmark-tests",
        "--features",
        FEATURES,
        "--test",
        name,
    ]);
    test.args(["--", "--nocapture", "--test-threads", "1"]);
    test.env(variable, value.to_string()).env(POSTGRES, server.url());
    interruptions.step(&mut test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_reach_the_test() {
        let options = Options {
            minutes: 7,
            only: Some(Database::Sqlite),
            seed: Some(3),
            without: vec!["leavers".to_owned(), "line-ends".to_owned()],
            told: None,
            heard: None,
            litestream: false,
        };
        let test = options.test();
        assert!(test.get_args().any(|argument| argument == "on_sqlite"));
        let value = |name: &str| {
            let (_, value) = test.get_envs().find(|(variable, _)| *variable == name)?;
            value?.to_str()
        };
        assert_eq!(
            [value(MINUTES), value(SEED), value(WITHOUT)],
            [Some("7"), Some("3"), Some("leavers,line-ends")]
        );
    }
}
