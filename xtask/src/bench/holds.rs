//! The same load on books with very many open holds, on books with as many firm lines, and on empty ones.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::contest::{self, Contest};
use super::feed;
use super::figures::to_float;
use super::ground::Bench;
use super::growth::{self, LOADS, PRODUCTS};
use super::plan::{Engine, Verdict};
use super::report::Section;
use super::service::Books;
use super::table::whole;
use crate::Failure;
use crate::system::say;

/// Orders in a full run, and in a quick one.
const FULL: u64 = 1_000_000;
const QUICK: u64 = 20_000;

/// Of the orders, every so many is on the hot product.
const HOT_EVERY: u64 = 10;

/// How long an order is held: longer than anybody measures.
const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// How long orders are placed in one stream, before it is looked whether there are enough.
const STREAM: Duration = Duration::from_secs(5);

/// Placing them all takes a minute or two.
const LIMIT: Duration = Duration::from_secs(900);

/// What lies in the books that take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Held,
    Firm,
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let wanted = if bench.options.quick { QUICK } else { FULL };
    let mut found = Found::default();
    for &engine in bench.engines() {
        bench.with_books_named(engine, "held", |held| {
            bench.with_books_named(engine, "firm", |firm| {
                on(bench, engine, wanted, [held, firm], &mut found)
            })
        })?;
    }
    let lines = whole(to_float(wanted));
    let goal = format!("with {lines} open holds, of as many firm lines");
    Ok(Section {
        title: "Open holds".to_owned(),
        told: vec![format!(
            "Books with {lines} orders that are held, a tenth of them on the hot product, held against books with as many \
             orders that are firm, which are of the same size, and against books without an order. The sweeper looks \
             every second for holds that have ended; none does meanwhile.",
        )],
        goals: found.firm.iter().map(|contest| contest.goal(&goal, 0.9)).collect(),
        tables: vec![
            (
                "Allocations a second, beside as many firm lines".to_owned(),
                contest::table("With holds", "With firm lines", &[], &found.firm),
            ),
            (
                "Allocations a second, beside books without a line".to_owned(),
                contest::table("With holds", "Without", &[], &found.empty),
            ),
        ],
        wrong: found.wrong,
        ..Section::default()
    })
}

#[derive(Default)]
struct Found {
    /// Held against firm lines.
    firm: Vec<Contest>,
    /// Held against nothing.
    empty: Vec<Contest>,
    wrong: Vec<String>,
}

/// Fills the books of one store, the held and the firm ones, and lets them take turns.
fn on(bench: &Bench<'_>, engine: Engine, wanted: u64, books: [&Books; 2], found: &mut Found) -> Result<(), Failure> {
    let name = engine.name();
    let mut lines = [0; 2];
    for ((books, lines), kind) in books.iter().zip(&mut lines).zip([Lines::Held, Lines::Firm]) {
        bench.service.stock(books, PRODUCTS)?;
        *lines = fill(bench, books, kind, wanted)?;
        say(&format!("{name}: {lines} lines, {kind:?}"));
    }
    for (load, ask) in &LOADS {
        let mut firm = Contest::new(format!("{name}, {load}"));
        let mut empty = firm.clone();
        for number in 1..=bench.options.rounds {
            let held_slice = growth::on_grown(bench, books[0], ask, number)?;
            let firm_slice = growth::on_grown(bench, books[1], ask, number)?;
            let empty_slice = growth::on_empty(bench, engine, ask)?;
            if let Verdict::Wrong(told) = &empty_slice.verdict {
                found.wrong.push(format!("{name}, {load}, without a line: {told}"));
            }
            lines[0] += held_slice.created;
            lines[1] += firm_slice.created;
            firm.rounds.push((held_slice.rate, firm_slice.rate));
            empty
                .rounds
                .push((held_slice.rate, empty_slice.load.created_per_second()));
            bench.tell(number, &format!("beside firm lines, {}", firm.last()));
            bench.tell(number, &format!("beside none, {}", empty.last()));
        }
        found.firm.push(firm);
        found.empty.push(empty);
    }
    for ((books, lines), kind) in books.iter().zip(lines).zip([Lines::Held, Lines::Firm]) {
        if let Verdict::Wrong(told) = bench.service.verdict(books, lines, growth::under_way(bench)?)? {
            found.wrong.push(format!("{name}, {kind:?} lines: {told}"));
        }
    }
    Ok(())
}

/// Places orders of one line until there are at least so many, and says how many there are.
fn fill(bench: &Bench<'_>, books: &Books, kind: Lines, wanted: u64) -> Result<u64, Failure> {
    let mut serving = bench.service.start("serve", books)?;
    let hold = match kind {
        Lines::Held => format!(r#""hold_seconds":{HOLD_SECONDS},"#),
        Lines::Firm => String::new(),
    };
    let (begun, mut placed) = (Instant::now(), 0);
    while placed < wanted {
        if begun.elapsed() > LIMIT {
            return Err(format!("only {placed} orders were placed in {} s", LIMIT.as_secs()).into());
        }
        let before = placed;
        let hold = hold.clone();
        let write = move |number: u64, text: &mut String| {
            let number = before + number;
            let product = if number.is_multiple_of(HOT_EVERY) {
                0
            } else {
                number % u64::from(PRODUCTS)
            };
            write!(
                text,
                r#"{{"place_order":{{"order_id":"past-{number:012}",{hold}"lines":[{{"sku":"SKU-{product:06}","quantity":1}}]}}}}"#
            )
            .expect("a text takes all that is written");
        };
        let streamed = feed::bulk(bench.programs, &serving.address, write, STREAM)?;
        if streamed.created != streamed.sent {
            return Err(format!("of {} orders {} were placed", streamed.sent, streamed.created).into());
        }
        placed += streamed.created;
    }
    serving.stop()?;
    Ok(placed)
}
