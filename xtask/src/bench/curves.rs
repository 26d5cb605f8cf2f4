//! What a product's live batches and waiting lines cost: curves, and how long anybody waits when a backlog is served.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use super::chart::{Chart, Line};
use super::figures::Spread;
use super::ground::Bench;
use super::load::{Ask, Asked};
use super::plan::{CREATED, Engine, Verdict};
use super::report::{Goal, Section, Unit, Wanted};
use super::service::{Books, Serving, Times, get, send};
use super::table::{Table, millis, range, ratio, whole};
use crate::Failure;

/// More rounds than these change nothing: a curve is looked at, not judged.
const MOST_ROUNDS: usize = 3;

/// How long each point is measured.
const TIMES: Times = Times {
    warm_up: Duration::from_secs(1),
    measured: Duration::from_secs(2),
};

const LIVE_BATCHES: [u32; 4] = [1, 10, 100, 1_000];
const WAITING: [u32; 4] = [0, 100, 1_000, 10_000];
const IN_A_HURRY: [u32; 2] = [1, 1_000];
const IN_A_HURRY_WAITING: [u32; 2] = [0, 10_000];

/// Lines that wait for the batch that serves them all.
const BACKLOG: u32 = 10_000;

/// The longest a transaction may take, in seconds, as the service's own figures tell it.
const LONGEST: &str = "0.1";

/// How often a backlog is looked at that is being served, and how long at most.
const GLANCE: Duration = Duration::from_millis(20);
const SERVED_LIMIT: Duration = Duration::from_secs(120);

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grows {
    /// Batches with plenty in each.
    Batches,
    /// Batches of which all but the last are too small for any line.
    TooSmall,
    /// Lines that wait for more than there is.
    Waiting,
}

impl Grows {
    const ALL: [Self; 3] = [Self::Batches, Self::TooSmall, Self::Waiting];

    const fn name(self) -> &'static str {
        match self {
            Self::Batches => "live batches",
            Self::TooSmall => "live batches, all but the last too small",
            Self::Waiting => "waiting lines",
        }
    }

    const fn points(self, quick: bool) -> &'static [u32] {
        match (self, quick) {
            (Self::Waiting, false) => &WAITING,
            (Self::Waiting, true) => &IN_A_HURRY_WAITING,
            (_, false) => &LIVE_BATCHES,
            (_, true) => &IN_A_HURRY,
        }
    }

    /// Prepares a hot product that has so many of them; answers how many lines that has allocated.
    fn prepare(self, bench: &Bench<'_>, books: &Books, many: u32) -> Result<u64, Failure> {
        let mut batches = String::new();
        let batch = |text: &mut String, number: u32, quantity: u32| {
            writeln!(text, "B-{number:06},SKU-000000,{quantity},").expect("a text takes all that is written");
        };
        match self {
            Self::Batches => (1..=many).for_each(|number| batch(&mut batches, number, 1_000_000_000)),
            Self::TooSmall => {
                (1..many).for_each(|number| batch(&mut batches, number, 1));
                batch(&mut batches, many, 1_000_000_000);
            }
            Self::Waiting => batch(&mut batches, 1, 1_000_000_000),
        }
        bench.service.import_batches(books, &batches)?;
        if self != Self::Waiting {
            return Ok(0);
        }
        // One unit less than everything is left, and everybody who waits wants everything.
        import_orders(bench, books, "first,SKU-000000,1\n")?;
        let wants = (1..=many).fold(String::new(), |mut rows, number| {
            writeln!(rows, "waits-{number:06},SKU-000000,1000000000").expect("a text takes all that is written");
            rows
        });
        import_orders(bench, books, &wants)?;
        Ok(1)
    }
}

/// A point of a curve.
#[derive(Debug, Clone, Copy)]
struct Point {
    many: u32,
    /// Allocations a second.
    rate: Spread,
    /// Transactions that took longer than they may, in all rounds.
    over: f64,
}

/// What came of a backlog that one batch serves.
#[derive(Debug, Clone, Copy)]
struct Served {
    /// How long whoever made the batch waited for the answer.
    request: Duration,
    /// How long it took until nobody waited any more.
    all: Duration,
    /// Transactions that took longer than they may.
    over: f64,
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let rounds = bench.options.rounds.min(MOST_ROUNDS);
    let mut wrong = Vec::new();
    let mut section = Section {
        title: "Live batches and waiting lines".to_owned(),
        told: vec![format!(
            "64 connections allocate from one hot SKU that has so many batches with something available, or so many \
             lines that wait for more than there is. Each point is the median of {rounds} slices of {} s. Then {BACKLOG} \
             lines wait for one unit each, and one batch is made that serves them all.",
            TIMES.measured.as_secs()
        )],
        ..Section::default()
    };
    let mut table = Table::new(
        2,
        &[
            "Database",
            "What grows",
            "How many",
            "Allocations",
            "from–to",
            "of the first",
            "over 100 ms",
        ],
    );
    for grows in Grows::ALL {
        if bench.options.quick && grows == Grows::TooSmall {
            continue;
        }
        let mut lines = Vec::new();
        for &engine in bench.engines() {
            let points = curve(bench, engine, grows, rounds, &mut wrong)?;
            let first = points.first().map_or(f64::NAN, |point| point.rate.median);
            for Point { many, rate, over } in &points {
                table.row([
                    engine.name().to_owned(),
                    grows.name().to_owned(),
                    whole(f64::from(*many)),
                    whole(rate.median),
                    range(*rate, whole),
                    ratio(rate.median / first),
                    whole(*over),
                ]);
            }
            section.goals.push(Goal {
                what: format!("{}, {}: transactions over 100 ms", engine.name(), grows.name()),
                wanted: Wanted::AtMost(0.0),
                unit: Unit::Count,
                measured: Spread::of(points.iter().map(|point| point.over)).expect("a curve has points"),
            });
            lines.push(Line {
                name: engine.name().to_owned(),
                points: points.iter().map(|point| (f64::from(point.many), point.rate)).collect(),
            });
        }
        section.charts.push(Chart::Lines {
            name: format!(
                "curve-{}",
                grows
                    .name()
                    .split([' ', ','])
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join("-")
            ),
            title: format!("Allocations a second by {}", grows.name()),
            across: grows.name().to_owned(),
            lines,
        });
    }
    section.tables.push(("Allocations a second".to_owned(), table));
    backlog(bench, rounds, &mut section, &mut wrong)?;
    section.wrong = wrong;
    Ok(section)
}

fn curve(
    bench: &Bench<'_>,
    engine: Engine,
    grows: Grows,
    rounds: usize,
    wrong: &mut Vec<String>,
) -> Result<Vec<Point>, Failure> {
    let points = grows.points(bench.options.quick);
    let ask = Ask {
        asked: Asked::Allocations {
            // What is too small must be so for every line.
            quantity: if grows == Grows::TooSmall { 2 } else { 1 },
        },
        ..Ask::allocations(1, 64)
    };
    let mut measured = vec![Vec::new(); points.len()];
    for number in 1..=rounds {
        for (many, measured) in points.iter().zip(&mut measured) {
            let (rate, over) = bench.with_books(engine, |books| {
                let before = grows.prepare(bench, books, *many)?;
                let mut serving = bench.service.start("serve", books)?;
                let (slice, loads) = serving.measure(&ask, books, "", TIMES)?;
                let over = over(&serving)?;
                serving.stop()?;
                let lines = before + loads.iter().map(|load| load.created()).sum::<u64>();
                let waiting = if grows == Grows::Waiting { u64::from(*many) } else { 0 };
                // A line that waits has a row of its own among the allocations too.
                if let Verdict::Wrong(told) = bench.service.verdict(books, lines + waiting, 128)? {
                    wrong.push(format!("{}, {many} {}: {told}", engine.name(), grows.name()));
                }
                if slice.load.failures(CREATED) > 0 {
                    let told = super::plan::Load::told([&slice.load]);
                    wrong.push(format!("{}, {many} {}: {told}", engine.name(), grows.name()));
                }
                Ok((slice.load.created_per_second(), over))
            })?;
            bench.tell(
                number,
                &format!("{}, {many} {}: {rate:.0}/s", engine.name(), grows.name()),
            );
            measured.push((rate, over));
        }
    }
    let points = points.iter().zip(measured).map(|(many, measured)| Point {
        many: *many,
        rate: Spread::of(measured.iter().map(|(rate, _)| *rate)).expect("there are rounds"),
        over: measured.iter().map(|(_, over)| over).sum(),
    });
    Ok(points.collect())
}

fn backlog(bench: &Bench<'_>, rounds: usize, section: &mut Section, wrong: &mut Vec<String>) -> Result<(), Failure> {
    let columns = [
        "Database",
        "Answer to who made the batch",
        "longest",
        "all served within",
        "transactions over 100 ms",
    ];
    let mut table = Table::new(1, &columns);
    for &engine in bench.engines() {
        let mut served = Vec::new();
        for number in 1..=rounds {
            let one = bench.with_books(engine, |books| {
                let one = serve(bench, books)?;
                let lines = u64::from(BACKLOG) + 1;
                if let Verdict::Wrong(told) = bench.service.verdict(books, lines, 0)? {
                    wrong.push(format!("{}, a backlog served, round {number}: {told}", engine.name()));
                }
                Ok(one)
            })?;
            bench.tell(
                number,
                &format!(
                    "{}, a backlog of {BACKLOG}: answered after {}, served after {}, {:.0} transactions over 100 ms",
                    engine.name(),
                    millis(one.request),
                    millis(one.all),
                    one.over
                ),
            );
            served.push(one);
        }
        let spread = |pick: fn(&Served) -> f64| Spread::of(served.iter().map(pick)).expect("there are rounds");
        let (request, all) = (
            spread(|one| one.request.as_secs_f64()),
            spread(|one| one.all.as_secs_f64()),
        );
        let over = spread(|one| one.over);
        table.row([
            engine.name().to_owned(),
            millis(Duration::from_secs_f64(request.median)),
            millis(Duration::from_secs_f64(request.most)),
            millis(Duration::from_secs_f64(all.median)),
            whole(over.most),
        ]);
        section.goals.push(Goal {
            what: format!(
                "{}, a backlog of {BACKLOG} served: transactions over 100 ms",
                engine.name()
            ),
            wanted: Wanted::AtMost(0.0),
            unit: Unit::Count,
            measured: over,
        });
    }
    section
        .tables
        .push(("A batch that serves a backlog of 10,000".to_owned(), table));
    Ok(())
}

fn serve(bench: &Bench<'_>, books: &Books) -> Result<Served, Failure> {
    bench.service.import_batches(books, "B-1,SKU-000000,1,\n")?;
    let wants = (0..=BACKLOG).fold(String::new(), |mut rows, number| {
        writeln!(rows, "waits-{number:06},SKU-000000,1").expect("a text takes all that is written");
        rows
    });
    import_orders(bench, books, &wants)?;
    let mut serving = bench.service.start("serve", books)?;
    let begun = Instant::now();
    let body = format!(r#"{{"reference":"B-2","sku":"SKU-000000","quantity":{BACKLOG}}}"#);
    let answer = send(&serving.address, "POST", "/v1/batches", &body)?;
    let request = begun.elapsed();
    if answer.status != CREATED {
        return Err(format!("the batch was not made: {} {}", answer.status, answer.body).into());
    }
    while !get(&serving.address, "/v1/products/SKU-000000")?
        .body
        .contains("\"backordered\":0,")
    {
        if begun.elapsed() > SERVED_LIMIT {
            return Err(format!("{BACKLOG} waiting lines are not served").into());
        }
        (bench.programs.pause)(GLANCE)?;
    }
    let all = begun.elapsed();
    let over = over(&serving)?;
    serving.stop()?;
    Ok(Served { request, all, over })
}

/// How many transactions took longer than they may.
fn over(serving: &Serving<'_>) -> Result<f64, Failure> {
    let told = get(&serving.address, "/metrics")?.body;
    let figure = |name: &str| -> Result<f64, Failure> {
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let figure = line.and_then(|figure| figure.trim().parse().ok());
        figure.ok_or_else(|| format!("the service does not tell {name}").into())
    };
    let within = figure(&format!("earmark_store_seconds_bucket{{le=\"{LONGEST}\"}}"))?;
    Ok(figure("earmark_store_seconds_count")? - within)
}

/// Takes lines from a file, of which some will wait.
fn import_orders(bench: &Bench<'_>, books: &Books, rows: &str) -> Result<(), Failure> {
    let file = bench.programs.scratch.join("orders.csv");
    fs::write(&file, format!("order_id,sku,quantity\n{rows}"))?;
    let mut import = bench.service.earmark(books);
    import.args(["import", "orders"]).arg(&file);
    bench
        .programs
        .run("import", &mut import, Duration::from_secs(300))
        .map(drop)
}
