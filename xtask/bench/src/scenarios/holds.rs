//! The same load on a store with very many open holds, on one with as many firm lines, and on an empty one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use xtask::{Failure, say};

use crate::bench::Bench;
use crate::load::bulk;
use crate::measure::stats::to_float;
use crate::report::comparison::{self, Comparison};
use crate::report::figures::whole;
use crate::report::section::Section;
use crate::scenarios::growth::{LOADS, PRODUCTS, in_flight, on_empty, on_filled};
use crate::stores::store::{Engine, Store};

/// Orders in a full run, and in a quick one.
const FULL: u64 = 1_000_000;
const QUICK: u64 = 20_000;

/// One order in so many is of the hot product.
const HOT_EVERY: u64 = 10;

/// How long an order is held: longer than the run.
const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// How long one stream of orders runs before they are counted.
const STREAM: Duration = Duration::from_secs(5);

/// Placing all orders takes a minute or two.
const LIMIT: Duration = Duration::from_secs(900);

/// The kind of the lines in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Held,
    Firm,
}

#[derive(Default)]
struct Found {
    /// Held lines against firm lines.
    firm: Vec<Comparison>,
    /// Held lines against no lines.
    empty: Vec<Comparison>,
    problems: Vec<String>,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let orders = if bench.options.quick { QUICK } else { FULL };
    let mut found = Found::default();
    for &engine in bench.engines() {
        bench.with_named_store(engine, "held", |held| {
            bench.with_named_store(engine, "firm", |firm| {
                measure(bench, engine, orders, [held, firm], &mut found)
            })
        })?;
    }
    let lines = whole(to_float(orders));
    let goal = format!("with {lines} open holds, of as many firm lines");
    let table = |title, reference, comparisons: &[Comparison]| {
        comparison::table(title, ["With holds", reference], &[], comparisons)
    };
    Ok(Section {
        title: "Open holds",
        method: format!(
            "A store with {lines} held orders, a tenth of them of the hot product, compared with a store with as many \
             firm orders, which is as large, and with a store without orders. Every second the service looks for holds \
             that have expired; none expires meanwhile.",
        ),
        goals: found
            .firm
            .iter()
            .map(|comparison| comparison.goal(&goal, 0.9))
            .collect(),
        tables: vec![
            table(
                "Allocations a second, of as many firm lines",
                "With firm lines",
                &found.firm,
            ),
            table(
                "Allocations a second, of a store without lines",
                "Without",
                &found.empty,
            ),
        ],
        problems: found.problems,
        ..Section::default()
    })
}

/// Fills the two stores, and measures them and empty ones in turn.
fn measure(bench: &Bench, engine: Engine, orders: u64, stores: [&Store; 2], found: &mut Found) -> Result<(), Failure> {
    let name = engine.name();
    let kinds = [Kind::Held, Kind::Firm];
    let mut lines = [0; 2];
    for ((store, lines), kind) in stores.into_iter().zip(&mut lines).zip(kinds) {
        bench.service.stock(store, PRODUCTS)?;
        *lines = place_orders(bench, store, kind, orders)?;
        say(&format!("{name}: {lines} lines, {kind:?}"));
    }
    for (load, workload) in &LOADS {
        let mut firm = Comparison::new(format!("{name}, {load}"));
        let mut empty = firm.clone();
        for number in 1..=bench.options.rounds() {
            let with_holds = on_filled(bench, stores[0], workload, number)?;
            let with_firm = on_filled(bench, stores[1], workload, number)?;
            let without = on_empty(bench, engine, workload)?;
            let rate = without.load.created_per_second();
            let problem = without
                .problem
                .map(|problem| format!("{name}, {load}, without lines: {problem}"));
            found.problems.extend(problem);
            lines[0] += with_holds.created;
            lines[1] += with_firm.created;
            firm.rounds.push((with_holds.rate, with_firm.rate));
            empty.rounds.push((with_holds.rate, rate));
            bench.progress(number, &format!("against firm lines, {}", firm.last()));
            bench.progress(number, &format!("against no lines, {}", empty.last()));
        }
        found.firm.push(firm);
        found.empty.push(empty);
    }
    for ((store, lines), kind) in stores.into_iter().zip(lines).zip(kinds) {
        let problem = bench.service.audit(store, lines, in_flight(bench)?)?;
        let problem = problem.map(|problem| format!("{name}, {kind:?} lines: {problem}"));
        found.problems.extend(problem);
    }
    Ok(())
}

/// Places at least this many orders of one line; returns how many there are.
fn place_orders(bench: &Bench, store: &Store, kind: Kind, orders: u64) -> Result<u64, Failure> {
    let mut running = bench.service.start("serve", store)?;
    let hold = match kind {
        Kind::Held => format!(r#""hold_seconds":{HOLD_SECONDS},"#),
        Kind::Firm => String::new(),
    };
    let (started, mut placed) = (Instant::now(), 0);
    while placed < orders {
        if started.elapsed() > LIMIT {
            return Err(format!("only {placed} orders were placed in {} s", LIMIT.as_secs()).into());
        }
        let (before, hold) = (placed, hold.clone());
        let write = move |number: u64, text: &mut String| {
            let number = before + number;
            let product = if number.is_multiple_of(HOT_EVERY) {
                0
            } else {
                number % u64::from(PRODUCTS)
            };
            write!(
                text,
                r#"{{"place_order":{{"order_id":"past-{number:012}",{hold}"lines":"#
            )
            .and_then(|()| write!(text, r#"[{{"sku":"SKU-{product:06}","quantity":1}}]}}}}"#))
            .expect("writing to a string does not fail");
        };
        let result = bulk::stream(&bench.programs.interruptions, &running.address, write, STREAM)?;
        if result.created != result.sent {
            return Err(format!("of {} orders, {} were placed", result.sent, result.created).into());
        }
        placed += result.created;
    }
    running.stop()?;
    Ok(placed)
}
