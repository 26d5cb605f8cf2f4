//! What is asked on the command line.

use std::path::PathBuf;
use std::time::Duration;

use super::past::Past;
use super::plan::Engine;
use super::service::Times;
use crate::Failure;

/// Said when the command line can't be understood.
pub(super) const USAGE: &str = "usage: cargo xtask bench [--quick] [--scenario NAME[,NAME…]] [--only sqlite|postgres] \
                                [--rounds N] [--past LINES] [--out FILE]";

/// More rounds than this is a slip of the hand: they would take hours.
const MOST_ROUNDS: usize = 50;

/// A question that is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    Allocations,
    SlowDisk,
    Streams,
    Orders,
    Instances,
    Reads,
    Overload,
    Curves,
    Growth,
    Holds,
}

impl Scenario {
    /// All, in the order they run.
    pub(super) const ALL: [Self; 10] = [
        Self::Allocations,
        Self::SlowDisk,
        Self::Streams,
        Self::Orders,
        Self::Instances,
        Self::Reads,
        Self::Overload,
        Self::Curves,
        Self::Growth,
        Self::Holds,
    ];

    /// As it is typed.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Allocations => "allocations",
            Self::SlowDisk => "slow-disk",
            Self::Streams => "streams",
            Self::Orders => "orders",
            Self::Instances => "instances",
            Self::Reads => "reads",
            Self::Overload => "overload",
            Self::Curves => "curves",
            Self::Growth => "growth",
            Self::Holds => "holds",
        }
    }
}

/// What to measure, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether it has to be over soon: less is measured, and less exactly.
    pub(super) quick: bool,
    /// Which questions.
    pub(super) scenarios: Vec<Scenario>,
    /// On which databases.
    pub(super) engines: Vec<Engine>,
    /// How often each pair of slices is measured.
    pub(super) rounds: usize,
    /// How long a slice is.
    pub(super) times: Times,
    /// How many lines the past has that growth is measured with.
    pub(super) past: Past,
    /// Where the results go; by default below the target directory.
    pub(super) out: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments behind `bench`.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut quick = false;
        let mut rounds = None;
        let mut scenarios = None;
        let mut engines = Engine::ALL.to_vec();
        let mut past = None;
        let mut out = None;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| Failure::from(format!("{argument} wants a value\n{USAGE}")))
            };
            match argument.as_str() {
                "--quick" => quick = true,
                "--rounds" => rounds = Some(parse_rounds(value()?)?),
                "--scenario" => scenarios = Some(value()?.split(',').map(parse_scenario).collect::<Result<_, _>>()?),
                "--only" => engines = vec![parse_engine(value()?)?],
                "--past" => past = Some(parse_past(value()?)?),
                "--out" => out = Some(PathBuf::from(value()?)),
                _ => return Err(format!("{argument} is not known here\n{USAGE}").into()),
            }
        }
        let (usual_rounds, warm_up, measured) = if quick { (1, 1, 2) } else { (5, 1, 5) };
        // To fill large books takes longer than to see what they cost: nothing for those in a hurry.
        let usual = Scenario::ALL
            .into_iter()
            .filter(|scenario| !quick || !matches!(scenario, Scenario::Growth | Scenario::Holds));
        Ok(Self {
            quick,
            scenarios: scenarios.unwrap_or_else(|| usual.collect()),
            engines,
            rounds: rounds.unwrap_or(usual_rounds),
            times: Times {
                warm_up: Duration::from_secs(warm_up),
                measured: Duration::from_secs(measured),
            },
            past: past.unwrap_or(if quick { Past::QUICK } else { Past::FULL }),
            out,
        })
    }
}

fn parse_rounds(text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(rounds) if (1..=MOST_ROUNDS).contains(&rounds) => Ok(rounds),
        _ => Err(format!("--rounds wants a number from 1 to {MOST_ROUNDS}, not {text:?}\n{USAGE}").into()),
    }
}

fn parse_past(text: &str) -> Result<Past, Failure> {
    let past = text.parse().ok().and_then(Past::new);
    past.ok_or_else(|| format!("--past wants a multiple of 10,000, not {text:?}\n{USAGE}").into())
}

fn parse_engine(text: &str) -> Result<Engine, Failure> {
    let engine = Engine::ALL.into_iter().find(|engine| engine.word() == text);
    engine.ok_or_else(|| format!("--only wants sqlite or postgres, not {text:?}\n{USAGE}").into())
}

fn parse_scenario(text: &str) -> Result<Scenario, Failure> {
    let scenario = Scenario::ALL.into_iter().find(|scenario| scenario.word() == text);
    scenario.ok_or_else(|| {
        let known = Scenario::ALL.map(Scenario::word).join(", ");
        format!("--scenario wants some of {known}, not {text:?}\n{USAGE}").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Options, Failure> {
        Options::parse(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn nothing_said_is_five_rounds_of_everything_on_both_databases() {
        let options = parse("").expect("no arguments are fine");
        assert_eq!((options.rounds, options.engines.len(), options.out), (5, 2, None));
        assert_eq!(options.scenarios, Scenario::ALL);
    }

    #[test]
    fn a_quick_run_is_shorter_and_rounds_can_be_told_all_the_same() {
        let usual = parse("").expect("no arguments are fine");
        let quick = parse("--quick").expect("a quick run");
        assert!(quick.times.measured < usual.times.measured && quick.rounds < usual.rounds);
        assert!(quick.past.lines() < usual.past.lines());
        assert!(!quick.scenarios.contains(&Scenario::Growth) && !quick.scenarios.contains(&Scenario::Holds));
        assert_eq!(parse("--past 1000000").expect("a million").past.lines(), 1_000_000);
        assert_eq!(parse("--rounds 7 --quick").expect("seven quick rounds").rounds, 7);
    }

    #[test]
    fn one_database_can_be_asked_for_and_a_place_for_the_results() {
        let options = parse("--only postgres --out here.md").expect("understood");
        assert_eq!(options.engines, [Engine::Postgres]);
        assert_eq!(options.out, Some(PathBuf::from("here.md")));
    }

    #[test]
    fn scenarios_are_chosen_one_by_one() {
        let options = parse("--scenario slow-disk,allocations").expect("understood");
        assert_eq!(options.scenarios, [Scenario::SlowDisk, Scenario::Allocations]);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_usage() {
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
            let told = parse(wrong).expect_err("not understood").to_string();
            assert!(told.contains(USAGE), "{wrong}: {told}");
        }
    }
}
