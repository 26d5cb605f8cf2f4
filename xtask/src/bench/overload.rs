//! More than can be done: what is asked for too much is turned away, and the rest goes on.

use std::time::Duration;

use super::figures::{Spread, rate, to_float};
use super::ground::Bench;
use super::load::Ask;
use super::open_loop::Flood;
use super::plan::{BUSY, CREATED, Engine, Load, Verdict};
use super::report::{Goal, Section, Unit, Wanted};
use super::service::{Books, Times};
use super::table::{Table, mebibytes, millis, ratio, whole};
use crate::Failure;

/// What the service can take at its best.
const BEST: Ask = Ask::allocations(1_000, 256);

/// Connections that the flood comes over: more than have a place in the service's queues.
const CALLERS: usize = 4_000;

/// How many times as much is asked as can be done.
const TIMES: f64 = 3.0;

/// Before, during and after, in one round.
struct Round {
    best: Load,
    during: Load,
    after: Load,
    /// The most memory it held until the end of the overload, in bytes.
    peak: u64,
}

impl Round {
    fn goodput(&self) -> f64 {
        self.during.created_per_second() / self.best.created_per_second()
    }

    fn recovered(&self) -> f64 {
        self.after.created_per_second() / self.best.created_per_second()
    }

    /// Everything that was answered, a second.
    fn answered(&self) -> f64 {
        rate(self.during.statuses.values().sum(), self.during.took)
    }

    /// Of those who were turned away, how many were not told when to come again; and answers that were neither.
    fn unfounded(&self) -> u64 {
        let silent = self.during.count(BUSY).saturating_sub(self.during.retry_after);
        silent + self.during.failures(CREATED).saturating_sub(self.during.count(BUSY))
    }
}

/// Measures.
pub(super) fn run(bench: &Bench<'_>) -> Result<Section, Failure> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for &engine in bench.engines() {
        let mut rounds = Vec::new();
        for number in 1..=bench.options.rounds {
            let (round, verdict) = bench.with_books(engine, |books| round(bench, books))?;
            bench.tell(
                number,
                &format!(
                    "{}: best {:.0}/s, {:.0} answered, {:.0}/s allocated, afterwards {:.0}/s",
                    engine.name(),
                    round.best.created_per_second(),
                    round.answered(),
                    round.during.created_per_second(),
                    round.after.created_per_second()
                ),
            );
            if let Verdict::Wrong(told) = verdict {
                wrong.push(format!("{}, overload, round {number}: {told}", engine.name()));
            }
            rounds.push(round);
        }
        all.push((engine, rounds));
    }
    Ok(section(&all, wrong))
}

fn round(bench: &Bench<'_>, books: &Books) -> Result<(Round, Verdict), Failure> {
    let Times { warm_up, measured } = bench.options.times;
    bench.service.stock(books, BEST.products)?;
    let mut serving = bench.service.start("serve", books)?;
    let warmed_up = BEST.run(bench.programs, &serving.address, "1", warm_up)?;
    let best = BEST.run(bench.programs, &serving.address, "2", measured)?;
    let flood = Flood {
        per_second: TIMES * best.created_per_second(),
        connections: CALLERS,
        products: u64::from(BEST.products),
    };
    let (during, flooded) = flood.run(bench.programs, &serving.address, "3", bench.options.times)?;
    let peak = serving.memory()?.peak;
    let after = BEST.run(bench.programs, &serving.address, "4", measured)?;
    serving.stop()?;
    let lines: u64 = [&warmed_up, &best, &after].into_iter().map(Load::created).sum();
    let verdict = bench
        .service
        .verdict(books, lines + flooded, u32::try_from(CALLERS)? + 3 * BEST.connections)?;
    let round = Round {
        best,
        during,
        after,
        peak,
    };
    Ok((round, verdict))
}

fn section(all: &[(Engine, Vec<Round>)], wrong: Vec<String>) -> Section {
    let columns = [
        "Database",
        "best",
        "answered",
        "allocated",
        "of best",
        "503",
        "with Retry-After",
        "p99",
        "afterwards",
        "of best",
        "memory",
    ];
    let mut table = Table::new(1, &columns);
    let mut goals = Vec::new();
    for (engine, rounds) in all {
        let spread = |pick: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(pick)).expect("there are rounds");
        let best = spread(&|round| round.best.created_per_second());
        let (goodput, recovered) = (spread(&Round::goodput), spread(&Round::recovered));
        let refused: u64 = rounds.iter().map(|round| round.during.count(BUSY)).sum();
        let told: u64 = rounds.iter().map(|round| round.during.retry_after).sum();
        let peak = rounds.iter().map(|round| round.peak).max().unwrap_or_default();
        let p99 = spread(&|round| round.during.latency.p99.as_secs_f64());
        table.row([
            engine.name().to_owned(),
            whole(best.median),
            whole(spread(&Round::answered).median),
            whole(spread(&|round| round.during.created_per_second()).median),
            ratio(goodput.median),
            whole(to_float(refused)),
            whole(to_float(told)),
            millis(Duration::from_secs_f64(p99.median)),
            whole(spread(&|round| round.after.created_per_second()).median),
            ratio(recovered.median),
            mebibytes(peak),
        ]);
        let goal = |what: &str, wanted, unit, measured| Goal {
            what: format!("{}, overload: {what}", engine.name()),
            wanted,
            unit,
            measured,
        };
        let unfounded = spread(&|round| to_float(round.unfounded()));
        let memory = spread(&|round| to_float(round.peak) / f64::from(1 << 20));
        goals.extend([
            goal("done, of best", Wanted::AtLeast(0.9), Unit::Ratio, goodput),
            goal(
                "answers but 201, and 503 with Retry-After",
                Wanted::AtMost(0.0),
                Unit::Count,
                unfounded,
            ),
            goal(
                "right afterwards, of best",
                Wanted::AtLeast(0.9),
                Unit::Ratio,
                recovered,
            ),
            goal("memory", Wanted::AtMost(200.0), Unit::Mebibytes, memory),
        ]);
    }
    Section {
        title: "Overload".to_owned(),
        told: vec![format!(
            "First {} connections, as many as can be served at their best; then {TIMES:.0} times as many requests a \
             second as were answered there, whatever comes of them, over {CALLERS} connections; then the {} again, at \
             once. Who finds no place in the queue waits for one, for a moment, and then is turned away; a connection \
             that waits asks nothing else. What counts is what was answered within the time. All on the machine's same \
             cores: what it costs to ask and to be refused is missing to the work.",
            BEST.connections, BEST.connections
        )],
        tables: vec![("Allocations a second".to_owned(), table)],
        goals,
        wrong,
        ..Section::default()
    }
}
