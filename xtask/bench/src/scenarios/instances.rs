//! Two instances of the service on one PostgreSQL database: as fast as one, and never oversold.

use std::thread;

use xtask::Failure;

use crate::bench::Bench;
use crate::load::wrk::Workload;
use crate::measure::results::{CONFLICT, CREATED, LoadResult};
use crate::measure::stats::{Spread, to_float};
use crate::report::comparison::{self, Comparison};
use crate::report::figures::{range, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::stores::store::{Engine, Store};

/// Connections in all, over one or two instances.
const CONNECTIONS: u32 = 64;

/// Units in stock, and buyers who each want one.
const STOCK: u64 = 100;
const BUYERS: usize = 500;

/// Measures, on PostgreSQL only.
pub(crate) fn run(bench: &Bench) -> Result<Option<Section>, Failure> {
    if !bench.measures(Engine::Postgres) {
        return Ok(None);
    }
    let mut problems = Vec::new();
    let mut comparison = Comparison::new("PostgreSQL, one hot SKU, 64");
    let mut loads = Vec::new();
    for number in 1..=bench.options.rounds() {
        let mut rates = [0.0; 2];
        for (instances, rate) in [2, 1].into_iter().zip(&mut rates) {
            let (measured, problem) = bench.with_store(Engine::Postgres, |store| slice(bench, store, instances))?;
            *rate = measured.iter().map(LoadResult::created_per_second).sum();
            problems.extend(problem.map(|problem| format!("{instances} instances, round {number}: {problem}")));
            if instances == 2 {
                loads.extend(measured);
            }
        }
        comparison.rounds.push((rates[0], rates[1]));
        bench.progress(number, &comparison.last());
    }
    let mut sold = Vec::new();
    for number in 1..=bench.options.rounds() {
        let rush = bench.with_store(Engine::Postgres, |store| rush(bench, store))?;
        if rush.sold != STOCK || rush.other > 0 || rush.problem.is_some() {
            problems.push(format!(
                "{BUYERS} buyers, round {number}: {} of {STOCK} units sold, {} responses neither 201 nor 409 {}",
                rush.sold,
                rush.other,
                rush.problem.unwrap_or_default()
            ));
        }
        sold.push(to_float(rush.sold));
    }
    let sold = Spread::of(sold);
    let stock = to_float(STOCK);
    let errors = loads.iter().map(|load| to_float(load.failures(CREATED)));
    comparison.extra = vec![LoadResult::summary(&loads)];
    let name = "PostgreSQL, two instances";
    let buyers = format!("{name}: sold of {STOCK} to {BUYERS} buyers");
    Ok(Some(Section {
        title: "Two instances",
        method: format!(
            "Two services on one PostgreSQL database with {} connections each, compared with one with {CONNECTIONS}. \
             Then {BUYERS} concurrent buyers, alternately at the two instances, with {STOCK} units in stock: {} were \
             sold.",
            CONNECTIONS / 2,
            range(sold, whole),
        ),
        goals: vec![
            comparison.goal("two instances, of one", 0.9),
            Goal::none(format!("{name}: errors"), errors),
            Goal::at_least(buyers.clone(), stock, Unit::Count, sold),
            Goal::at_most(format!("{buyers}, at most"), stock, Unit::Count, sold),
        ],
        tables: vec![comparison::table(
            "Allocations a second",
            ["Two instances", "One instance"],
            &["Responses of two"],
            &[comparison],
        )],
        problems,
        ..Section::default()
    }))
}

/// Loads all instances at once, each with its share of the connections. Returns the loads and what is wrong with the
/// store.
fn slice(bench: &Bench, store: &Store, instances: u32) -> Result<(Vec<LoadResult>, Option<String>), Failure> {
    let workload = Workload::allocations(1, CONNECTIONS / instances);
    bench.service.stock(store, workload.products)?;
    let mut running = (0..instances)
        .map(|number| bench.service.start(&format!("serve-{number}"), store))
        .collect::<Result<Vec<_>, Failure>>()?;
    let load_all = |part: &str, duration| {
        let loads = running.iter().enumerate().map(|(number, instance)| {
            workload.start(&bench.programs, &instance.address, &format!("{part}{number}"), duration)
        });
        let loads: Vec<_> = loads.collect::<Result<_, Failure>>()?;
        loads
            .into_iter()
            .map(|load| load.finish())
            .collect::<Result<Vec<LoadResult>, Failure>>()
    };
    let timing = bench.options.timing();
    let warm_up = load_all("1", timing.warm_up)?;
    let loads = load_all("2", timing.measured)?;
    for instance in &mut running {
        instance.stop()?;
    }
    let lines = warm_up.iter().chain(&loads).map(LoadResult::created).sum();
    let problem = bench.service.audit(store, lines, 2 * CONNECTIONS)?;
    Ok((loads, problem))
}

/// The outcome of a rush of buyers.
struct Rush {
    sold: u64,
    /// Responses that are neither 201 nor 409, and requests without a response.
    other: usize,
    problem: Option<String>,
}

/// All buyers request one unit at once.
fn rush(bench: &Bench, store: &Store) -> Result<Rush, Failure> {
    let service = &bench.service;
    service.import_batches(store, &format!("B-1,SKU-000000,{STOCK},\n"))?;
    let mut instances = [service.start("serve-0", store)?, service.start("serve-1", store)?];
    let addresses = [&instances[0].address, &instances[1].address];
    let statuses: Vec<Option<u16>> = thread::scope(|scope| {
        let buyers: Vec<_> = (0..BUYERS)
            .map(|buyer| {
                let (http, address) = (&service.http, addresses[buyer % 2]);
                scope.spawn(move || {
                    let body = format!(r#"{{"order_id":"buyer-{buyer}","sku":"SKU-000000","quantity":1}}"#);
                    http.post(address, "/v1/allocations", body)
                        .ok()
                        .map(|reply| reply.status)
                })
            })
            .collect();
        buyers
            .into_iter()
            .map(|buyer| buyer.join().unwrap_or_default())
            .collect()
    });
    for instance in &mut instances {
        instance.stop()?;
    }
    let count = |status| statuses.iter().filter(|found| **found == Some(status)).count();
    let sold = count(CREATED) as u64;
    Ok(Rush {
        sold,
        other: BUYERS - count(CREATED) - count(CONFLICT),
        problem: service.audit(store, sold, 0)?,
    })
}
