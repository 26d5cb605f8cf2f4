//! `earmark verify` over a long history and over one a tenth as long: how long it takes, and in how much memory.

use std::time::{Duration, Instant};

use xtask::{Failure, say};

use crate::bench::Bench;
use crate::history::fill::fill;
use crate::history::size::History;
use crate::measure::stats::{Spread, as_mebibytes, to_float};
use crate::report::figures::{mebibytes, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::scenarios::growth::PRODUCTS;
use crate::stores::store::{Engine, Store};

/// Reading ten million lines takes minutes.
const LIMIT: Duration = Duration::from_secs(3_600);

/// The most memory it may take, in MiB, however long the history is.
const MOST_MEMORY: f64 = 128.0;

/// The most that a history ten times as long may add.
const MOST_GROWTH: f64 = 1.25;

/// One run of it.
struct Run {
    took: Duration,
    /// The most memory, in bytes.
    memory: u64,
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let long = bench.options.history();
    let short = History::new(long.lines() / 10).unwrap_or(long);
    let mut table = Table::new(
        "`earmark verify`",
        1,
        ["Database", "Lines", "Seconds", "Lines a second", "Most memory"],
    );
    let mut goals = Vec::new();
    for &engine in bench.options.engines() {
        let name = engine.name();
        let mut memory = Vec::new();
        for history in [short, long] {
            let run = bench.with_named_store(engine, "verified", |store| verify(bench, engine, store, history))?;
            let lines = to_float(history.lines());
            say(&format!(
                "{name}: {} lines in {:.1?}, at most {}",
                whole(lines),
                run.took,
                mebibytes(run.memory)
            ));
            table.row([
                name.to_owned(),
                whole(lines),
                format!("{:.1}", run.took.as_secs_f64()),
                whole(lines / run.took.as_secs_f64()),
                mebibytes(run.memory),
            ]);
            memory.push(as_mebibytes(run.memory));
        }
        let &[few, many] = memory.as_slice() else {
            return Err("two histories are verified".into());
        };
        goals.push(Goal::at_most(
            format!("{name}, earmark verify: memory"),
            MOST_MEMORY,
            Unit::Mebibytes,
            Spread::of([many]),
        ));
        goals.push(Goal::at_most(
            format!("{name}, earmark verify: memory with ten times the lines"),
            MOST_GROWTH,
            Unit::Ratio,
            Spread::of([many / few]),
        ));
    }
    Ok(Section {
        title: "Verification",
        method:
            "`earmark verify` alone, on a store with a history and on one with a tenth of it. A hundredth of the lines \
                 is of one product."
                .to_owned(),
        goals,
        tables: vec![table],
        ..Section::default()
    })
}

/// Fills a store, and verifies it once.
fn verify(bench: &Bench, engine: Engine, store: &Store, history: History) -> Result<Run, Failure> {
    let postgres = match engine {
        Engine::Postgres => Some(bench.postgres()?),
        Engine::Sqlite => None,
    };
    fill(&bench.service, postgres, store, history, PRODUCTS)?;
    let mut verify = bench.service.earmark(store);
    let started = Instant::now();
    let memory = bench.programs.watch("verify", verify.arg("verify"), LIMIT)?;
    Ok(Run {
        took: started.elapsed(),
        memory,
    })
}
