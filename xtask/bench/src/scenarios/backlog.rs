//! One new batch serves a long backlog: how long its creator waits, and how long until all lines are served.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use xtask::Failure;

use crate::bench::Bench;
use crate::measure::results::CREATED;
use crate::measure::stats::{Spread, median};
use crate::report::figures::{millis, whole};
use crate::report::goal::Goal;
use crate::report::section::Section;
use crate::report::table::Table;
use crate::scenarios::curves::{MOST_ROUNDS, slow_transactions};
use crate::stores::store::Store;

/// Waiting lines, of one unit each.
const BACKLOG: u32 = 10_000;

/// How often the service is asked whether lines still wait, and for how long.
const POLL: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(120);

/// One backlog served.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// The response time of the request that creates the batch.
    request: Duration,
    /// From that request until no line waits.
    all: Duration,
    /// Transactions over 100 ms.
    slow: f64,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let columns = [
        "Database",
        "Response to the new batch",
        "longest",
        "all served within",
        "transactions over 100 ms",
    ];
    let title = format!("A batch that serves a backlog of {}", whole(f64::from(BACKLOG)));
    let mut table = Table::new(title, 1, columns);
    let mut section = Section {
        title: "Serving a backlog",
        method: format!("{BACKLOG} lines wait for one unit each; then one new batch has enough for all."),
        ..Section::default()
    };
    for &engine in bench.engines() {
        let name = format!("{}, a backlog of {BACKLOG} served", engine.name());
        let mut rounds = Vec::new();
        for number in 1..=bench.options.rounds().min(MOST_ROUNDS) {
            let round = bench.with_store(engine, |store| {
                let round = serve(bench, store)?;
                let problem = bench.service.audit(store, u64::from(BACKLOG) + 1, 0)?;
                let problem = problem.map(|problem| format!("{name}, round {number}: {problem}"));
                section.problems.extend(problem);
                Ok(round)
            })?;
            let (request, all) = (millis(round.request), millis(round.all));
            bench.progress(
                number,
                &format!(
                    "{name}: response after {request}, all served after {all}, {:.0} slow",
                    round.slow
                ),
            );
            rounds.push(round);
        }
        table.row([
            engine.name().to_owned(),
            millis(median(rounds.iter().map(|round| round.request))),
            millis(rounds.iter().map(|round| round.request).max().unwrap_or_default()),
            millis(median(rounds.iter().map(|round| round.all))),
            whole(Spread::of(rounds.iter().map(|round| round.slow)).most),
        ]);
        section.goals.push(Goal::none(
            format!("{name}: transactions over 100 ms"),
            rounds.iter().map(|round| round.slow),
        ));
    }
    section.tables.push(table);
    Ok(section)
}

fn serve(bench: &Bench, store: &Store) -> Result<Round, Failure> {
    bench.service.import_batches(store, "B-1,SKU-000000,1,\n")?;
    let mut lines = String::new();
    // The first line gets the only unit.
    for number in 0..=BACKLOG {
        writeln!(lines, "waits-{number:06},SKU-000000,1")?;
    }
    bench.service.import_orders(store, &lines)?;
    let mut running = bench.service.start("serve", store)?;
    let started = Instant::now();
    let body = format!(r#"{{"reference":"B-2","sku":"SKU-000000","quantity":{BACKLOG}}}"#);
    let reply = running.post("/v1/batches", body)?;
    let request = started.elapsed();
    if reply.status != CREATED {
        return Err(format!("the batch was not created: {} {}", reply.status, reply.body).into());
    }
    while !running
        .get("/v1/products/SKU-000000")?
        .body
        .contains("\"backordered\":0,")
    {
        if started.elapsed() > LIMIT {
            return Err(format!("{BACKLOG} waiting lines are not served").into());
        }
        bench.programs.pause(POLL)?;
    }
    let all = started.elapsed();
    let slow = slow_transactions(&running)?;
    running.stop()?;
    Ok(Round { request, all, slow })
}
