//! Orders of several lines over products of skewed popularity, against single allocations of the same products.

use xtask::Failure;

use crate::bench::Bench;
use crate::load::wrk::{Request, Skew, Workload};
use crate::measure::results::{CREATED, LoadResult, ServiceSlice};
use crate::measure::stats::{rate, to_float};
use crate::report::comparison::{self, Comparison};
use crate::report::goal::Goal;
use crate::report::section::Section;
use crate::stores::store::Engine;

/// Lines per order.
const LINES: u32 = 5;

const SINGLES: Workload = Workload {
    skew: Skew::Zipf,
    ..Workload::allocations(1_000, 64)
};
const ORDERS: Workload = Workload {
    request: Request::Order { lines: LINES },
    ..SINGLES
};

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let mut section = Section {
        title: "Orders",
        method: format!(
            "`POST /v1/orders` with {LINES} lines of different products, chosen by Zipf's law (s = 1): about every \
             third order contains the most popular one. Compared with `POST /v1/allocations` of products chosen alike. \
             The figures are lines a second."
        ),
        ..Section::default()
    };
    let mut comparisons = Vec::new();
    for &engine in bench.engines() {
        comparisons.push(measure(bench, engine, &mut section)?);
    }
    section.tables.push(comparison::table(
        "Lines a second",
        ["Lines of orders", "Single allocations"],
        &["Orders by status", "Deadlocks"],
        &comparisons,
    ));
    Ok(section)
}

fn measure(bench: &Bench, engine: Engine, section: &mut Section) -> Result<Comparison, Failure> {
    let mut comparison = Comparison::new(format!("{}, 1,000 SKUs, Zipf, 64", engine.name()));
    let (mut loads, mut deadlocks) = (Vec::new(), Vec::new());
    for number in 1..=bench.options.rounds() {
        let (orders, found) = slice(bench, engine, &ORDERS)?;
        let (singles, _) = slice(bench, engine, &SINGLES)?;
        let lines = rate(orders.load.created() * u64::from(LINES), orders.load.took);
        comparison.rounds.push((lines, singles.load.created_per_second()));
        deadlocks.push(to_float(found));
        let problems = [&orders, &singles]
            .into_iter()
            .filter_map(|slice| slice.problem.as_ref());
        section
            .problems
            .extend(problems.map(|problem| format!("{}, round {number}: {problem}", comparison.name)));
        bench.progress(number, &comparison.last());
        loads.push(orders.load);
    }
    comparison.extra = vec![
        LoadResult::summary(&loads),
        format!("{:.0}", deadlocks.iter().sum::<f64>()),
    ];
    let errors = loads.iter().map(|load| to_float(load.failures(CREATED)));
    section
        .goals
        .push(comparison.goal("lines of orders, of single allocations", 0.6));
    section
        .goals
        .push(Goal::none(format!("{}: errors", comparison.name), errors));
    if engine == Engine::Postgres {
        section
            .goals
            .push(Goal::none(format!("{}: deadlocks", comparison.name), deadlocks));
    }
    Ok(comparison)
}

/// Measures a slice, and counts deadlocks on PostgreSQL.
fn slice(bench: &Bench, engine: Engine, workload: &Workload) -> Result<(ServiceSlice, u64), Failure> {
    bench.with_store(engine, |store| {
        bench.service.stock(store, workload.products)?;
        let slice = bench.slice(workload, store)?;
        let deadlocks = match engine {
            Engine::Postgres => bench.postgres()?.deadlocks(store.database())?,
            Engine::Sqlite => 0,
        };
        Ok((slice, deadlocks))
    })
}
