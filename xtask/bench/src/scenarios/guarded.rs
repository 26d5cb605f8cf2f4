//! What guards a service costs: a key, encryption, and thousands of connections on which nobody says anything.

use std::time::Duration;

use xtask::Failure;

use crate::bench::Bench;
use crate::load::idle::Idle;
use crate::load::wrk::{Caller, Workload};
use crate::measure::results::{CREATED, LoadResult, ServiceSlice};
use crate::measure::stats::{Spread, as_millis, median, to_float};
use crate::report::comparison::{self, Comparison};
use crate::report::figures::{millis, ratio};
use crate::report::goal::{Goal, Unit};
use crate::report::section::Section;
use crate::report::table::Table;
use crate::service::certificate::Certificate;
use crate::service::running::RunningService;
use crate::stores::store::{Engine, Store};

/// Connections are kept: only the first request of each pays for its handshake.
const SINGLES: Workload = Workload::allocations(1_000, 64);

/// Connections on which nobody says anything.
const IDLE: u64 = 10_000;

/// Making a key takes as long as starting.
const KEY_LIMIT: Duration = Duration::from_secs(30);

/// What is in the way of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    Nothing,
    Key,
    Encryption,
    Idle,
}

impl Guard {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "open",
            Self::Key => "with a key",
            Self::Encryption => "encrypted",
            Self::Idle => "beside idle connections",
        }
    }
}

/// Measures.
pub(crate) fn run(bench: &Bench) -> Result<Section, Failure> {
    let mut section = Section {
        title: "Guarded",
        method: format!(
            "`POST /v1/allocations` from {} kept connections: to an open service, with a key, encrypted by TLS 1.3, and \
             beside {IDLE} connections on which nobody says anything. They follow one another, on new databases; each \
             is compared with the open one of its round.",
            SINGLES.connections
        ),
        ..Section::default()
    };
    let mut comparisons = Vec::new();
    let mut waits = Table::new(
        "99th percentile",
        1,
        ["Database", "open", "beside idle connections", "Ratio"],
    );
    for &engine in bench.engines() {
        let rounds = measure(bench, engine, &mut section)?;
        for (guard, least) in [(Guard::Key, 0.98), (Guard::Encryption, 0.8)] {
            let mut comparison = Comparison::new(format!("{}, {}", engine.name(), guard.name()));
            let pair = |round: &Round| {
                (
                    round.of(guard).created_per_second(),
                    round.of(Guard::Nothing).created_per_second(),
                )
            };
            comparison.rounds = rounds.iter().map(pair).collect();
            section.goals.push(comparison.goal("of open ones", least));
            comparisons.push(comparison);
        }
        let wait = |guard| move |round: &Round| round.of(guard).latency.p99;
        let grown = |round: &Round| as_millis(wait(Guard::Idle)(round)) / as_millis(wait(Guard::Nothing)(round));
        let grown = Spread::of(rounds.iter().map(grown));
        waits.row([
            engine.name().to_owned(),
            millis(median(rounds.iter().map(wait(Guard::Nothing)))),
            millis(median(rounds.iter().map(wait(Guard::Idle)))),
            ratio(grown.median),
        ]);
        let what = format!("{}, 99th percentile beside {IDLE} idle connections", engine.name());
        section.goals.push(Goal::at_most(what, 2.0, Unit::Ratio, grown));
        let failures = rounds
            .iter()
            .flat_map(|round| &round.0)
            .map(|(_, load)| to_float(load.failures(CREATED)));
        section
            .goals
            .push(Goal::none(format!("{}, guarded: errors", engine.name()), failures));
    }
    section.tables.push(comparison::table(
        "Allocations a second",
        ["guarded", "open"],
        &[],
        &comparisons,
    ));
    section.tables.push(waits);
    Ok(section)
}

/// One slice each.
struct Round(Vec<(Guard, LoadResult)>);

impl Round {
    fn of(&self, wanted: Guard) -> &LoadResult {
        let found = self.0.iter().find(|(guard, _)| *guard == wanted);
        &found.expect("a round has a slice of each").1
    }
}

fn measure(bench: &Bench, engine: Engine, section: &mut Section) -> Result<Vec<Round>, Failure> {
    let mut rounds = Vec::new();
    for number in 1..=bench.options.rounds() {
        let mut round = Vec::new();
        for guard in [Guard::Nothing, Guard::Key, Guard::Encryption, Guard::Idle] {
            let slice = bench.with_store(engine, |store| slice(bench, store, guard))?;
            let rate = slice.load.created_per_second();
            bench.progress(number, &format!("{}, {}: {rate:.0}/s", engine.name(), guard.name()));
            let problem = slice
                .problem
                .map(|problem| format!("{}, {}, round {number}: {problem}", engine.name(), guard.name()));
            section.problems.extend(problem);
            round.push((guard, slice.load));
        }
        rounds.push(Round(round));
    }
    Ok(rounds)
}

fn slice(bench: &Bench, store: &Store, guard: Guard) -> Result<ServiceSlice, Failure> {
    let service = &bench.service;
    service.stock(store, SINGLES.products)?;
    let measured = |mut running: RunningService, caller: &Caller| {
        let outcome = running.measure_as(caller, &SINGLES, store, "", bench.options.timing())?;
        running.stop()?;
        Ok::<_, Failure>(outcome)
    };
    let (slice, created) = match guard {
        Guard::Nothing => measured(service.start("serve", store)?, &Caller::Anybody),
        Guard::Key => {
            let mut keys = service.earmark(store);
            keys.args(["keys", "create", "--name", "bench", "--role", "sales"]);
            let key = bench.programs.run("keys", &mut keys, KEY_LIMIT)?;
            measured(service.start("serve", store)?, &Caller::Holder(key.trim().to_owned()))
        }
        Guard::Encryption => {
            let certificate = Certificate::make(&bench.programs)?;
            measured(
                service.start_encrypted("serve", store, &certificate)?,
                &Caller::Encrypted,
            )
        }
        Guard::Idle => {
            let running = service.start("serve", store)?;
            let _idle = Idle::connect(&running.address, IDLE)?;
            measured(running, &Caller::Anybody)
        }
    }?;
    Ok(ServiceSlice {
        problem: service.audit(store, created, 2 * SINGLES.connections)?,
        ..slice
    })
}
