//! Endurance: faults happen at random to a service under load, which goes on serving.
//!
//! `cargo xtask endure --minutes N` runs this alone; in all other runs it has a short form of some seconds a database.
//! [`faults`] has the table of faults, [`load`] the clients whose answers are recorded, [`checks`] what must hold. The
//! faults come one at a time, in an order that the seed decides; the seed is printed.
//!
//! Two kinds of faults need more than others have. A clock that steps needs libfaketime (the Debian package `faketime`);
//! a full disk needs a file system of its own, which only root can mount. Where they can't be made the run says so.

mod checks;
mod faults;
mod load;

use std::env;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use earmark_tests::databases::{Database, Db, OwnPostgres, SqliteDatabase};
use earmark_tests::service::{Desk, earmark};
use fastrand::Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::checks::{Checks, Window};
use crate::faults::{Disk, FAULTS, Fault, On, Site, Sizes, WrongClock};
use crate::load::{Load, Running};

/// How long a run is in minutes; the short form without it.
const MINUTES: &str = "EARMARK_ENDURE_MINUTES";

/// The seed.
const SEED: &str = "EARMARK_ENDURE_SEED";

/// The names of the faults that are left out, separated by commas.
const WITHOUT: &str = "EARMARK_ENDURE_WITHOUT";

/// How long the short form is.
const SHORT: Duration = Duration::from_secs(20);

/// The seed of the short form: the same faults in the same order in every run.
const SHORT_SEED: u64 = 1;

/// After a fault: what waited meanwhile is worked off, under the terms of the fault.
const SETTLE: Duration = Duration::from_secs(1);

/// Between two faults: no fault excuses anything.
const CALM: Duration = Duration::from_millis(500);

/// A variable of the environment.
fn variable<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    let parsed = value.parse().ok();
    assert!(parsed.is_some(), "{name} can't be {value:?}");
    parsed
}

/// The faults that can happen to a database, without those that are switched off.
fn chosen(on: On) -> Vec<&'static Fault> {
    let without = env::var(WITHOUT).unwrap_or_default();
    let without: Vec<&str> = without.split(',').filter(|name| !name.is_empty()).collect();
    for name in &without {
        assert!(
            FAULTS.iter().any(|fault| fault.name == *name),
            "no fault has the name {name:?}; there are {:?}",
            FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>()
        );
    }
    let happens = |fault: &&Fault| (fault.on == On::Any || fault.on == on) && !without.contains(&fault.name);
    FAULTS.iter().filter(happens).collect()
}

/// Runs the load and the faults, then checks.
#[expect(clippy::print_stdout, reason = "the seed and the figures are what the run is for")]
async fn endure(database: Db, server: Option<Arc<OwnPostgres>>, disk: Option<Disk>) {
    let minutes: Option<u32> = variable(MINUTES);
    let length = minutes.map_or(SHORT, |minutes| Duration::from_secs(60) * minutes);
    let seed = variable(SEED).unwrap_or(if minutes.is_some() {
        fastrand::u64(..)
    } else {
        SHORT_SEED
    });
    let on = if server.is_some() { On::Postgres } else { On::Sqlite };
    println!("{on:?}: {} s, seed {seed}", length.as_secs());

    let clock = WrongClock::find();
    let variables = clock.as_ref().map(WrongClock::variables).unwrap_or_default();
    let desk = Desk::open_with(database, variables).await;
    let (running, watched) = watch::channel(Running::of(&desk));
    let mut site = Site {
        desk,
        server,
        running,
        rng: Rng::with_seed(seed),
        serial: 0,
        sizes: if minutes.is_some() { Sizes::LONG } else { Sizes::SHORT },
        clock,
        disk,
    };
    let possible = |fault: &&'static Fault| site.can_make(fault.kind);
    let (faults, left_out): (Vec<_>, Vec<_>) = chosen(on).into_iter().partition(possible);
    for fault in left_out {
        println!("{:>16}: left out, it can't be made here", fault.name);
    }
    site.prepare().await;
    let load = Load::begin(&site.desk, &watched).await;
    let mut windows: Vec<Window> = Vec::new();
    let end = Instant::now() + length;
    let mut deck: Vec<&Fault> = Vec::new();
    sleep(CALM).await;
    while Instant::now() < end {
        let Some(fault) = deck.pop() else {
            deck.clone_from(&faults);
            assert!(!deck.is_empty(), "all faults are switched off");
            site.rng.shuffle(&mut deck);
            continue;
        };
        let began = Instant::now();
        site.make(fault.kind).await;
        let over = Instant::now();
        checks::until_ready(&site.desk, fault.name).await;
        let recovery = over.elapsed();
        println!("{:>16}: {:.1?}, ready after {recovery:.1?}", fault.name, over - began);
        sleep(SETTLE).await;
        windows.push(Window {
            fault,
            began,
            ended: Instant::now(),
            recovery,
        });
        sleep(CALM).await;
    }
    let Site { desk, server, disk, .. } = site;
    let history = load.end().await;
    let checks = Checks::of(&windows, &history);
    println!("{checks}");
    checks::history(&history, &desk).await;
    drop(earmark(&desk.db.url(), &["verify"]).await.succeeded());
    assert!(checks.faults.is_empty(), "seed {seed}:\n{}", checks.faults.join("\n"));
    drop((desk, server, disk));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_at_random_on_sqlite_lose_nothing_and_delay_nobody_else() {
    let disk = Disk::mount();
    let database = match &disk {
        Some(disk) => SqliteDatabase::within(disk.path()),
        None => SqliteDatabase::fresh().await,
    };
    endure(Arc::new(database), None, disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_at_random_on_postgres_lose_nothing_and_delay_nobody_else() {
    let server = Arc::new(OwnPostgres::start().await);
    endure(server.clone(), Some(server), None).await;
}
