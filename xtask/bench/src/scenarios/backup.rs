//! Allocations while `earmark backup` copies the SQLite file, one backup after the other, against without.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use xtask::{Failure, say};

use crate::bench::Bench;
use crate::history::fill::fill;
use crate::history::size::History;
use crate::load::wrk::Workload;
use crate::measure::results::{CREATED, LoadResult};
use crate::measure::stats::{as_mebibytes, to_float};
use crate::report::comparison::{self, Comparison};
use crate::report::figures::{mebibytes, whole};
use crate::report::goal::Goal;
use crate::report::section::Section;
use crate::report::table::Table;
use crate::scenarios::growth::{PRODUCTS, in_flight};
use crate::service::running::RunningService;
use crate::stores::store::{Engine, Store};

/// A backup that takes longer has a fault.
const LIMIT: Duration = Duration::from_secs(600);

/// How often the log is looked at while a backup is under way.
const POLL: Duration = Duration::from_millis(20);

/// How long a slice runs: longer than a backup. The copying, with which it begins, costs more than the check, which lasts
/// longer.
const SLICE: Duration = Duration::from_secs(45);

/// The same of a small store.
const QUICK_SLICE: Duration = Duration::from_secs(10);

/// Past lines, in a full run and in a quick one: so that a backup has something to copy.
const FULL: u64 = 1_000_000;
const QUICK: u64 = 100_000;

/// The parts of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Alone,
    BesideBackups,
}

/// What the backups were like.
#[derive(Debug, Default)]
struct Backups {
    made: u64,
    slowest: Duration,
    /// The size of the last, in bytes.
    size: u64,
    /// The longest log, in bytes.
    log: u64,
}

/// Measures, on SQLite only: PostgreSQL has programs of its own for this.
pub(crate) fn run(bench: &Bench) -> Result<Option<Section>, Failure> {
    if !bench.measures(Engine::Sqlite) {
        return Ok(None);
    }
    bench
        .with_store(Engine::Sqlite, |store| measure(bench, store))
        .map(Some)
}

fn measure(bench: &Bench, store: &Store) -> Result<Section, Failure> {
    let past = History::new(if bench.options.quick { QUICK } else { FULL }).ok_or("a history")?;
    fill(&bench.service, None, store, past, PRODUCTS)?;
    let workload = Workload::allocations(PRODUCTS, 64);
    let mut running = bench.service.start("serve", store)?;
    let mut comparison = Comparison::new("SQLite, 1,000 SKUs, 64");
    let mut backups = Backups::default();
    let mut loads = Vec::new();
    // The past, and the sample that it was copied from.
    let mut lines = past.lines() + 1;
    for number in 1..=bench.options.rounds() {
        // Whatever gets slower or faster with time meets each part first as often.
        let mut parts = [Part::Alone, Part::BesideBackups];
        if number % 2 == 0 {
            parts.reverse();
        }
        let mut rates = [0.0; 2];
        for part in parts {
            let tag = format!("{number}{part:?}");
            let (load, created) = slice(bench, store, &running, &workload, &tag, part, &mut backups)?;
            lines += created;
            rates[usize::from(part == Part::Alone)] = load.created_per_second();
            loads.push(load);
        }
        comparison.rounds.push((rates[0], rates[1]));
        bench.progress(number, &format!("beside backups, {}", comparison.last()));
    }
    running.stop()?;
    let problem = bench.service.audit(store, lines, in_flight(bench)?)?;
    say(&format!(
        "{} backups, the slowest took {:.1?}",
        backups.made, backups.slowest
    ));
    comparison.extra = vec![LoadResult::summary(&loads)];
    let mut table = Table::new("Backups", 0, ["Made", "Slowest", "Size", "Longest log"]);
    table.row([
        whole(to_float(backups.made)),
        format!("{:.1} s", backups.slowest.as_secs_f64()),
        mebibytes(backups.size),
        format!("{:.0} MiB", as_mebibytes(backups.log)),
    ]);
    let errors = loads.iter().map(|load| to_float(load.failures(CREATED)));
    Ok(Section {
        title: "Backup under load",
        method: format!(
            "A store with {} past lines. In each round the same load twice on the same service: alone, and while \
             `earmark backup` runs, one backup after the other, each verified by itself: {} s each. Which comes first \
             alternates.",
            whole(to_float(past.lines())),
            if bench.options.quick { QUICK_SLICE } else { SLICE }.as_secs()
        ),
        goals: vec![
            comparison.goal("beside a backup, of without", 0.9),
            Goal::none("SQLite, beside a backup: errors", errors),
        ],
        tables: vec![
            comparison::table(
                "Allocations a second",
                ["Beside a backup", "Alone"],
                &["Responses"],
                &[comparison],
            ),
            table,
        ],
        problems: problem.into_iter().collect(),
        ..Section::default()
    })
}

/// Measures one part of a round; answers how many lines were created in all, too.
fn slice(
    bench: &Bench,
    store: &Store,
    running: &RunningService,
    workload: &Workload,
    tag: &str,
    part: Part,
    backups: &mut Backups,
) -> Result<(LoadResult, u64), Failure> {
    let timing = bench.options.timing();
    let warm_up = workload.run(&bench.programs, &running.address, &format!("{tag}1"), timing.warm_up)?;
    let measured = if bench.options.quick { QUICK_SLICE } else { SLICE };
    let load = workload.start(&bench.programs, &running.address, &format!("{tag}2"), measured)?;
    let started = Instant::now();
    while part == Part::BesideBackups && started.elapsed() < measured {
        back_up(bench, store, backups)?;
    }
    let load = load.finish()?;
    let created = warm_up.created() + load.created();
    Ok((load, created))
}

/// Makes one backup.
fn back_up(bench: &Bench, store: &Store, backups: &mut Backups) -> Result<(), Failure> {
    let to = bench.programs.scratch.join("backup.db");
    let log = format!("{}-wal", store.file()?.display());
    let mut command = bench.service.earmark(store);
    command.arg("backup").arg("--replace").arg(&to);
    let started = Instant::now();
    let mut backup = bench.programs.start("backup", &mut command)?;
    while backup.ended()?.is_none() && started.elapsed() < LIMIT {
        let length = Path::new(&log).metadata().map_or(0, |log| log.len());
        backups.log = backups.log.max(length);
        bench.programs.pause(POLL)?;
    }
    backup.succeed(Duration::ZERO)?;
    backups.made += 1;
    backups.slowest = backups.slowest.max(started.elapsed());
    backups.size = fs::metadata(&to)?.len();
    Ok(())
}
