//! A hot SKU on a slower disk: each flush of PostgreSQL's log takes a millisecond longer.

use std::time::Duration;

use super::figures::Spread;
use super::ground::Bench;
use super::load::Ask;
use super::plan::{Engine, Keys, Load, RawSlice, ServiceSlice, Verdict, Work, Yardstick};
use super::postgres::Databases;
use super::report::{Goal, Section, Unit, Wanted};
use super::table::{Table, millis, range, ratio, whole};
use crate::Failure;

/// A millisecond before each flush, however few others are committing.
const SLOW: &str = "ALTER SYSTEM SET commit_delay = 1000; ALTER SYSTEM SET commit_siblings = 0;";
const USUAL: &str = "ALTER SYSTEM RESET commit_delay; ALTER SYSTEM RESET commit_siblings;";

/// How often a new setting is looked for, and how many times.
const GLANCE: Duration = Duration::from_millis(20);
const GLANCES: u32 = 250;

const ASK: Ask = Ask::allocations(1, 64);
const YARDSTICK: Yardstick = Yardstick {
    work: Work::SET,
    products: 1,
    keys: Keys::Rising,
};

struct Round {
    service: ServiceSlice,
    raw: RawSlice,
}

/// Measures, on PostgreSQL.
pub(super) fn run(bench: &Bench<'_>) -> Result<Option<Section>, Failure> {
    if !bench.on(Engine::Postgres) {
        return Ok(None);
    }
    let databases = bench.databases()?;
    let mut rounds = Vec::new();
    for number in 1..=bench.options.rounds {
        set(databases, SLOW, true)?;
        let round = round(bench);
        set(databases, USUAL, false)?;
        let round = round?;
        bench.tell(
            number,
            &format!(
                "slow disk, one hot SKU: {:.0}/s, raw {:.0}/s",
                round.service.load.created_per_second(),
                round.raw.per_second()
            ),
        );
        rounds.push(round);
    }
    Ok(Some(section(&rounds)))
}

fn round(bench: &Bench<'_>) -> Result<Round, Failure> {
    let times = bench.options.times;
    Ok(Round {
        service: bench.with_books(Engine::Postgres, |books| {
            bench.service.stock(books, ASK.products)?;
            bench.service.slice(&ASK, books, times)
        })?,
        raw: bench.yardstick(Engine::Postgres, YARDSTICK, times)?,
    })
}

/// Changes the server's settings, and waits until those who connect anew find them.
fn set(databases: Databases<'_>, settings: &str, slow: bool) -> Result<(), Failure> {
    let statements = format!("{settings} SELECT pg_reload_conf();");
    databases.script("postgres", &statements, &[], Duration::from_secs(30))?;
    for _ in 0..GLANCES {
        let told = databases.sql(
            "postgres",
            "SELECT setting = '1000' FROM pg_settings WHERE name = 'commit_delay'",
        )?;
        if (told.trim() == "t") == slow {
            return Ok(());
        }
        (databases.programs.pause)(GLANCE)?;
    }
    Err("PostgreSQL does not take up its new settings".into())
}

fn section(rounds: &[Round]) -> Section {
    let spread = |pick: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(pick)).expect("there are rounds");
    let service = spread(&|round| round.service.load.created_per_second());
    let raw = spread(&|round| round.raw.per_second());
    let ratios = spread(&|round| round.service.load.created_per_second() / round.raw.per_second());
    let p99 = spread(&|round| round.service.load.latency.p99.as_secs_f64());
    let mut table = Table::new(
        1,
        &[
            "Load",
            "Earmark",
            "from–to",
            "Yardstick",
            "from–to",
            "Ratio",
            "p99",
            "Answers",
        ],
    );
    table.row([
        "one hot SKU, 64".to_owned(),
        whole(service.median),
        range(service, whole),
        whole(raw.median),
        range(raw, whole),
        ratio(ratios.median),
        millis(Duration::from_secs_f64(p99.median)),
        Load::told(rounds.iter().map(|round| &round.service.load)),
    ]);
    let wrong = rounds
        .iter()
        .enumerate()
        .filter_map(|(number, round)| match &round.service.verdict {
            Verdict::Right => None,
            Verdict::Wrong(told) => Some(format!("slow disk, round {}: {told}", number + 1)),
        });
    Section {
        title: "A slow disk".to_owned(),
        told: vec![
            "PostgreSQL with `commit_delay = 1000` and `commit_siblings = 0`: whoever flushes the log waits a \
             millisecond first, as on an ordinary disk in a cloud, service and yardstick alike."
                .to_owned(),
        ],
        tables: vec![("Allocations a second".to_owned(), table)],
        goals: vec![Goal {
            what: "PostgreSQL, slow disk, one hot SKU, 64: allocations".to_owned(),
            wanted: Wanted::AtLeast(8_000.0),
            unit: Unit::PerSecond,
            measured: service,
        }],
        wrong: wrong.collect(),
        ..Section::default()
    }
}
