//! A hot product on a slower disk: each flush of PostgreSQL's log takes a millisecond longer.

use std::time::Duration;

use xtask::Failure;

use crate::bench::Bench;
use crate::load::wrk::{OrderIds, Workload};
use crate::measure::results::LoadResult;
use crate::measure::stats::median;
use crate::report::comparison::{self, Comparison};
use crate::report::figures::millis;
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::stores::postgres::Postgres;
use crate::stores::store::Engine;
use crate::yardsticks::yardstick::{Method, Yardstick};

/// One millisecond before each flush, however few other transactions commit.
const SLOW: &str = "ALTER SYSTEM SET commit_delay = 1000; ALTER SYSTEM SET commit_siblings = 0;";
const USUAL: &str = "ALTER SYSTEM RESET commit_delay; ALTER SYSTEM RESET commit_siblings;";

/// How often, and how many times, the server is asked whether it has reloaded its settings.
const POLL: Duration = Duration::from_millis(20);
const POLLS: u32 = 250;

const WORKLOAD: Workload = Workload::allocations(1, 64);
const YARDSTICK: Yardstick = Yardstick {
    method: Method::SET_BASED,
    products: 1,
    order_ids: OrderIds::Rising,
};

/// Measures, on PostgreSQL only.
pub(crate) fn run(bench: &Bench) -> Result<Option<Section>, Failure> {
    if !bench.measures(Engine::Postgres) {
        return Ok(None);
    }
    let postgres = bench.postgres()?;
    let mut comparison = Comparison::new("one hot SKU, 64");
    let mut loads = Vec::new();
    let mut problems = Vec::new();
    for number in 1..=bench.options.rounds() {
        set(postgres, SLOW, true)?;
        let measured = bench.with_store(Engine::Postgres, |store| {
            bench.service.stock(store, WORKLOAD.products)?;
            bench.slice(&WORKLOAD, store)
        });
        let raw = bench.yardstick(Engine::Postgres, YARDSTICK);
        set(postgres, USUAL, false)?;
        let (slice, raw) = (measured?, raw?);
        comparison
            .rounds
            .push((slice.load.created_per_second(), raw.per_second()));
        bench.progress(number, &format!("slow disk, {}", comparison.last()));
        problems.extend(
            slice
                .problem
                .map(|problem| format!("slow disk, round {number}: {problem}")),
        );
        loads.push(slice.load);
    }
    comparison.extra = vec![
        millis(median(loads.iter().map(|load| load.latency.p99))),
        LoadResult::summary(&loads),
    ];
    Ok(Some(Section {
        title: "A slow disk",
        method: "PostgreSQL with `commit_delay = 1000` and `commit_siblings = 0`: each flush of the log waits a \
                 millisecond first, as on an ordinary cloud disk. This applies to the service and the yardstick alike."
            .to_owned(),
        goals: vec![Goal::at_least(
            "PostgreSQL, slow disk, one hot SKU, 64: allocations",
            8_000.0,
            Unit::PerSecond,
            comparison.tested(),
        )],
        tables: vec![comparison::table(
            "Allocations a second",
            ["Earmark", "Yardstick"],
            &["p99", "Responses"],
            &[comparison],
        )],
        problems,
        ..Section::default()
    }))
}

/// Changes the server's settings, and waits until new sessions see them.
fn set(postgres: &Postgres, settings: &str, slow: bool) -> Result<(), Failure> {
    let statements = format!("{settings} SELECT pg_reload_conf();");
    postgres.script("postgres", &statements, &[], Duration::from_secs(30))?;
    for _ in 0..POLLS {
        let sql = "SELECT setting = '1000' FROM pg_settings WHERE name = 'commit_delay'";
        if (postgres.sql("postgres", sql)?.trim() == "t") == slow {
            return Ok(());
        }
        postgres.programs.pause(POLL)?;
    }
    Err("PostgreSQL does not reload its settings".into())
}
