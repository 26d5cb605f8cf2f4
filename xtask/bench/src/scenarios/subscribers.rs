//! Subscribers: what being told costs those who allocate, and how soon subscribers are told.

use std::time::{Duration, Instant};

use xtask::{Failure, folder_of, install};

use crate::bench::Bench;
use crate::load::open_loop::OpenLoop;
use crate::load::wrk::Workload;
use crate::measure::results::{LoadResult, Timing};
use crate::measure::stats::{Spread, as_millis, percentile, rate};
use crate::report::comparison::{self, Comparison};
use crate::report::figures::{millis, range, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::stores::store::{Engine, Store};
use crate::subscribers::nats::{self, Nats};
use crate::subscribers::receivers::{Arrival, Manner, Receivers};

/// The load beside which subscribers are told.
const LOAD: Workload = Workload::allocations(1_000, 64);

/// How many subscribers never answer, beside one that does.
const HANGING: usize = 19;

/// How many events a second a broker gets while it is measured how soon.
const EVENTS_TO_A_BROKER: f64 = 1_000.0;

/// How many receivers of webhooks there are, how long each takes for a batch, and how many events a second each gets.
const RECEIVERS: usize = 100;
const TAKES: Duration = Duration::from_millis(50);
const EVENTS_TO_A_RECEIVER: f64 = 100.0;

/// How many products they are about.
const PRODUCTS: u32 = 100;

/// The product whose events are refused.
const POISONED: &str = "SKU-000007";

/// How long the last events may take after the load has ended.
const DRAIN: Duration = Duration::from_secs(30);

/// How often it is looked whether they are there.
const POLL: Duration = Duration::from_millis(50);

/// What the service needs to know to tell receivers on this machine.
const SECRET: &str = "whsec_bWVhc3VyZWQgYnkgdGhlIGJlbmNoIG9ubHk=";

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    if folder_of("nats-server", &[]).is_none() {
        install("nats-server", &bench.programs.interruptions)?;
    }
    let mut section = Section {
        title: "Subscribers",
        method: format!(
            "Allocations over 1,000 SKUs by 64 connections, with subscribers and without, in turn. The NATS server, \
             with file storage, and the receivers share the processors with the service. Then {EVENTS_TO_A_BROKER:.0} \
             allocations a second: the time from each decision until the server has stored its event. Then \
             {EVENTS_TO_A_RECEIVER:.0} allocations a second and {RECEIVERS} receivers of webhooks, each of which takes \
             {} ms for a batch: the time from each decision until a receiver has taken its event; and the same where \
             each of them fails on every batch with an event of one of the {PRODUCTS} SKUs.",
            TAKES.as_millis()
        ),
        ..Section::default()
    };
    let mut beside = Vec::new();
    let mut soon = Table::new(
        "How soon subscribers are told",
        2,
        ["Database", "Subscribers", "events a second", "p50", "p99", "from–to"],
    );
    for &engine in bench.engines() {
        beside.extend(costs(bench, engine, &mut section)?);
        let mut all: [Vec<Told>; KINDS.len()] = Default::default();
        for number in 1..=bench.options.rounds() {
            for ((subscribers, name), rounds) in KINDS.into_iter().zip(&mut all) {
                let told = bench.with_store(engine, |store| told(bench, store, subscribers))?;
                let outcome = format!(
                    "{}, {name}: {:.0} events/s, p99 {:.1} ms",
                    engine.name(),
                    told.per_second,
                    as_millis(told.p99)
                );
                bench.progress(number, &outcome);
                section.problems.extend(told.problem.clone());
                rounds.push(told);
            }
        }
        for ((_, name), rounds) in KINDS.into_iter().zip(&all) {
            row(&mut soon, engine, name, rounds);
        }
        section.goals.extend(goals(engine, &all));
    }
    section.tables = vec![
        comparison::table(
            "Allocations a second beside subscribers",
            ["With them", "Without"],
            &[],
            &beside,
        ),
        soon,
    ];
    Ok(section)
}

/// The allocations a second beside subscribers, against those without.
fn costs(bench: &Bench, engine: Engine, section: &mut Section) -> Result<Vec<Comparison>, Failure> {
    let name = |what: &str| format!("{}, {what}", engine.name());
    let mut comparisons = [
        Comparison::new(name("one NATS server")),
        Comparison::new(name("one NATS server, and 19 that hang")),
        Comparison::new(name("a NATS server that is away")),
    ];
    for number in 1..=bench.options.rounds() {
        let mut measure = |urls: &[String]| {
            let (created, problem) = bench.with_store(engine, |store| slice(bench, store, urls))?;
            section.problems.extend(problem);
            Ok::<_, Failure>(created)
        };
        let hanging = Receivers::start(Manner::Hangs)?;
        for (which, comparison) in comparisons.iter_mut().enumerate() {
            let nats = Nats::start(&bench.programs)?;
            let urls = match which {
                0 => vec![nats.url()],
                1 => [vec![nats.url()], hanging.urls(HANGING)].concat(),
                _ => vec![nats::away()?],
            };
            let tested = measure(&urls)?;
            drop(nats);
            comparison.rounds.push((tested, measure(&[])?));
            bench.progress(number, &comparison.last());
        }
    }
    for (comparison, bound) in comparisons.iter().zip([0.85, 0.85, 0.95]) {
        section
            .goals
            .push(comparison.goal("allocations, of those without", bound));
    }
    Ok(comparisons.into())
}

/// Allocates as fast as it goes, beside subscribers. Returns the allocations a second, and what is wrong with the store.
fn slice(bench: &Bench, store: &Store, urls: &[String]) -> Result<(f64, Option<String>), Failure> {
    bench.service.stock(store, LOAD.products)?;
    let mut running = bench.service.start_telling("serve", store, urls, SECRET)?;
    let (slice, created) = running.measure(&LOAD, store, "", bench.options.timing())?;
    running.stop()?;
    let problem = bench.service.audit(store, created, 2 * LOAD.connections)?;
    Ok((slice.load.created_per_second(), problem))
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscribers {
    Broker,
    Receivers,
    Poisoned,
}

/// Who is told, as the tables name them.
const KINDS: [(Subscribers, &str); 3] = [
    (Subscribers::Broker, "one NATS server"),
    (Subscribers::Receivers, "100 receivers"),
    (Subscribers::Poisoned, "100 receivers, one SKU refused"),
];

/// How soon subscribers were told.
struct Told {
    /// Events that arrived a second, at all of them.
    per_second: f64,
    p50: Duration,
    p99: Duration,
    problem: Option<String>,
}

impl Told {
    fn of(arrivals: &[Arrival], timing: Timing, problem: Option<String>) -> Result<Self, Failure> {
        let first = arrivals.iter().map(|arrival| arrival.decided).min();
        let last = arrivals.iter().map(|arrival| arrival.at).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err("no event arrived".into());
        };
        // What is decided during the warm-up, connections are made for.
        let warm = first + timing.warm_up;
        let warm_ones = arrivals.iter().filter(|arrival| arrival.decided >= warm);
        let mut took: Vec<Duration> = warm_ones.map(Arrival::took).collect();
        took.sort_unstable();
        let at = |percent| percentile(&took, percent).unwrap_or_default();
        let span = Duration::try_from(last.duration_since(first))?;
        Ok(Self {
            per_second: rate(arrivals.len() as u64, span),
            p50: at(50),
            p99: at(99),
            problem,
        })
    }
}

/// Allocates at a fixed rate, and waits until all events have arrived.
fn told(bench: &Bench, store: &Store, subscribers: Subscribers) -> Result<Told, Failure> {
    let timing = bench.options.timing();
    let (products, per_second) = match subscribers {
        Subscribers::Broker => (LOAD.products, EVENTS_TO_A_BROKER),
        Subscribers::Receivers | Subscribers::Poisoned => (PRODUCTS, EVENTS_TO_A_RECEIVER),
    };
    bench.service.stock(store, products)?;
    let load = OpenLoop {
        per_second,
        connections: 64,
        products: u64::from(products),
    };
    let allocate = |address: &str| load.run(&bench.programs.interruptions, address, "1", timing);
    let (arrivals, expected, answers) = if subscribers == Subscribers::Broker {
        let nats = Nats::start(&bench.programs)?;
        let mut running = bench.service.start_telling("serve", store, &[nats.url()], SECRET)?;
        let (answers, created) = allocate(&running.address)?;
        let expected = usize::try_from(created)?;
        let arrivals = when_all(bench, expected, || nats.arrivals())?;
        running.stop()?;
        (arrivals, expected, answers)
    } else {
        let manner = match subscribers {
            Subscribers::Poisoned => Manner::Poisoned(TAKES, POISONED),
            _ => Manner::Takes(TAKES),
        };
        let receivers = Receivers::start(manner)?;
        let mut running = bench
            .service
            .start_telling("serve", store, &receivers.urls(RECEIVERS), SECRET)?;
        let (answers, created) = allocate(&running.address)?;
        // Of the refused ones there may be a few more or less than their share.
        let refused = if subscribers == Subscribers::Poisoned {
            2 * created / u64::from(PRODUCTS)
        } else {
            0
        };
        let expected = usize::try_from(created - refused)? * RECEIVERS;
        let arrivals = when_all(bench, expected, || Ok(receivers.arrivals()))?;
        running.stop()?;
        (arrivals, expected, answers)
    };
    let missing = expected.saturating_sub(arrivals.len());
    let problem = if missing > 0 {
        Some(format!("{missing} of {expected} events have not arrived"))
    } else {
        answered_otherwise(&answers)
    };
    Told::of(&arrivals, timing, problem)
}

fn answered_otherwise(answers: &LoadResult) -> Option<String> {
    let others = answers.failures(crate::measure::results::CREATED);
    (others > 0).then(|| format!("{others} allocations beside subscribers failed"))
}

/// What has arrived when so many have, or when the time is over.
fn when_all(
    bench: &Bench,
    expected: usize,
    arrivals: impl Fn() -> Result<Vec<Arrival>, Failure>,
) -> Result<Vec<Arrival>, Failure> {
    let started = Instant::now();
    loop {
        let arrived = arrivals()?;
        if arrived.len() >= expected || started.elapsed() > DRAIN {
            return Ok(arrived);
        }
        bench.programs.pause(POLL)?;
    }
}

fn row(table: &mut Table, engine: Engine, name: &str, rounds: &[Told]) {
    let median = |pick: fn(&Told) -> f64| Spread::of(rounds.iter().map(pick)).median;
    let p99 = Spread::of(rounds.iter().map(|told| as_millis(told.p99)));
    table.row([
        engine.name().to_owned(),
        name.to_owned(),
        whole(median(|told| told.per_second)),
        millis(crate::measure::stats::median(rounds.iter().map(|told| told.p50))),
        millis(crate::measure::stats::median(rounds.iter().map(|told| told.p99))),
        range(p99, |figure| format!("{figure:.2} ms")),
    ]);
}

fn goals(engine: Engine, [broker, receivers, poisoned]: &[Vec<Told>; KINDS.len()]) -> [Goal; 3] {
    let goal = |kind: usize, what: &str| format!("{}, {}: {what}", engine.name(), KINDS[kind].1);
    let p99 = |told: &Told| as_millis(told.p99);
    let slower = poisoned
        .iter()
        .zip(receivers)
        .map(|(with, without)| p99(with) / p99(without));
    [
        Goal::at_most(
            goal(0, "99th percentile"),
            20.0,
            Unit::Millis,
            Spread::of(broker.iter().map(p99)),
        ),
        // What is offered, but for the time that the first and the last batch take.
        Goal::at_least(
            goal(1, "events a second"),
            9_500.0,
            Unit::PerSecond,
            Spread::of(receivers.iter().map(|told| told.per_second)),
        ),
        Goal::at_most(
            goal(2, "99th percentile of the others, of that without it"),
            1.1,
            Unit::Ratio,
            Spread::of(slower),
        ),
    ]
}
