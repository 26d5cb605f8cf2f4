//! What must hold: each call is answered in time, by the terms of the fault that it met; the service recovers, its memory
//! is bounded, and everything that it acknowledged is there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use earmark_tests::history::{Expectations, Known, check_balances, wait_until_served};
use earmark_tests::service::{Client, Desk, until};
use reqwest::Method;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faults::{Callers, Fault};
use crate::load::{Call, Heard, History};

/// How long a caller waits at most while nothing that it needs is at fault. An answer takes milliseconds: the rest is for a
/// busy machine.
pub(crate) const SERVED_WITHIN: Duration = Duration::from_secs(1);

/// How long a caller waits at most while the service can't serve it: then it hears 503.
pub(crate) const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// The first answer after a fault is told within the time of the fault; this much comes on top on a busy machine.
const TOLERANCE: Duration = Duration::from_millis(500);

/// How long the service may take to be ready after a fault is over.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// The most memory that the service may have, in KiB.
const MOST_MEMORY: u64 = 128 * 1024;

/// Faults of the service that are told one by one; of more only the number.
const TOLD: usize = 20;

/// The time of one fault.
pub(crate) struct Window {
    /// The fault.
    pub(crate) fault: &'static Fault,
    /// When it began.
    pub(crate) began: Instant,
    /// When it was over, and the service had recovered.
    pub(crate) ended: Instant,
    /// How long the service took to be ready once it was over.
    pub(crate) recovery: Duration,
}

impl Window {
    fn meets(&self, call: &Call) -> bool {
        call.sent <= self.ended && call.ended >= self.began
    }
}

/// The figures of one fault, or of the time without.
#[derive(Debug, Default)]
struct Row {
    times: usize,
    calls: usize,
    refused: usize,
    unanswered: usize,
    slowest: Duration,
    recovery: Duration,
}

/// What the run has shown.
pub(crate) struct Checks {
    rows: BTreeMap<&'static str, Row>,
    memory: u64,
    /// What should not have been.
    pub(crate) faults: Vec<String>,
}

impl Checks {
    /// Judges each call by the fault that it met.
    pub(crate) fn of(windows: &[Window], history: &History) -> Self {
        let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
        let mut faults = Vec::new();
        for window in windows {
            let row = rows.entry(window.fault.name).or_default();
            row.times += 1;
            row.recovery = row.recovery.max(window.recovery);
            if window.recovery > READY_WITHIN {
                faults.push(format!("{}: ready after {:.1?}", window.fault.name, window.recovery));
            }
        }
        for call in history.diaries.iter().flat_map(|diary| &diary.calls) {
            // A call that meets two is judged by the one that allows more.
            let met = windows.iter().filter(|window| window.meets(call));
            let met = met
                .map(|window| window.fault)
                .max_by_key(|fault| (fault.callers, fault.wait));
            let name = met.map_or("(none)", |fault| fault.name);
            let (mut callers, mut wait) = met.map_or((Callers::Served, SERVED_WITHIN), |it| (it.callers, it.wait));
            if call.locked {
                // A fault may concern this product.
                callers = callers.max(Callers::SendAgain);
                wait = wait.max(TOLD_WITHIN);
            }
            let took = call.ended - call.sent;
            let row = rows.entry(name).or_default();
            row.calls += 1;
            row.slowest = row.slowest.max(took);
            let allowed = match call.heard {
                Heard::Answer => Callers::Served,
                Heard::SendAgain { says_when } => {
                    row.refused += 1;
                    if !says_when {
                        faults.push(format!("{name}: a 503 without Retry-After"));
                    }
                    Callers::SendAgain
                }
                Heard::Nothing => {
                    row.unanswered += 1;
                    Callers::CutOff
                }
            };
            if allowed > callers {
                faults.push(format!("{name}: a caller heard {:?} after {took:.1?}", call.heard));
            }
            if took > wait + TOLERANCE {
                faults.push(format!("{name}: a caller waited {took:.1?}, more than {wait:.1?}"));
            }
        }
        if history.memory > MOST_MEMORY {
            faults.push(format!("memory: {} KiB, more than {MOST_MEMORY}", history.memory));
        }
        if faults.len() > TOLD {
            let more = faults.len() - TOLD;
            faults.truncate(TOLD);
            faults.push(format!("and {more} more"));
        }
        Self {
            rows,
            memory: history.memory,
            faults,
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>16} {:>5} {:>7} {:>6} {:>10} {:>11} {:>11}",
            "fault", "times", "calls", "503", "unanswered", "slowest ms", "ready ms"
        )?;
        for (name, row) in &self.rows {
            writeln!(
                f,
                "{name:>16} {:>5} {:>7} {:>6} {:>10} {:>11} {:>11}",
                row.times,
                row.calls,
                row.refused,
                row.unanswered,
                row.slowest.as_millis(),
                row.recovery.as_millis()
            )?;
        }
        write!(f, "{:>16} {} MiB", "most memory", self.memory / 1024)
    }
}

/// Waits until the service says that it is ready.
pub(crate) async fn until_ready(client: &Client, after: &str) {
    until(&format!("the service is ready after {after}"), async || {
        let ready = client.try_send(Method::GET, "/health/ready", &[], Vec::new()).await;
        ready.is_ok_and(|reply| reply.status == 200).then_some(())
    })
    .await;
}

/// Checks that what was acknowledged is there, and nothing in part.
pub(crate) async fn history(history: &History, desk: &Desk) {
    wait_until_served(desk).await;
    let mut checked = JoinSet::new();
    for diary in &history.diaries {
        let expectations = Expectations::of(&diary.entries, Known::Unknown);
        let client = desk.service.client();
        checked.spawn(async move { expectations.check(&client).await });
    }
    checked.join_all().await;
    check_balances(desk).await;
}
