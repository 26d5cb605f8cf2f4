//! Litestream beside SQLite under load: both are killed at once, and the books are restored from its replica.
//!
//! `cargo xtask endure --litestream --minutes N` runs it for as long as you say, and shows what was lost.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use earmark_tests::service::{Service, earmark, in_time, until};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::load::{Callers, Restored, now, stock};

/// Names the program; else it is looked for on the search path.
const PROGRAM: &str = "EARMARK_TEST_LITESTREAM";

/// How long the load goes on, in minutes; the short form without it.
const MINUTES: &str = "EARMARK_ENDURE_MINUTES";
const SHORT: Duration = Duration::from_secs(6);

/// Between two calls of a caller: in the short form, and in one that fills the file for minutes.
const PAUSE: Duration = Duration::from_millis(50);
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// What may be lost: it copies once a second, and the machine may be busy.
const MOST_LOST: Duration = Duration::from_secs(10);

fn litestream() -> Command {
    Command::new(env::var_os(PROGRAM).unwrap_or_else(|| "litestream".into()))
}

/// It runs until it is dropped.
struct Replicating(Child);

impl Replicating {
    fn start(database: &Path, replica: &str) -> Self {
        let mut command = litestream();
        command.arg("replicate").arg(database).arg(replica).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("it starts: `cargo xtask test` installs it"))
    }
}

impl Drop for Replicating {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn litestream_brings_back_a_prefix_after_both_were_killed() {
    let minutes = env::var(MINUTES).ok().and_then(|minutes| u64::from_str(&minutes).ok());
    let length = minutes.map_or(SHORT, |minutes| Duration::from_secs(60 * minutes));
    let pause = if minutes.is_some() { LONG_PAUSE } else { PAUSE };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = folder.path().join("shop.db");
    let url = format!("sqlite:{}", database.display());
    let replica = format!("file://{}", folder.path().join("replica").display());
    let mut service = Service::start(&url).await;
    stock(&service.client()).await;
    let replicating = Replicating::start(&database, &replica);
    let place = folder.path().join("replica");
    until("it has begun", async || place.exists().then_some(())).await;
    let callers = Callers::begin("order", &service, pause);
    // At any moment of its second.
    sleep(length + Duration::from_millis(fastrand::u64(..2_000))).await;
    drop(replicating);
    service.kill();
    let killed = now();
    let diary = callers.end().await;

    // The disk is still there, so the books themselves tell what was acknowledged.
    let service = Service::start(&url).await;
    let all = service.client().events().await;
    drop(service);
    let restored = folder.path().join("restored.db");
    let mut restore = litestream();
    restore
        .arg("restore")
        .arg("-o")
        .arg(&restored)
        .arg(&replica)
        .stdout(Stdio::null());
    let done = in_time("the restore", spawn_blocking(move || restore.status())).await;
    assert!(
        done.expect("it is awaited").is_ok_and(|status| status.success()),
        "restored"
    );
    let restored = format!("sqlite:{}", restored.display());
    // It is complete without a log, which it can't say.
    let told = earmark(&restored, &["verify"]).await.ended_with(1).err;
    assert!(told.contains("is incomplete: the log that it was used with"), "{told}");
    drop(earmark(&restored, &["migrate", "--without-log"]).await.succeeded());
    let copy = Restored::of(&restored, &all).await;
    copy.is_of(&diary, killed - MOST_LOST, killed);
    let lost = copy.lost(&diary);
    let oldest = lost.iter().map(|lost| lost.answered).min();
    let seconds = oldest.and_then(|oldest| killed.duration_since(oldest).ok());
    eprintln!(
        "Litestream: {} orders acknowledged in {length:?}, {} calls not answered with 201 at the end, {} events of {} brought \
         back, {} acknowledged orders lost, the oldest {seconds:?} before the kill",
        diary.acknowledged.len(),
        diary.failed,
        copy.events.len(),
        all.len(),
        lost.len(),
    );
}
