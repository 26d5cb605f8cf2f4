//! Many allocations in one stream: `/v1/bulk` and `earmark import`, against the set-based yardstick, and with counts of
//! batches among them against a stream without; and their memory, however long the stream.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use xtask::Failure;

use crate::bench::Bench;
use crate::load::bulk;
use crate::load::wrk::OrderIds;
use crate::measure::stats::{Spread, rate, to_float};
use crate::process::proc;
use crate::report::comparison::{self, Comparison};
use crate::report::figures::{mebibytes, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::stores::store::{Engine, Store};
use crate::yardsticks::yardstick::{Method, Yardstick};

const PRODUCTS: u32 = 1_000;

const YARDSTICK: Yardstick = Yardstick {
    method: Method::SET_BASED,
    products: PRODUCTS,
    order_ids: OrderIds::Rising,
};

/// How much longer the long stream is.
const LONGER: u32 = 4;

/// How much more memory the long stream may take: what allocators keep differs between runs.
const MORE_MEMORY: f64 = 1.25;

/// How often the memory of an import is read.
const POLL: Duration = Duration::from_millis(2);

/// An import that takes longer hangs.
const IMPORT_LIMIT: Duration = Duration::from_secs(600);

/// Every so many lines of a stream with counts counts a batch.
const COUNTS: u64 = 4;

/// How a stream enters the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Bulk,
    BulkWithCounts,
    Import,
}

impl Entry {
    const fn name(self) -> &'static str {
        match self {
            Self::Bulk => "POST /v1/bulk",
            Self::BulkWithCounts => "POST /v1/bulk, each fourth line a count of a batch",
            Self::Import => "earmark import orders",
        }
    }
}

/// The outcome of one stream.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    lines: u64,
    /// Lines that are allocations.
    allocated: u64,
    took: Duration,
    /// Peak memory of the process, in bytes.
    peak: u64,
}

/// All streams of one entry into one database.
struct Series {
    engine: Engine,
    entry: Entry,
    comparison: Comparison,
    short: Vec<Outcome>,
    long: Option<Outcome>,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    // An import uses the same path to the store: a quick run leaves it out.
    let entries: &[Entry] = if bench.options.quick {
        &[Entry::Bulk, Entry::BulkWithCounts]
    } else {
        &[Entry::Bulk, Entry::BulkWithCounts, Entry::Import]
    };
    let engines = bench.options.engines();
    for &engine in engines {
        all.extend(entries.iter().map(|&entry| Series {
            engine,
            entry,
            comparison: Comparison::new(format!("{}, {}", engine.name(), entry.name())),
            short: Vec::new(),
            long: None,
        }));
    }
    let measured = bench.options.timing().measured;
    for number in 1..=bench.options.rounds() {
        // The bulk stream runs for a time; the import that follows gets as many lines.
        let (mut lines, mut raw, mut without_counts) = (0, 0.0, 0.0);
        for series in &mut all {
            let outcome = stream(bench, series, measured, lines, &mut problems)?;
            if series.entry == Entry::Bulk {
                lines = outcome.lines;
                // Between the two, as the reference of both.
                raw = bench.yardstick(series.engine, YARDSTICK)?.per_second();
                without_counts = rate(outcome.lines, outcome.took);
            }
            let reference = match series.entry {
                Entry::Bulk | Entry::Import => raw,
                Entry::BulkWithCounts => without_counts,
            };
            let tested = rate(outcome.lines, outcome.took);
            series.comparison.rounds.push((tested, reference));
            series.short.push(outcome);
            bench.progress(number, &series.comparison.last());
        }
    }
    for series in all.iter_mut().filter(|series| series.entry != Entry::BulkWithCounts) {
        if bench.options.quick && series.engine != engines[0] {
            continue;
        }
        let lines = series
            .short
            .iter()
            .map(|outcome| outcome.lines)
            .max()
            .unwrap_or_default();
        let outcome = stream(
            bench,
            series,
            measured * LONGER,
            lines * u64::from(LONGER),
            &mut problems,
        )?;
        let (name, peak) = (&series.comparison.name, mebibytes(outcome.peak));
        bench.progress(
            bench.options.rounds(),
            &format!("{name}: {} lines, at most {peak}", outcome.lines),
        );
        series.long = Some(outcome);
    }
    Ok(section(&all, problems))
}

/// Sends one stream into a new store, and audits the store. A bulk stream ends after `duration`, an import after
/// `lines`.
fn stream(
    bench: &Bench,
    series: &Series,
    duration: Duration,
    lines: u64,
    problems: &mut Vec<String>,
) -> Result<Outcome, Failure> {
    bench.with_store(series.engine, |store| {
        bench.service.stock(store, PRODUCTS)?;
        let outcome = match series.entry {
            Entry::Bulk | Entry::BulkWithCounts => stream_bulk(bench, store, series.entry, duration, problems)?,
            Entry::Import => stream_import(bench, store, lines)?,
        };
        let problem = bench.service.audit(store, outcome.allocated, 0)?;
        problems.extend(problem.map(|problem| format!("{}: {problem}", series.comparison.name)));
        Ok(outcome)
    })
}

fn stream_bulk(
    bench: &Bench,
    store: &Store,
    entry: Entry,
    duration: Duration,
    problems: &mut Vec<String>,
) -> Result<Outcome, Failure> {
    let is_count = move |number: u64| entry == Entry::BulkWithCounts && number.is_multiple_of(COUNTS);
    let mut running = bench.service.start("serve", store)?;
    let write = move |number, text: &mut String| {
        let product = product(number);
        let written = if is_count(number) {
            let units = 1_000_000_000 - number % 1_000_000;
            write!(
                text,
                r#"{{"change_batch":{{"reference":"B-{product:06}-1","quantity":{units}}}}}"#
            )
        } else {
            write!(
                text,
                r#"{{"allocate":{{"order_id":"o-1-0-{number:012}","sku":"SKU-{product:06}","quantity":1}}}}"#
            )
        };
        written.expect("writing to a string does not fail");
    };
    let result = bulk::stream(&bench.programs.interruptions, &running.address, write, duration)?;
    let peak = running.memory()?.peak;
    running.stop()?;
    let counts = if entry == Entry::BulkWithCounts {
        result.sent / COUNTS
    } else {
        0
    };
    if result.created + counts != result.sent || result.answered != result.sent {
        problems.push(format!(
            "{}: of {} lines, {} were answered and {} allocated",
            entry.name(),
            result.sent,
            result.answered,
            result.created
        ));
    }
    Ok(Outcome {
        lines: result.created + counts,
        allocated: result.created,
        took: result.took,
        peak,
    })
}

fn stream_import(bench: &Bench, store: &Store, lines: u64) -> Result<Outcome, Failure> {
    let file = bench.programs.scratch.join("orders.csv");
    write_orders(&file, lines)?;
    let started = Instant::now();
    let mut command = bench.service.earmark(store);
    command.args(["import", "orders", "--on-shortage", "reject"]).arg(&file);
    let mut import = bench.programs.start("import", &mut command)?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = import.ended()? {
            break status;
        }
        // After the process has ended, its memory can't be read: the last reading counts.
        peak = proc::memory(import.pid()).map_or(peak, |memory| peak.max(memory.peak));
        if started.elapsed() > IMPORT_LIMIT {
            return Err("an import did not end".into());
        }
        bench.programs.pause(POLL)?;
    };
    let took = started.elapsed();
    import.check(status)?;
    std::fs::remove_file(&file)?;
    Ok(Outcome {
        lines,
        allocated: lines,
        took,
        peak,
    })
}

fn write_orders(file: &Path, lines: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "order_id,sku,quantity")?;
    for number in 1..=lines {
        writeln!(out, "o-1-0-{number:012},SKU-{:06},1", product(number))?;
    }
    Ok(out.into_inner()?.sync_all()?)
}

/// A multiplicative hash, which spreads consecutive numbers evenly over the products.
const fn product(number: u64) -> u64 {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % PRODUCTS as u64
}

fn section(all: &[Series], problems: Vec<String>) -> Section {
    let title = "Memory of the process, short and long stream";
    let mut memory = Table::new(title, 2, ["Database", "Stream", "Lines", "at most", "Lines", "at most"]);
    let mut goals = Vec::new();
    for series in all {
        let name = &series.comparison.name;
        let lines = series.comparison.tested();
        if series.entry == Entry::BulkWithCounts {
            goals.push(series.comparison.goal("lines, of a stream without", 0.7));
            continue;
        }
        goals.push(series.comparison.goal("lines, of set-based, 128 a transaction", 0.8));
        goals.push(Goal::at_least(
            format!("{name}: lines"),
            30_000.0,
            Unit::PerSecond,
            lines,
        ));
        let short = series.short.iter().max_by_key(|outcome| outcome.peak);
        if let (Some(short), Some(long)) = (short, series.long) {
            memory.row([
                series.engine.name().to_owned(),
                series.entry.name().to_owned(),
                whole(to_float(short.lines)),
                mebibytes(short.peak),
                whole(to_float(long.lines)),
                mebibytes(long.peak),
            ]);
            let what = format!("{name}: memory of a stream four times as long");
            let more = Spread::of([to_float(long.peak) / to_float(short.peak)]);
            goals.push(Goal::at_most(what, MORE_MEMORY, Unit::Ratio, more));
        }
    }
    let comparisons: Vec<Comparison> = all.iter().map(|series| series.comparison.clone()).collect();
    let rates = comparison::table("Lines a second", ["Earmark", "Yardstick"], &[], &comparisons);
    Section {
        title: "Bulk and import",
        method: format!(
            "One stream of allocations over {PRODUCTS} products, with rising order ids: over HTTP for the time of a \
             slice, with the responses read at the same time; the same with a count of a batch as each fourth line, for \
             which the yardstick is the stream without; and from a file with as many lines, by a process of its own, \
             whose start is included. Then those without counts once more, {LONGER} times as long, for the memory."
        ),
        tables: vec![rates, memory],
        goals,
        problems,
        ..Section::default()
    }
}
