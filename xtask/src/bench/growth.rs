//! The same load on books with a long past and on books without one.

use super::chart::{Chart, Group};
use super::contest::{self, Contest};
use super::figures::to_float;
use super::ground::Bench;
use super::grown;
use super::load::Ask;
use super::past::Past;
use super::plan::{Engine, Load, ServiceSlice, Verdict};
use super::report::Section;
use super::service::Books;
use super::table::whole;
use crate::Failure;

pub(super) const PRODUCTS: u32 = 1_000;

pub(super) const LOADS: [(&str, Ask); 2] = [
    ("1,000 SKUs, 64", Ask::allocations(PRODUCTS, 64)),
    ("one hot SKU, 64", Ask::allocations(1, 64)),
];

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let past = bench.options.past;
    let mut wrong = Vec::new();
    let mut contests = Vec::new();
    for &engine in bench.engines() {
        let found = bench.with_books_named(engine, "grown", |books| {
            grown::fill(bench, engine, books, past, PRODUCTS)?;
            let (found, created) = rounds(bench, engine, books, &mut wrong)?;
            let most = under_way(bench)?;
            let sample = 1;
            if let Verdict::Wrong(told) = bench.service.verdict(books, past.lines() + created + sample, most)? {
                wrong.push(format!("{}, after a long past: {told}", engine.name()));
            }
            Ok(found)
        })?;
        contests.extend(found);
    }
    Ok(section(past, &contests, wrong))
}

/// How many lines may be under way when the slices end, in all rounds together.
pub(super) fn under_way(bench: &Bench<'_>) -> Result<u32, Failure> {
    Ok(u32::try_from(bench.options.rounds * LOADS.len())? * 2 * 64)
}

/// Lets books that are full of something and empty ones take turns; answers the comparisons, and how many lines were
/// allocated on top of what was there.
fn rounds(
    bench: &Bench<'_>,
    engine: Engine,
    grown: &Books,
    wrong: &mut Vec<String>,
) -> Result<(Vec<Contest>, u64), Failure> {
    let mut contests = LOADS.map(|(name, _)| Contest::new(format!("{}, {name}", engine.name())));
    let mut created = 0;
    for number in 1..=bench.options.rounds {
        for ((name, ask), contest) in LOADS.iter().zip(&mut contests) {
            let old = on_grown(bench, grown, ask, number)?;
            created += old.created;
            let young = on_empty(bench, engine, ask)?;
            if let Verdict::Wrong(told) = &young.verdict {
                wrong.push(format!(
                    "{}, {name}, on empty books, round {number}: {told}",
                    engine.name()
                ));
            }
            contest.rounds.push((old.rate, young.load.created_per_second()));
            bench.tell(number, &contest.last());
        }
    }
    Ok((contests.into(), created))
}

/// What one slice on books that are kept did.
pub(super) struct OnGrown {
    /// Allocations a second.
    pub(super) rate: f64,
    /// Lines that were allocated on top of what was there.
    pub(super) created: u64,
}

/// Measures on books that are kept from slice to slice.
pub(super) fn on_grown(bench: &Bench<'_>, books: &Books, ask: &Ask, round: usize) -> Result<OnGrown, Failure> {
    if books.database.is_some() {
        // Nobody pays for another's work.
        bench.databases()?.sql("postgres", "CHECKPOINT")?;
    }
    // Order ids are new in each slice.
    let tag = format!("g{round}-{}-", ask.products);
    let mut serving = bench.service.start("serve", books)?;
    let (told, loads) = serving.measure(ask, books, &tag, bench.options.times)?;
    serving.stop()?;
    Ok(OnGrown {
        rate: told.load.created_per_second(),
        created: loads.iter().map(Load::created).sum(),
    })
}

/// Measures on books of their own that hold nothing but stock.
pub(super) fn on_empty(bench: &Bench<'_>, engine: Engine, ask: &Ask) -> Result<ServiceSlice, Failure> {
    bench.with_books(engine, |books| {
        bench.service.stock(books, PRODUCTS)?;
        bench.service.slice(ask, books, bench.options.times)
    })
}

fn section(past: Past, contests: &[Contest], wrong: Vec<String>) -> Section {
    let lines = whole(to_float(past.lines()));
    let goals = contests
        .iter()
        .map(|contest| contest.goal(&format!("with {lines} past allocations, of none"), 0.9))
        .collect();
    Section {
        title: "Growth".to_owned(),
        told: vec![format!(
            "Books with {lines} past allocations, {} of them of the hot SKU in {} used-up batches, and all of their \
             events, held against books without a past. The past stays the same from slice to slice, and is checked in \
             the end with all that came on top.",
            whole(to_float(past.hot_lines())),
            whole(to_float(past.hot_batches())),
        )],
        charts: vec![Chart::Bars {
            name: "growth".to_owned(),
            title: format!("Allocations a second with {lines} past ones, and with none"),
            unit: "/s",
            series: vec!["with a past".to_owned(), "without".to_owned()],
            groups: contests
                .iter()
                .map(|contest| Group {
                    name: contest.name.clone(),
                    bars: vec![Some(contest.judged()), Some(contest.other())],
                })
                .collect(),
        }],
        tables: vec![(
            "Allocations a second".to_owned(),
            contest::table("With a past", "Without", &[], contests),
        )],
        goals,
        wrong,
    }
}
