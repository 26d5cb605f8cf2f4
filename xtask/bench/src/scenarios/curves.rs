//! Growth curves: what live batches and waiting lines of a product cost.

use std::fmt::Write as _;
use std::time::Duration;

use xtask::Failure;

use crate::bench::Bench;
use crate::load::wrk::{Request, Workload};
use crate::measure::results::{CREATED, LoadResult, Timing};
use crate::measure::stats::{Spread, to_float};
use crate::report::chart::{Chart, Plot};
use crate::report::figures::{range, ratio, whole};
use crate::report::goal::Goal;
use crate::report::section::Section;
use crate::report::table::Table;
use crate::service::running::RunningService;
use crate::stores::store::{Engine, Store};

/// The shape of a curve matters here, not its exact figures: more rounds would not change it.
pub(crate) const MOST_ROUNDS: usize = 3;

/// How long each point is measured.
const TIMING: Timing = Timing {
    warm_up: Duration::from_secs(1),
    measured: Duration::from_secs(2),
};

const CONNECTIONS: u32 = 64;

/// The longest a transaction should take, in seconds: a bucket of the service's histogram.
const LONGEST: &str = "0.1";

/// The parameter of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameter {
    /// Batches with plenty of stock.
    LiveBatches,
    /// Batches of which all but the last are too small for any line.
    TooSmallBatches,
    /// Lines that wait for more than there is.
    WaitingLines,
}

impl Parameter {
    const ALL: [Self; 3] = [Self::LiveBatches, Self::TooSmallBatches, Self::WaitingLines];

    const fn name(self) -> &'static str {
        match self {
            Self::LiveBatches => "live batches",
            Self::TooSmallBatches => "live batches, all but the last too small",
            Self::WaitingLines => "waiting lines",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::LiveBatches => "curve-live-batches",
            Self::TooSmallBatches => "curve-live-batches-all-but-the-last-too-small",
            Self::WaitingLines => "curve-waiting-lines",
        }
    }

    const fn values(self, quick: bool) -> &'static [u32] {
        match (self, quick) {
            (Self::WaitingLines, false) => &[0, 100, 1_000, 10_000],
            (Self::WaitingLines, true) => &[0, 10_000],
            (_, false) => &[1, 10, 100, 1_000],
            (_, true) => &[1, 1_000],
        }
    }

    const fn workload(self) -> Workload {
        let mut workload = Workload::allocations(1, CONNECTIONS);
        if matches!(self, Self::TooSmallBatches) {
            // The small batches have one unit each.
            workload.request = Request::Allocation { quantity: 2 };
        }
        workload
    }

    /// Fills a store for one value; returns how many lines it contains then.
    fn prepare(self, bench: &Bench, store: &Store, value: u32) -> Result<u64, Failure> {
        const PLENTY: u32 = 1_000_000_000;
        let mut batches = String::new();
        for number in 1..=if self == Self::WaitingLines { 1 } else { value } {
            let small = self == Self::TooSmallBatches && number < value;
            let quantity = if small { 1 } else { PLENTY };
            writeln!(batches, "B-{number:06},SKU-000000,{quantity},")?;
        }
        bench.service.import_batches(store, &batches)?;
        if self != Self::WaitingLines {
            return Ok(0);
        }
        // The first line takes one unit, so no other line can have the whole batch.
        bench.service.import_orders(store, "first,SKU-000000,1\n")?;
        let mut lines = String::new();
        for number in 1..=value {
            writeln!(lines, "waits-{number:06},SKU-000000,{PLENTY}")?;
        }
        bench.service.import_orders(store, &lines)?;
        // `earmark export allocations` lists waiting lines too.
        Ok(1 + u64::from(value))
    }
}

/// A point of a curve.
#[derive(Debug, Clone, Copy)]
struct Point {
    value: u32,
    /// Allocations per second.
    rate: Spread,
    /// Transactions over the limit, in all rounds.
    slow: f64,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let rounds = bench.options.rounds().min(MOST_ROUNDS);
    let mut section = Section {
        title: "Live batches and waiting lines",
        method: format!(
            "{CONNECTIONS} connections allocate from one hot SKU that has this many batches with stock, or this many \
             lines that wait for more than there is. Each point is the median of {rounds} slices of {} s.",
            TIMING.measured.as_secs()
        ),
        ..Section::default()
    };
    let columns = [
        "Database",
        "Parameter",
        "Value",
        "Allocations",
        "from–to",
        "of the first",
        "over 100 ms",
    ];
    let mut table = Table::new("Allocations a second", 2, columns);
    for parameter in Parameter::ALL {
        if bench.options.quick && parameter == Parameter::TooSmallBatches {
            continue;
        }
        let mut lines = Vec::new();
        for &engine in bench.engines() {
            let points = curve(bench, engine, parameter, rounds, &mut section.problems)?;
            let first = points.first().map_or(f64::NAN, |point| point.rate.median);
            for Point { value, rate, slow } in &points {
                table.row([
                    engine.name().to_owned(),
                    parameter.name().to_owned(),
                    whole(f64::from(*value)),
                    whole(rate.median),
                    range(*rate, whole),
                    ratio(rate.median / first),
                    whole(*slow),
                ]);
            }
            section.goals.push(Goal::none(
                format!("{}, {}: transactions over 100 ms", engine.name(), parameter.name()),
                points.iter().map(|point| point.slow),
            ));
            let points = points.iter().map(|point| (f64::from(point.value), point.rate));
            lines.push((engine.name().to_owned(), points.collect()));
        }
        section.charts.push(Chart {
            name: parameter.file().to_owned(),
            title: format!("Allocations a second by {}", parameter.name()),
            plot: Plot::Lines {
                parameter: parameter.name().to_owned(),
                lines,
            },
        });
    }
    section.tables.push(table);
    Ok(section)
}

fn curve(
    bench: &Bench,
    engine: Engine,
    parameter: Parameter,
    rounds: usize,
    problems: &mut Vec<String>,
) -> Result<Vec<Point>, Failure> {
    let values = parameter.values(bench.options.quick);
    let workload = parameter.workload();
    let mut measured = vec![Vec::new(); values.len()];
    for number in 1..=rounds {
        for (value, measured) in values.iter().zip(&mut measured) {
            let name = format!("{}, {value} {}", engine.name(), parameter.name());
            let (rate, slow) = bench.with_store(engine, |store| {
                let prepared = parameter.prepare(bench, store, *value)?;
                let mut running = bench.service.start("serve", store)?;
                let (slice, created) = running.measure(&workload, store, "", TIMING)?;
                let slow = slow_transactions(&running)?;
                running.stop()?;
                let problem = bench.service.audit(store, prepared + created, 2 * CONNECTIONS)?;
                problems.extend(problem.map(|problem| format!("{name}: {problem}")));
                if slice.load.failures(CREATED) > 0 {
                    problems.push(format!("{name}: {}", LoadResult::summary([&slice.load])));
                }
                Ok((slice.load.created_per_second(), slow))
            })?;
            bench.progress(number, &format!("{name}: {rate:.0}/s"));
            measured.push((rate, slow));
        }
    }
    let points = values.iter().zip(measured).map(|(value, measured)| Point {
        value: *value,
        rate: Spread::of(measured.iter().map(|(rate, _)| *rate)),
        slow: measured.iter().map(|(_, slow)| slow).sum(),
    });
    Ok(points.collect())
}

/// Transactions over the limit since the start of the service, from its metrics.
pub(crate) fn slow_transactions(running: &RunningService) -> Result<f64, Failure> {
    let metrics = running.get("/metrics")?.body;
    let count = |name: &str| -> Result<u64, Failure> {
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.and_then(|value| value.trim().parse().ok());
        value.ok_or_else(|| format!("the metrics do not contain {name}").into())
    };
    let within = count(&format!("earmark_store_seconds_bucket{{le=\"{LONGEST}\"}}"))?;
    Ok(to_float(count("earmark_store_seconds_count")?.saturating_sub(within)))
}
