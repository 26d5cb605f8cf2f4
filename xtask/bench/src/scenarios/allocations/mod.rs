//! Single allocations over HTTP, against the same work done directly in the database.

mod cases;
mod series;
mod summary;

use xtask::Failure;

use crate::bench::Bench;
use crate::report::section::Section;
use cases::Case;
use series::{Round, Series};

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let chosen = Case::ALL
        .into_iter()
        .filter(|case| bench.measures(case.engine) && (case.quick || !bench.options.quick));
    let mut all: Vec<Series> = chosen.map(Series::new).collect();
    for number in 1..=bench.options.rounds() {
        for series in &mut all {
            let round = measure(bench, series.case)?;
            bench.progress(number, &format!("{}: {}", series.name(), round.summary()));
            series.rounds.push(round);
        }
    }
    Ok(summary::section(&all))
}

fn measure(bench: &Bench, case: Case) -> Result<Round, Failure> {
    let service = bench.with_store(case.engine, |store| {
        bench.service.stock(store, case.workload.products)?;
        bench.slice(&case.workload, store)
    })?;
    let raw = bench.yardstick(case.engine, case.yardstick())?;
    Ok(Round { service, raw })
}
