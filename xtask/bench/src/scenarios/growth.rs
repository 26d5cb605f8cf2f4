//! The same load on a store with a long history and on one without.

use xtask::Failure;

use crate::bench::Bench;
use crate::history::fill::fill;
use crate::history::size::History;
use crate::load::wrk::Workload;
use crate::measure::results::ServiceSlice;
use crate::measure::stats::to_float;
use crate::report::chart::{Chart, Plot};
use crate::report::comparison::{self, Comparison};
use crate::report::figures::whole;
use crate::report::section::Section;
use crate::stores::store::{Engine, Store};

pub(crate) const PRODUCTS: u32 = 1_000;

pub(crate) const LOADS: [(&str, Workload); 2] = [
    ("1,000 SKUs, 64", Workload::allocations(PRODUCTS, 64)),
    ("one hot SKU, 64", Workload::allocations(1, 64)),
];

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let history = bench.options.history();
    let mut problems = Vec::new();
    let mut comparisons = Vec::new();
    for &engine in bench.engines() {
        bench.with_named_store(engine, "grown", |store| {
            let postgres = match engine {
                Engine::Postgres => Some(bench.postgres()?),
                Engine::Sqlite => None,
            };
            fill(&bench.service, postgres, store, history, PRODUCTS)?;
            let created = measure(bench, engine, store, &mut comparisons, &mut problems)?;
            let sample = 1;
            let lines = history.lines() + sample + created;
            let problem = bench.service.audit(store, lines, in_flight(bench)?)?;
            problems.extend(problem.map(|problem| format!("{}, with a history: {problem}", engine.name())));
            Ok(())
        })?;
    }
    Ok(section(history, &comparisons, problems))
}

/// How many requests may be in flight when the slices on one store end, in all rounds together.
pub(crate) fn in_flight(bench: &Bench) -> Result<u32, Failure> {
    Ok(u32::try_from(bench.options.rounds() * LOADS.len())? * 2 * 64)
}

/// Compares the store with empty ones. Returns how many lines were allocated in it.
fn measure(
    bench: &Bench,
    engine: Engine,
    grown: &Store,
    comparisons: &mut Vec<Comparison>,
    problems: &mut Vec<String>,
) -> Result<u64, Failure> {
    let mut found = LOADS.map(|(name, _)| Comparison::new(format!("{}, {name}", engine.name())));
    let mut created = 0;
    for number in 1..=bench.options.rounds() {
        for ((_, workload), comparison) in LOADS.iter().zip(&mut found) {
            let slice = on_filled(bench, grown, workload, number)?;
            let empty = on_empty(bench, engine, workload)?;
            let rate = empty.load.created_per_second();
            let problem = empty
                .problem
                .map(|problem| format!("{}, round {number}: {problem}", comparison.name));
            problems.extend(problem);
            created += slice.created;
            comparison.rounds.push((slice.rate, rate));
            bench.progress(number, &comparison.last());
        }
    }
    comparisons.extend(found);
    Ok(created)
}

/// A slice on a store that is used again.
pub(crate) struct FilledSlice {
    /// Allocations per second.
    pub(crate) rate: f64,
    /// Lines allocated in the warm-up and the slice.
    pub(crate) created: u64,
}

/// Measures on a store that is used again.
pub(crate) fn on_filled(
    bench: &Bench,
    store: &Store,
    workload: &Workload,
    round: usize,
) -> Result<FilledSlice, Failure> {
    if store.server.is_some() {
        // Otherwise this slice would pay for pages that an earlier one has left to write.
        bench.postgres()?.checkpoint()?;
    }
    // Makes the order ids of each slice unique.
    let tag = format!("g{round}-{}-", workload.products);
    let mut running = bench.service.start("serve", store)?;
    let (slice, created) = running.measure(workload, store, &tag, bench.options.timing())?;
    running.stop()?;
    Ok(FilledSlice {
        rate: slice.load.created_per_second(),
        created,
    })
}

/// Measures on a new store that contains nothing but stock.
pub(crate) fn on_empty(bench: &Bench, engine: Engine, workload: &Workload) -> Result<ServiceSlice, Failure> {
    bench.with_store(engine, |store| {
        bench.service.stock(store, PRODUCTS)?;
        bench.slice(workload, store)
    })
}

fn section(history: History, comparisons: &[Comparison], problems: Vec<String>) -> Section {
    let lines = whole(to_float(history.lines()));
    let goal = format!("with {lines} past allocations, of none");
    let groups = comparisons.iter().map(|comparison| {
        (
            comparison.name.clone(),
            vec![comparison.tested(), comparison.reference()],
        )
    });
    Section {
        title: "Growth",
        method: format!(
            "A store with {lines} past allocations, {} of them of the hot SKU in {} used-up batches, and all of their \
             events, compared with a store without a history. All slices run on the same filled store, which is \
             audited at the end.",
            whole(to_float(history.hot_lines())),
            whole(to_float(history.hot_batches())),
        ),
        charts: vec![Chart {
            name: "growth".to_owned(),
            title: format!("Allocations a second with {lines} past ones, and with none"),
            plot: Plot::Bars {
                unit: "/s",
                series: ["with a history", "without"].map(str::to_owned).into(),
                groups: groups.collect(),
            },
        }],
        tables: vec![comparison::table(
            "Allocations a second",
            ["With a history", "Without"],
            &[],
            comparisons,
        )],
        goals: comparisons
            .iter()
            .map(|comparison| comparison.goal(&goal, 0.9))
            .collect(),
        problems,
    }
}
