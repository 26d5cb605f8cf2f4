//! Many allocations in one go: `/v1/bulk` and `earmark import`, held against the same work done raw, and the memory
//! they take however long the stream.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::contest::{self, Contest};
use super::feed;
use super::figures::{Spread, rate, to_float};
use super::ground::Bench;
use super::plan::{Engine, Keys, Verdict, Work, Yardstick};
use super::proc;
use super::report::{Goal, Section, Unit, Wanted};
use super::service::{Books, Service};
use super::table::{Table, mebibytes, whole};
use crate::Failure;

const PRODUCTS: u32 = 1_000;

const YARDSTICK: Yardstick = Yardstick {
    work: Work::SET,
    products: PRODUCTS,
    keys: Keys::Rising,
};

/// How much longer the long stream is.
const LONGER: u32 = 4;

/// How much more memory the long stream may take than the short one: what allocators keep differs from run to run.
const MORE_MEMORY: f64 = 1.25;

/// How often an import is looked at, which ends on its own: its memory is read this often.
const GLANCE: Duration = Duration::from_millis(2);

/// An import that takes longer is stuck.
const IMPORT_LIMIT: Duration = Duration::from_secs(600);

/// A stream's way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Bulk,
    Import,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Bulk => "POST /v1/bulk",
            Self::Import => "earmark import orders",
        }
    }
}

/// What came of one stream.
#[derive(Debug, Clone, Copy)]
struct Told {
    lines: u64,
    took: Duration,
    /// The most memory the process held, in bytes.
    peak: u64,
}

impl Told {
    fn per_second(self) -> f64 {
        rate(self.lines, self.took)
    }
}

/// All streams of one way into one database.
struct Series {
    engine: Engine,
    way: Way,
    contest: Contest,
    short: Vec<Told>,
    long: Option<Told>,
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    // In a hurry, the one has to do for the other: they go the same way to the store.
    let ways: &[Way] = if bench.options.quick {
        &[Way::Bulk]
    } else {
        &[Way::Bulk, Way::Import]
    };
    for &engine in &bench.options.engines {
        for &way in ways {
            all.push(Series {
                engine,
                way,
                contest: Contest::new(format!("{}, {}", engine.name(), way.name())),
                short: Vec::new(),
                long: None,
            });
        }
    }
    let measured = bench.options.times.measured;
    for number in 1..=bench.options.rounds {
        // What the bulk stream gets done in the time of a slice is as long as the import's file: both are bounded.
        let mut lines = 0;
        let mut raw = 0.0;
        for series in &mut all {
            let told = stream(bench, series, measured, lines, &mut wrong)?;
            if series.way == Way::Bulk {
                lines = told.lines;
                // Between the two, which are both held against it.
                raw = bench
                    .yardstick(series.engine, YARDSTICK, bench.options.times)?
                    .per_second();
            }
            series.contest.rounds.push((told.per_second(), raw));
            series.short.push(told);
            bench.tell(number, &series.contest.last());
        }
    }
    for series in &mut all {
        // In a hurry, one has to do.
        if bench.options.quick && series.engine != bench.options.engines[0] {
            continue;
        }
        let lines = series.short.iter().map(|told| told.lines).max().unwrap_or_default();
        let told = stream(bench, series, measured * LONGER, lines * u64::from(LONGER), &mut wrong)?;
        bench.tell(
            bench.options.rounds,
            &format!(
                "{}: {} lines, at most {}",
                series.contest.name,
                told.lines,
                mebibytes(told.peak)
            ),
        );
        series.long = Some(told);
    }
    Ok(section(&all, wrong))
}

/// Sends one stream into fresh books, and holds these against it. A bulk stream is so long in time, an import in lines.
fn stream(
    bench: &Bench<'_>,
    series: &Series,
    long: Duration,
    lines: u64,
    wrong: &mut Vec<String>,
) -> Result<Told, Failure> {
    bench.with_books(series.engine, |books| {
        bench.service.stock(books, PRODUCTS)?;
        let told = match series.way {
            Way::Bulk => bulk(bench, books, long, wrong)?,
            Way::Import => import(bench.service, books, lines)?,
        };
        if let Verdict::Wrong(told) = bench.service.verdict(books, told.lines, 0)? {
            wrong.push(format!("{}: {told}", series.contest.name));
        }
        Ok(told)
    })
}

fn bulk(bench: &Bench<'_>, books: &Books, long: Duration, wrong: &mut Vec<String>) -> Result<Told, Failure> {
    let mut serving = bench.service.start("serve", books)?;
    let write = |number, text: &mut String| {
        let product = product(number);
        write!(
            text,
            r#"{{"allocate":{{"order_id":"o-1-0-{number:012}","sku":"SKU-{product:06}","quantity":1}}}}"#
        )
        .expect("a text takes all that is written");
    };
    let streamed = feed::bulk(bench.programs, &serving.address, write, long)?;
    let peak = serving.memory()?.peak;
    serving.stop()?;
    if streamed.created != streamed.sent || streamed.answered != streamed.sent {
        wrong.push(format!(
            "POST /v1/bulk: of {} lines {} were answered and {} allocated",
            streamed.sent, streamed.answered, streamed.created
        ));
    }
    Ok(Told {
        lines: streamed.created,
        took: streamed.took,
        peak,
    })
}

fn import(service: Service<'_>, books: &Books, lines: u64) -> Result<Told, Failure> {
    let file = service.programs.scratch.join("orders.csv");
    write_orders(&file, lines)?;
    let begun = Instant::now();
    let mut command = service.earmark(books);
    command.args(["import", "orders", "--on-shortage", "reject"]).arg(&file);
    let mut running = service.programs.start("import", &mut command)?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = running.ended()? {
            break status;
        }
        // It may have ended meanwhile, and then tells nothing any more.
        peak = proc::memory(running.pid()).map_or(peak, |memory| peak.max(memory.peak));
        if begun.elapsed() > IMPORT_LIMIT {
            return Err("an import does not end".into());
        }
        (service.programs.pause)(GLANCE)?;
    };
    let took = begun.elapsed();
    std::fs::remove_file(&file)?;
    if status.success() {
        Ok(Told { lines, took, peak })
    } else {
        Err(format!("an import ended with {status}{}", running.last_words()).into())
    }
}

fn write_orders(file: &Path, lines: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "order_id,sku,quantity")?;
    for number in 1..=lines {
        writeln!(out, "o-1-0-{number:012},SKU-{:06},1", product(number))?;
    }
    Ok(out.into_inner()?.sync_all()?)
}

/// Spreads lines over the products, evenly and in no order (a multiplicative hash).
const fn product(number: u64) -> u64 {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % PRODUCTS as u64
}

fn section(all: &[Series], wrong: Vec<String>) -> Section {
    let contests: Vec<Contest> = all.iter().map(|series| series.contest.clone()).collect();
    let mut memory = Table::new(2, &["Database", "Stream", "Lines", "at most", "Lines", "at most"]);
    let mut goals = Vec::new();
    for series in all {
        goals.push(series.contest.goal("lines, of set-based, 128 a transaction", 0.8));
        goals.push(Goal {
            what: format!("{}: lines", series.contest.name),
            wanted: Wanted::AtLeast(30_000.0),
            unit: Unit::PerSecond,
            measured: series.contest.judged(),
        });
        let Some(long) = series.long else { continue };
        let short = series.short.iter().max_by_key(|told| told.peak).copied();
        let short = short.expect("a series has rounds");
        memory.row([
            series.engine.name().to_owned(),
            series.way.name().to_owned(),
            whole(to_float(short.lines)),
            mebibytes(short.peak),
            whole(to_float(long.lines)),
            mebibytes(long.peak),
        ]);
        goals.push(Goal {
            what: format!("{}: memory of a stream four times as long", series.contest.name),
            wanted: Wanted::AtMost(MORE_MEMORY),
            unit: Unit::Ratio,
            measured: Spread::of([to_float(long.peak) / to_float(short.peak)]).expect("one measurement"),
        });
    }
    Section {
        title: "Bulk and import".to_owned(),
        told: vec![format!(
            "One stream of allocations over {PRODUCTS} products, order ids rising: over HTTP for as long as a slice, \
             answers read meanwhile; and from a file with as many lines, by a process of its own, whose start is \
             counted. Then each once more, {LONGER} times as long, for the memory."
        )],
        tables: vec![
            (
                "Lines a second".to_owned(),
                contest::table("Earmark", "Yardstick", &[], &contests),
            ),
            ("Memory of the process, short and long stream".to_owned(), memory),
        ],
        goals,
        wrong,
        ..Section::default()
    }
}
