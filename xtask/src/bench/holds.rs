//! The same load on books with very many open holds and on books without one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::contest;
use super::feed;
use super::figures::to_float;
use super::ground::Bench;
use super::growth::{self, PRODUCTS};
use super::plan::Verdict;
use super::report::Section;
use super::service::Books;
use super::table::whole;
use crate::Failure;
use crate::system::say;

/// Open holds in a full run, and in a quick one.
const FULL: u64 = 1_000_000;
const QUICK: u64 = 20_000;

/// Of the holds, every so many is on the hot product.
const HOT_EVERY: u64 = 10;

/// How long each is held: longer than anybody measures.
const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// How long holds are placed in one stream, before it is looked whether there are enough.
const STREAM: Duration = Duration::from_secs(5);

/// Placing them all takes a minute or two.
const LIMIT: Duration = Duration::from_secs(900);

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let wanted = if bench.options.quick { QUICK } else { FULL };
    let (mut wrong, mut contests, mut placed) = (Vec::new(), Vec::new(), 0);
    for &engine in bench.engines() {
        let found = bench.with_books_named(engine, "held", |books| {
            bench.service.stock(books, PRODUCTS)?;
            let held = hold(bench, books, wanted)?;
            say(&format!("{}: {held} open holds", engine.name()));
            placed = held;
            let (found, created) = growth::rounds(bench, engine, books, "h", &mut wrong)?;
            if let Verdict::Wrong(told) = bench
                .service
                .verdict(books, held + created, growth::under_way(bench)?)?
            {
                wrong.push(format!("{}, with open holds: {told}", engine.name()));
            }
            Ok(found)
        })?;
        contests.extend(found);
    }
    let goal = format!("with {} open holds, of none", whole(to_float(placed)));
    Ok(Section {
        title: "Open holds".to_owned(),
        told: vec![format!(
            "Books with {} orders that are held, a tenth of them on the hot product, held against books without a hold. \
             The sweeper looks every second for those that have ended; none does meanwhile.",
            whole(to_float(placed))
        )],
        goals: contests.iter().map(|contest| contest.goal(&goal, 0.9)).collect(),
        tables: vec![(
            "Allocations a second".to_owned(),
            contest::table("With holds", "Without", &[], &contests),
        )],
        wrong,
        ..Section::default()
    })
}

/// Places orders that are held until there are at least so many, and says how many there are.
fn hold(bench: &Bench<'_>, books: &Books, wanted: u64) -> Result<u64, Failure> {
    let mut serving = bench.service.start("serve", books)?;
    let (begun, mut held) = (Instant::now(), 0);
    while held < wanted {
        if begun.elapsed() > LIMIT {
            return Err(format!("only {held} holds were placed in {} s", LIMIT.as_secs()).into());
        }
        let before = held;
        let write = move |number: u64, text: &mut String| {
            let number = before + number;
            let product = if number.is_multiple_of(HOT_EVERY) {
                0
            } else {
                number % u64::from(PRODUCTS)
            };
            write!(
                text,
                r#"{{"place_order":{{"order_id":"hold-{number:012}","hold_seconds":{HOLD_SECONDS},"lines":[{{"sku":"SKU-{product:06}","quantity":1}}]}}}}"#
            )
            .expect("a text takes all that is written");
        };
        let streamed = feed::bulk(bench.programs, &serving.address, write, STREAM)?;
        if streamed.created != streamed.sent {
            return Err(format!("of {} holds {} were placed", streamed.sent, streamed.created).into());
        }
        held += streamed.created;
    }
    serving.stop()?;
    Ok(held)
}
