//! Orders of several lines, some products far more wanted than others, held against single allocations of the same
//! products.

use super::contest::{self, Contest};
use super::figures::{Spread, rate, to_float};
use super::ground::Bench;
use super::load::{Ask, Asked, Skew};
use super::plan::{CREATED, Engine, Load, ServiceSlice, Verdict};
use super::report::{Goal, Section, Unit, Wanted};
use crate::Failure;

/// Lines an order.
const LINES: u32 = 5;

const SINGLES: Ask = Ask {
    skew: Skew::Zipf,
    ..Ask::allocations(1_000, 64)
};
const ORDERS: Ask = Ask {
    asked: Asked::Orders { lines: LINES },
    ..SINGLES
};

/// All rounds on one database.
struct Series {
    engine: Engine,
    contest: Contest,
    loads: Vec<Load>,
    /// What PostgreSQL had to break up, round by round.
    deadlocks: Vec<f64>,
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let mut wrong = Vec::new();
    let mut all: Vec<Series> = Vec::new();
    for &engine in bench.engines() {
        all.push(Series {
            engine,
            contest: Contest::new(format!("{}, 1,000 SKUs, Zipf, 64", engine.name())),
            loads: Vec::new(),
            deadlocks: Vec::new(),
        });
    }
    for number in 1..=bench.options.rounds {
        for series in &mut all {
            let (orders, deadlocks) = slice(bench, series.engine, &ORDERS)?;
            let (singles, _) = slice(bench, series.engine, &SINGLES)?;
            let lines = rate(orders.load.created() * u64::from(LINES), orders.load.took);
            series.contest.rounds.push((lines, singles.load.created_per_second()));
            series.deadlocks.push(to_float(deadlocks));
            for slice in [&orders, &singles] {
                if let Verdict::Wrong(told) = &slice.verdict {
                    wrong.push(format!("{}, round {number}: {told}", series.contest.name));
                }
            }
            series.loads.push(orders.load);
            bench.tell(number, &series.contest.last());
        }
    }
    Ok(section(all, wrong))
}

fn slice(bench: &Bench<'_>, engine: Engine, ask: &Ask) -> Result<(ServiceSlice, u64), Failure> {
    bench.with_books(engine, |books| {
        bench.service.stock(books, ask.products)?;
        let slice = bench.service.slice(ask, books, bench.options.times)?;
        let deadlocks = match engine {
            Engine::Postgres => bench.databases()?.deadlocks(books.database_name())?,
            Engine::Sqlite => 0,
        };
        Ok((slice, deadlocks))
    })
}

fn section(all: Vec<Series>, wrong: Vec<String>) -> Section {
    let mut goals = Vec::new();
    let mut contests = Vec::new();
    for series in all {
        let none = |what: &str, counted: Vec<f64>| Goal {
            what: format!("{}: {what}", series.contest.name),
            wanted: Wanted::AtMost(0.0),
            unit: Unit::Count,
            measured: Spread::of(counted).expect("a series has rounds"),
        };
        goals.push(series.contest.goal("lines of orders, of single allocations", 0.6));
        let errors = series
            .loads
            .iter()
            .map(|load| to_float(load.failures(CREATED)))
            .collect();
        goals.push(none("errors", errors));
        let deadlocks: f64 = series.deadlocks.iter().sum();
        if series.engine == Engine::Postgres {
            goals.push(none("deadlocks", series.deadlocks));
        }
        contests.push(Contest {
            beside: vec![Load::told(&series.loads), format!("{deadlocks:.0}")],
            ..series.contest
        });
    }
    let table = contest::table(
        "Lines of orders",
        "Single allocations",
        &["Orders by status", "Deadlocks"],
        &contests,
    );
    Section {
        title: "Orders".to_owned(),
        told: vec![format!(
            "`POST /v1/orders` with {LINES} lines of different products, chosen by Zipf's law (s = 1): about every \
             third order wants the first of them. Held against `POST /v1/allocations` with products chosen alike; \
             the figures are lines a second."
        )],
        tables: vec![("Lines a second".to_owned(), table)],
        goals,
        wrong,
        ..Section::default()
    }
}
