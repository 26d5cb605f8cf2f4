//! Two instances on one PostgreSQL: as fast as one, and never more sold than there is.

use std::thread;

use super::contest::{self, Contest};
use super::figures::{Spread, to_float};
use super::ground::Bench;
use super::load::Ask;
use super::plan::{CREATED, Engine, Load, Verdict};
use super::report::{Goal, Section, Unit, Wanted};
use super::service::{Books, send};
use crate::Failure;

/// Connections in all, however many instances share them.
const CONNECTIONS: u32 = 64;

/// Units in stock, and how many people want one.
const STOCK: u64 = 100;
const BUYERS: usize = 500;

/// Measures, on PostgreSQL.
pub(super) fn run(bench: &Bench<'_>) -> Result<Option<Section>, Failure> {
    if !bench.on(Engine::Postgres) {
        return Ok(None);
    }
    let mut wrong = Vec::new();
    let mut contest = Contest::new("PostgreSQL, one hot SKU, 64");
    let mut loads = Vec::new();
    for number in 1..=bench.options.rounds {
        let mut sides = [0.0; 2];
        for (instances, side) in [2, 1].into_iter().zip(&mut sides) {
            let (told, verdict) = bench.with_books(Engine::Postgres, |books| slice(bench, books, instances))?;
            *side = told.iter().map(Load::created_per_second).sum();
            if let Verdict::Wrong(told) = verdict {
                wrong.push(format!("{instances} instances, round {number}: {told}"));
            }
            if instances == 2 {
                loads.extend(told);
            }
        }
        contest.rounds.push((sides[0], sides[1]));
        bench.tell(number, &contest.last());
    }
    let mut sold = Vec::new();
    for number in 1..=bench.options.rounds {
        let (count, others) = bench.with_books(Engine::Postgres, |books| {
            let told = rush(bench, books)?;
            if let Verdict::Wrong(told) = bench.service.verdict(books, told.0, 0)? {
                wrong.push(format!("{BUYERS} buyers, round {number}: {told}"));
            }
            Ok(told)
        })?;
        if count != STOCK || others > 0 {
            wrong.push(format!(
                "{BUYERS} buyers, round {number}: {count} of {STOCK} were sold, {others} answers were neither yes nor no"
            ));
        }
        sold.push(to_float(count));
    }
    contest.beside = vec![Load::told(&loads)];
    let failures = loads.iter().map(|load| to_float(load.failures(CREATED)));
    let sold = Spread::of(sold).expect("there are rounds");
    let goal = |what: &str, wanted, measured| Goal {
        what: format!("PostgreSQL, two instances: {what}"),
        wanted,
        unit: Unit::Count,
        measured,
    };
    let table = contest::table(
        "Two instances",
        "One instance",
        &["Answers of two"],
        std::slice::from_ref(&contest),
    );
    Ok(Some(Section {
        title: "Two instances".to_owned(),
        told: vec![format!(
            "Two services on one PostgreSQL, with {} connections each, held against one with {CONNECTIONS}. And {BUYERS} \
             buyers at once, every other at the other instance, where {STOCK} units are in stock: {} were sold.",
            CONNECTIONS / 2,
            range_of(sold),
        )],
        tables: vec![("Allocations a second".to_owned(), table)],
        goals: vec![
            contest.goal("two instances, of one", 0.9),
            goal(
                "errors",
                Wanted::AtMost(0.0),
                Spread::of(failures).expect("there are rounds"),
            ),
            goal("sold of 100 to 500 buyers", Wanted::AtLeast(to_float(STOCK)), sold),
            goal(
                "sold of 100 to 500 buyers, at most",
                Wanted::AtMost(to_float(STOCK)),
                sold,
            ),
        ],
        wrong,
        ..Section::default()
    }))
}

fn range_of(sold: Spread) -> String {
    if (sold.most - sold.least).abs() < 0.5 {
        format!("{:.0}", sold.median)
    } else {
        format!("{:.0} to {:.0}", sold.least, sold.most)
    }
}

/// Loads so many instances at once, each with its part of the connections.
fn slice(bench: &Bench<'_>, books: &Books, instances: u32) -> Result<(Vec<Load>, Verdict), Failure> {
    let ask = Ask::allocations(1, CONNECTIONS / instances);
    bench.service.stock(books, ask.products)?;
    let mut serving = (0..instances)
        .map(|number| bench.service.start(&format!("serve-{number}"), books))
        .collect::<Result<Vec<_>, Failure>>()?;
    let all = |part: &str, long| {
        let loading: Vec<_> = serving
            .iter()
            .enumerate()
            .map(|(number, serving)| ask.start(bench.programs, &serving.address, &format!("{part}{number}"), long))
            .collect::<Result<_, Failure>>()?;
        loading
            .into_iter()
            .map(|loading| loading.finish())
            .collect::<Result<Vec<Load>, Failure>>()
    };
    let warm_up = all("1", bench.options.times.warm_up)?;
    let loads = all("2", bench.options.times.measured)?;
    for one in &mut serving {
        one.stop()?;
    }
    let lines = warm_up.iter().chain(&loads).map(Load::created).sum();
    let verdict = bench.service.verdict(books, lines, 2 * CONNECTIONS)?;
    Ok((loads, verdict))
}

/// Everybody wants one unit at once. How many got it, and how many heard something else than yes or no.
fn rush(bench: &Bench<'_>, books: &Books) -> Result<(u64, usize), Failure> {
    bench
        .service
        .import_batches(books, &format!("B-1,SKU-000000,{STOCK},\n"))?;
    let mut serving = [
        bench.service.start("serve-0", books)?,
        bench.service.start("serve-1", books)?,
    ];
    let addresses = [&serving[0].address, &serving[1].address];
    let answers: Vec<Option<u16>> = thread::scope(|scope| {
        let asked: Vec<_> = (0..BUYERS)
            .map(|buyer| {
                let address = addresses[buyer % 2];
                scope.spawn(move || {
                    let body = format!(r#"{{"order_id":"buyer-{buyer}","sku":"SKU-000000","quantity":1}}"#);
                    send(address, "POST", "/v1/allocations", &body)
                        .ok()
                        .map(|answer| answer.status)
                })
            })
            .collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap_or_default())
            .collect()
    });
    for one in &mut serving {
        one.stop()?;
    }
    let count = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
    let (yes, no) = (count(CREATED), count(409));
    Ok((yes as u64, BUYERS - yes - no))
}
