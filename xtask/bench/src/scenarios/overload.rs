//! Open-loop load above the capacity: the service rejects what it can't do, and does the rest.

use xtask::Failure;

use crate::bench::Bench;
use crate::load::open_loop::OpenLoop;
use crate::load::wrk::Workload;
use crate::measure::results::{BUSY, CREATED, LoadResult};
use crate::measure::stats::{Spread, as_mebibytes, median, rate, to_float};
use crate::report::figures::{mebibytes, millis, ratio, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::stores::store::{Engine, Store};

/// The closed-loop load with which the service reaches its capacity.
const CAPACITY: Workload = Workload::allocations(1_000, 256);

/// Connections of the overload: more than the service's queues have places.
const CONNECTIONS: usize = 4_000;

/// The requested rate, as a multiple of the capacity.
const FACTOR: f64 = 3.0;

/// Before, during and after the overload.
struct Round {
    before: LoadResult,
    during: LoadResult,
    after: LoadResult,
    /// Peak memory until the end of the overload, in bytes.
    peak: u64,
    problem: Option<String>,
}

impl Round {
    /// The goodput during the overload, of the capacity.
    fn goodput(&self) -> f64 {
        self.during.created_per_second() / self.before.created_per_second()
    }

    /// The rate after the overload, of the capacity.
    fn recovery(&self) -> f64 {
        self.after.created_per_second() / self.before.created_per_second()
    }

    /// Responses per second of any status.
    fn responses(&self) -> f64 {
        rate(self.during.statuses.values().sum(), self.during.took)
    }

    /// Rejections without `Retry-After`, and responses that are neither 201 nor 503.
    fn unexpected(&self) -> u64 {
        let rejected = self.during.count(BUSY);
        let without_retry_after = rejected.saturating_sub(self.during.retry_after);
        without_retry_after + self.during.failures(CREATED).saturating_sub(rejected)
    }
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let before = CAPACITY.connections;
    let columns = [
        "Database",
        "capacity",
        "responses",
        "allocated",
        "of capacity",
        "503",
        "with Retry-After",
        "p99",
        "afterwards",
        "of capacity",
        "memory",
    ];
    let mut table = Table::new("Allocations a second", 1, columns);
    let mut section = Section {
        title: "Overload",
        method: format!(
            "First a closed loop over {before} connections, which shows the capacity; then {FACTOR:.0} times that rate \
             in an open loop over {CONNECTIONS} connections; then the closed loop again at once. A request that finds \
             the queue full waits for a short time and is then rejected; meanwhile its connection sends nothing else. \
             Only responses within the measured time count. The load generator shares the CPU with the service, so \
             sending requests and reading rejections slows the service down."
        ),
        ..Section::default()
    };
    for &engine in bench.engines() {
        let mut rounds = Vec::new();
        for number in 1..=bench.options.rounds() {
            let round = bench.with_store(engine, |store| measure(bench, store))?;
            bench.progress(
                number,
                &format!(
                    "{}: capacity {:.0}/s; {:.0} responses/s, {:.0}/s allocated; afterwards {:.0}/s",
                    engine.name(),
                    round.before.created_per_second(),
                    round.responses(),
                    round.during.created_per_second(),
                    round.after.created_per_second()
                ),
            );
            let problem = round.problem.as_ref();
            section
                .problems
                .extend(problem.map(|problem| format!("{}, overload, round {number}: {problem}", engine.name())));
            rounds.push(round);
        }
        table.row(row(engine, &rounds));
        section.goals.extend(goals(engine, &rounds));
    }
    section.tables.push(table);
    Ok(section)
}

fn measure(bench: &Bench, store: &Store) -> Result<Round, Failure> {
    let timing = bench.options.timing();
    bench.service.stock(store, CAPACITY.products)?;
    let mut running = bench.service.start("serve", store)?;
    let closed_loop = |name: &str, duration| CAPACITY.run(&bench.programs, &running.address, name, duration);
    let warm_up = closed_loop("1", timing.warm_up)?;
    let before = closed_loop("2", timing.measured)?;
    let open_loop = OpenLoop {
        per_second: FACTOR * before.created_per_second(),
        connections: CONNECTIONS,
        products: u64::from(CAPACITY.products),
    };
    let (during, created) = open_loop.run(&bench.programs.interruptions, &running.address, "3", timing)?;
    let peak = running.memory()?.peak;
    let after = closed_loop("4", timing.measured)?;
    running.stop()?;
    let lines: u64 = [&warm_up, &before, &after].into_iter().map(LoadResult::created).sum();
    let in_flight = u32::try_from(CONNECTIONS)? + 3 * CAPACITY.connections;
    Ok(Round {
        before,
        during,
        after,
        peak,
        problem: bench.service.audit(store, lines + created, in_flight)?,
    })
}

fn spread(rounds: &[Round], pick: impl Fn(&Round) -> f64) -> Spread {
    Spread::of(rounds.iter().map(pick))
}

fn row(engine: Engine, rounds: &[Round]) -> [String; 11] {
    let rate = |pick: fn(&Round) -> f64| whole(spread(rounds, pick).median);
    let sum = |pick: fn(&Round) -> u64| whole(to_float(rounds.iter().map(pick).sum()));
    [
        engine.name().to_owned(),
        rate(|round| round.before.created_per_second()),
        rate(Round::responses),
        rate(|round| round.during.created_per_second()),
        ratio(spread(rounds, Round::goodput).median),
        sum(|round| round.during.count(BUSY)),
        sum(|round| round.during.retry_after),
        millis(median(rounds.iter().map(|round| round.during.latency.p99))),
        rate(|round| round.after.created_per_second()),
        ratio(spread(rounds, Round::recovery).median),
        mebibytes(rounds.iter().map(|round| round.peak).max().unwrap_or_default()),
    ]
}

fn goals(engine: Engine, rounds: &[Round]) -> [Goal; 4] {
    let name = |what: &str| format!("{}, overload: {what}", engine.name());
    let goodput = spread(rounds, Round::goodput);
    let recovery = spread(rounds, Round::recovery);
    let memory = spread(rounds, |round| as_mebibytes(round.peak));
    let unexpected = rounds.iter().map(|round| to_float(round.unexpected()));
    [
        Goal::at_least(name("allocated, of capacity"), 0.9, Unit::Ratio, goodput),
        Goal::none(name("responses but 201, and 503 with Retry-After"), unexpected),
        Goal::at_least(name("right afterwards, of capacity"), 0.9, Unit::Ratio, recovery),
        Goal::at_most(name("memory"), 200.0, Unit::Mebibytes, memory),
    ]
}
