//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::history::size::History;
use crate::measure::results::Timing;
use crate::stores::store::Engine;

/// A question that can be measured alone, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Single allocations, against the same writes done directly in the database
    Allocations,
    /// The same on a disk whose flush takes a millisecond longer (PostgreSQL)
    SlowDisk,
    /// Bulk requests and imports: throughput and memory
    Streams,
    /// Orders of several lines, against single allocations
    Orders,
    /// Two services on one database, against one (PostgreSQL)
    Instances,
    /// Allocations beside subscribers, and how soon these are told
    Subscribers,
    /// Allocations with a key, encrypted, and beside ten thousand idle connections
    Guarded,
    /// Orders, products and events
    Reads,
    /// Open-loop load of three times the capacity
    Overload,
    /// Growth curves: live batches, waiting lines, a backlog
    Curves,
    /// Ten million past allocations, against none
    Growth,
    /// A million open holds, against as many firm lines
    Holds,
    /// Allocations while `earmark backup` runs beside them, against without (SQLite)
    Backup,
    /// `earmark verify` over ten million past allocations: time and memory
    Verify,
}

/// Measures the service over HTTP against the same work done directly in its database.
///
/// Prints tables with the goals, and writes them as Markdown with charts beside it. Without options it runs all
/// scenarios on both databases, which takes about an hour.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// Measure less, and less precisely: one short round, without `growth`, `holds` and `verify`
    #[arg(long)]
    pub(crate) quick: bool,

    /// Run only these scenarios
    #[arg(long = "scenario", value_name = "NAME,...", value_delimiter = ',')]
    scenarios: Vec<Scenario>,

    /// Measure on one database only
    #[arg(long, value_name = "DATABASE")]
    only: Option<Engine>,

    /// Measure this many rounds [default: 5, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=50))]
    rounds: Option<u16>,

    /// Past lines in `growth` and `verify`, a multiple of 10,000 [default: 10000000, or 200000 with --quick]
    #[arg(long, value_name = "LINES", value_parser = parse_history)]
    past: Option<History>,

    /// Write the report to this file [default: target/bench/results.md]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    /// The scenarios to run. Filling a large store takes too long for a quick run.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        if !self.scenarios.is_empty() {
            return self.scenarios.clone();
        }
        let slow = [Scenario::Growth, Scenario::Holds, Scenario::Verify];
        let all = Scenario::value_variants().iter().copied();
        all.filter(|scenario| !self.quick || !slow.contains(scenario)).collect()
    }

    /// The databases to measure on.
    pub(crate) const fn engines(&self) -> &'static [Engine] {
        match self.only {
            None => &Engine::ALL,
            Some(Engine::Postgres) => &[Engine::Postgres],
            Some(Engine::Sqlite) => &[Engine::Sqlite],
        }
    }

    /// How often each slice is measured.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 1 } else { 5 }, usize::from)
    }

    /// How long a slice runs.
    pub(crate) const fn timing(&self) -> Timing {
        Timing {
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(if self.quick { 2 } else { 5 }),
        }
    }

    /// The size of the history in `growth` and `verify`.
    pub(crate) fn history(&self) -> History {
        self.past
            .unwrap_or(if self.quick { History::QUICK } else { History::FULL })
    }
}

fn parse_history(text: &str) -> Result<History, String> {
    let history = text.parse().ok().and_then(History::new);
    history.ok_or_else(|| "not a multiple of 10,000".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("bench").chain(arguments.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_default_is_five_rounds_of_everything_on_both_databases() {
        let options = parse("").expect("valid");
        assert_eq!((options.rounds(), options.engines().len(), &options.out), (5, 2, &None));
        assert_eq!(options.scenarios(), Scenario::value_variants());
    }

    #[test]
    fn a_quick_run_is_shorter_and_its_defaults_can_be_overridden() {
        let (usual, quick) = (parse("").expect("valid"), parse("--quick").expect("valid"));
        assert!(quick.timing().measured < usual.timing().measured && quick.rounds() < usual.rounds());
        assert!(quick.history().lines() < usual.history().lines());
        assert!(!quick.scenarios().contains(&Scenario::Growth) && !quick.scenarios().contains(&Scenario::Holds));
        let options = parse("--quick --rounds 7 --past 1000000 --scenario growth").expect("valid");
        assert_eq!((options.rounds(), options.history().lines()), (7, 1_000_000));
        assert_eq!(options.scenarios(), [Scenario::Growth]);
    }

    #[test]
    fn scenarios_a_database_and_an_output_file_can_be_chosen() {
        let options = parse("--scenario slow-disk,allocations --only postgres --out here.md").expect("valid");
        assert_eq!(options.scenarios(), [Scenario::SlowDisk, Scenario::Allocations]);
        assert_eq!(options.engines(), [Engine::Postgres]);
        assert_eq!(options.out, Some(PathBuf::from("here.md")));
    }

    #[test]
    fn invalid_values_are_rejected() {
        for wrong in [
            "--slow",
            "--rounds",
            "--rounds 0",
            "--rounds many",
            "--only oracle",
            "--scenario",
            "--scenario slow-disk,decay",
            "--past 12345",
            "--past 0",
            "--out",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
