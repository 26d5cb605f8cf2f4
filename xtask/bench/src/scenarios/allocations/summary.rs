//! The section of the report.

use std::time::Duration;

use super::series::{Round, Series};
use crate::measure::results::{CREATED, LoadResult};
use crate::measure::stats::{Spread, as_mebibytes, as_millis, median, per_item, to_float};
use crate::report::chart::{Chart, Plot};
use crate::report::figures::{mebibytes, millis, range, ratio, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;

/// Builds it from all series.
pub(super) fn section(all: &[Series]) -> Section {
    Section {
        title: "Allocations",
        method:
            "`POST /v1/allocations` for one unit, in a closed loop; every product has plenty of stock. The yardstick \
                 writes the same allocations directly to the database, with the same kind of order ids: rising, as a \
                 counter or time-ordered UUIDs, or random, as random UUIDs."
                .to_owned(),
        tables: vec![throughput(all), latency(all), responses(all), footprint(all)],
        charts: vec![throughput_chart(all), latency_chart(all)],
        goals: all.iter().flat_map(goals).chain(footprint_goals(all)).collect(),
        problems: all.iter().flat_map(Series::problems).collect(),
    }
}

fn throughput_chart(all: &[Series]) -> Chart {
    Chart {
        name: "throughput".to_owned(),
        title: "Allocations a second, and the same work done directly in the database".to_owned(),
        plot: Plot::Bars {
            unit: "/s",
            series: ["Earmark", "Yardstick"].map(str::to_owned).into(),
            groups: all
                .iter()
                .map(|series| {
                    let raw = series.spread(|round| round.raw.per_second());
                    (series.name(), vec![series.spread(Round::rate), raw])
                })
                .collect(),
        },
    }
}

fn latency_chart(all: &[Series]) -> Chart {
    let groups = all.iter().map(|series| {
        let spread = |pick: fn(&Round) -> Duration| series.spread(|round| as_millis(pick(round)));
        let bars = vec![
            spread(|round| round.service.load.latency.p50),
            spread(|round| round.service.load.latency.p90),
            spread(|round| round.service.load.latency.p99),
        ];
        (series.name(), bars)
    });
    Chart {
        name: "latency".to_owned(),
        title: "Latency of an allocation, measured by the client".to_owned(),
        plot: Plot::Bars {
            unit: " ms",
            series: ["p50", "p90", "p99"].map(str::to_owned).into(),
            groups: groups.collect(),
        },
    }
}

fn goals(series: &Series) -> Vec<Goal> {
    let (case, name) = (series.case, series.name());
    let method = case.method.name();
    let mut goals = Vec::new();
    if let Some(bound) = case.throughput {
        let what = format!("{name}: allocations, of {method}");
        let measured = series.spread(Round::throughput_ratio);
        goals.push(Goal::at_least(what, bound, Unit::Ratio, measured));
    }
    if let Some(bound) = case.p99 {
        let measured = series.spread(|round| as_millis(round.service.load.latency.p99));
        goals.push(Goal::at_most(format!("{name}: p99"), bound, Unit::Millis, measured));
        let errors = series
            .rounds
            .iter()
            .map(|round| to_float(round.service.load.failures(CREATED)));
        goals.push(Goal::none(format!("{name}: errors"), errors));
    }
    if let Some(bound) = case.latency {
        let what = format!("{name}: median latency, of {method}");
        let measured = series.spread(Round::latency_ratio);
        goals.push(Goal::at_most(what, bound, Unit::Ratio, measured));
    }
    goals
}

/// Goals over all series together.
fn footprint_goals(all: &[Series]) -> impl Iterator<Item = Goal> {
    let goal = |what: &str, bound, unit, pick: fn(&Round) -> f64| {
        let measured = Spread::try_of(all.iter().flat_map(|series| &series.rounds).map(pick))?;
        Some(Goal::at_most(what, bound, unit, measured))
    };
    let goals = [
        goal("memory, idle", 40.0, Unit::Mebibytes, |round| {
            as_mebibytes(round.service.memory.idle)
        }),
        goal("memory, under load, at most", 200.0, Unit::Mebibytes, |round| {
            as_mebibytes(round.service.memory.peak)
        }),
        goal("start to ready", 300.0, Unit::Millis, |round| {
            as_millis(round.service.start)
        }),
    ];
    goals.into_iter().flatten()
}

fn table(title: &str, columns: &[&str], all: &[Series], row: impl Fn(&Series) -> Vec<String>) -> Table {
    let mut table = Table::new(title, 2, ["Database", "Load"].iter().chain(columns).copied());
    for series in all {
        let names = [series.case.engine.name(), series.case.name].map(str::to_owned);
        table.row(names.into_iter().chain(row(series)));
    }
    table
}

fn throughput(all: &[Series]) -> Table {
    let columns = [
        "Earmark",
        "from–to",
        "Yardstick",
        "from–to",
        "Ratio",
        "from–to",
        "Store",
    ];
    table("Allocations a second", &columns, all, |series| {
        let service = series.spread(Round::rate);
        let raw = series.spread(|round| round.raw.per_second());
        let ratios = series.spread(Round::throughput_ratio);
        let wrong = series.problems().next().is_some();
        vec![
            whole(service.median),
            range(service, whole),
            whole(raw.median),
            range(raw, whole),
            ratio(ratios.median),
            range(ratios, ratio),
            if wrong { "WRONG" } else { "right" }.to_owned(),
        ]
    })
}

fn latency(all: &[Series]) -> Table {
    let columns = ["p50", "p90", "p99", "longest", "Yardstick's transaction, p50"];
    table("Latency, measured by the client", &columns, all, |series| {
        let middle = |pick: fn(&Round) -> Duration| millis(median(series.durations(pick)));
        let longest = series.durations(|round| round.service.load.latency.max).max();
        vec![
            middle(|round| round.service.load.latency.p50),
            middle(|round| round.service.load.latency.p90),
            middle(|round| round.service.load.latency.p99),
            millis(longest.unwrap_or_default()),
            middle(|round| round.raw.transaction),
        ]
    })
}

fn responses(all: &[Series]) -> Table {
    let columns = [
        "By status, all rounds",
        "Service, each",
        "Database server",
        "Load generator",
    ];
    table("Responses and CPU time", &columns, all, |series| {
        let cost = |pick: fn(&Round) -> Duration| {
            let costs = series.durations(|round| per_item(pick(round), round.service.load.created()));
            format!("{:.0} µs", median(costs).as_secs_f64() * 1e6)
        };
        vec![
            LoadResult::summary(series.rounds.iter().map(|round| &round.service.load)),
            cost(|round| round.service.cpu.service),
            cost(|round| round.service.cpu.database),
            cost(|round| round.service.cpu.load),
        ]
    })
}

fn footprint(all: &[Series]) -> Table {
    let columns = ["Start to ready", "Memory idle", "under load", "at most"];
    table("Start and memory", &columns, all, |series| {
        let bytes = |pick: fn(&Round) -> u64| mebibytes(series.rounds.iter().map(pick).max().unwrap_or(0));
        vec![
            millis(median(series.durations(|round| round.service.start))),
            bytes(|round| round.service.memory.idle),
            bytes(|round| round.service.memory.loaded),
            bytes(|round| round.service.memory.peak),
        ]
    })
}
