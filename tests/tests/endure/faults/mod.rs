//! The faults: a table of them, and the site where they happen.

mod clients;
mod database;
mod machine;
mod work;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::machine::{Disk, WrongClock};
use earmark_tests::databases::OwnPostgres;
use earmark_tests::service::{Desk, signal};
use fastrand::Rng;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::checks::{SERVED_WITHIN, TOLD_WITHIN};
use crate::load::Running;

/// The shortest and the longest time of a fault that lasts, in milliseconds.
const LASTS: std::ops::RangeInclusive<u64> = 1_000..=3_000;

/// Which database a fault happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Any,
    Sqlite,
    Postgres,
}

/// What callers of other products may hear at most while a fault lasts. Later ones include earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callers {
    /// Answers, as ever.
    Served,
    /// To send again later.
    SendAgain,
    /// Nothing: their connections break.
    CutOff,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    LockRow,
    LockTable,
    EndConnections,
    FreezeBackends,
    FreezeServer,
    CrashServer,
    HoldWriter,
    FreezeService,
    KillService,
    EndService,
    HalfHeads,
    DeafStreams,
    DeafBulk,
    LineEnds,
    Leavers,
    EndsOfHolds,
    LostBatch,
    StepClock,
    FillDisk,
}

/// A fault with its terms.
pub(crate) struct Fault {
    /// Its name in the table and in `--without`.
    pub(crate) name: &'static str,
    /// Where it happens.
    pub(crate) on: On,
    /// What happens.
    pub(crate) kind: Kind,
    /// What callers of other products hear at most.
    pub(crate) callers: Callers,
    /// How long they wait at most.
    pub(crate) wait: Duration,
}

const fn fault(name: &'static str, on: On, kind: Kind, callers: Callers, wait: Duration) -> Fault {
    Fault {
        name,
        on,
        kind,
        callers,
        wait,
    }
}

/// Every fault. Each lasts for some seconds, ends by itself, and leaves nothing behind.
pub(crate) const FAULTS: &[Fault] = &[
    // Another program locks the row of one product.
    fault("lock-row", On::Postgres, Kind::LockRow, Callers::Served, SERVED_WITHIN),
    // Another program locks all products.
    fault(
        "lock-table",
        On::Postgres,
        Kind::LockTable,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // An operator ends the connections of the service.
    fault(
        "end-connections",
        On::Postgres,
        Kind::EndConnections,
        Callers::SendAgain,
        SERVED_WITHIN,
    ),
    // The server processes of the service stand still, then go on.
    fault(
        "freeze-backends",
        On::Postgres,
        Kind::FreezeBackends,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // The whole server stands still, then goes on.
    fault(
        "freeze-server",
        On::Postgres,
        Kind::FreezeServer,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // The server crashes and is started again.
    fault(
        "crash-server",
        On::Postgres,
        Kind::CrashServer,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // Another program holds the one write transaction of the file.
    fault(
        "hold-writer",
        On::Sqlite,
        Kind::HoldWriter,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // The service stands still, then goes on.
    fault(
        "freeze-service",
        On::Any,
        Kind::FreezeService,
        Callers::SendAgain,
        TOLD_WITHIN,
    ),
    // The service is killed and started again.
    fault("kill-service", On::Any, Kind::KillService, Callers::CutOff, TOLD_WITHIN),
    // The service is asked to end, and started again.
    fault("end-service", On::Any, Kind::EndService, Callers::CutOff, TOLD_WITHIN),
    // Clients send half the head of a request, and wait.
    fault("half-heads", On::Any, Kind::HalfHeads, Callers::Served, SERVED_WITHIN),
    // Clients ask for the stream of events, and never read.
    fault(
        "deaf-streams",
        On::Any,
        Kind::DeafStreams,
        Callers::Served,
        SERVED_WITHIN,
    ),
    // Clients send commands without end, and never read the answers. They may fill the queue, which a build without
    // optimisations takes seconds to empty.
    fault("deaf-bulk", On::Any, Kind::DeafBulk, Callers::SendAgain, TOLD_WITHIN),
    // Clients send line ends without end.
    fault("line-ends", On::Any, Kind::LineEnds, Callers::Served, SERVED_WITHIN),
    // Callers leave before they are answered, or before they have asked.
    fault("leavers", On::Any, Kind::Leavers, Callers::Served, SERVED_WITHIN),
    // Many holds on one product end within a second.
    fault(
        "ends-of-holds",
        On::Any,
        Kind::EndsOfHolds,
        Callers::Served,
        SERVED_WITHIN,
    ),
    // A batch with many lines is cancelled, put off or received.
    fault("lost-batch", On::Any, Kind::LostBatch, Callers::Served, SERVED_WITHIN),
    // The clock of the service steps by a second, an hour, a day or a year, and back.
    fault("step-clock", On::Any, Kind::StepClock, Callers::Served, SERVED_WITHIN),
    // The disk with the file and its log is full.
    fault("fill-disk", On::Sqlite, Kind::FillDisk, Callers::SendAgain, TOLD_WITHIN),
];

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Clients that misbehave together.
    clients: usize,
    /// Holds that end together.
    holds: usize,
    /// Lines of a batch.
    lines: usize,
}

impl Sizes {
    /// For a run that others wait for.
    pub(crate) const SHORT: Self = Self {
        clients: 16,
        holds: 300,
        lines: 300,
    };

    /// For a run of minutes.
    pub(crate) const LONG: Self = Self {
        clients: 64,
        holds: 3_000,
        lines: 3_000,
    };
}

/// Where the faults happen.
pub(crate) struct Site {
    /// The service and its database.
    pub(crate) desk: Desk,
    /// The PostgreSQL server, if it is one.
    pub(crate) server: Option<Arc<OwnPostgres>>,
    /// Tells the clients which service runs.
    pub(crate) running: watch::Sender<Running>,
    /// Decides what happens.
    pub(crate) rng: Rng,
    /// The faults so far: part of the names that they use.
    pub(crate) serial: usize,
    /// How much is done at once.
    pub(crate) sizes: Sizes,
    /// The clock of the service, if the test can set it.
    pub(crate) clock: Option<WrongClock>,
    /// The disk of the database, if the test can fill it. Dropped after the service.
    pub(crate) disk: Option<Disk>,
}

/// Processes that stand still until this is dropped.
struct Frozen(Vec<u32>);

impl Frozen {
    fn of(pids: Vec<u32>) -> Self {
        let frozen = Self(pids);
        assert!(signal("STOP", &frozen.0[..1]), "the process runs");
        // Those after the first may end meanwhile.
        let _ = signal("STOP", &frozen.0);
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = signal("CONT", &self.0);
    }
}

impl Site {
    /// Whether a fault can be made here.
    pub(crate) const fn can_make(&self, kind: Kind) -> bool {
        match kind {
            Kind::StepClock => self.clock.is_some(),
            Kind::FillDisk => self.disk.is_some(),
            _ => true,
        }
    }

    /// Creates what the faults need.
    pub(crate) async fn prepare(&self) {
        self.desk.buy("held", work::HELD, work::PLENTY).await;
        self.desk.buy("left", clients::LEFT, work::PLENTY).await;
    }

    /// Makes a fault happen, and waits until it is over.
    pub(crate) async fn make(&mut self, kind: Kind) {
        self.serial += 1;
        let lasts = Duration::from_millis(self.rng.u64(LASTS));
        match kind {
            Kind::LockRow => self.lock_row(lasts).await,
            Kind::LockTable => self.lock_table(lasts).await,
            Kind::EndConnections => self.end_connections().await,
            Kind::FreezeBackends => freeze(self.server().backends(), lasts).await,
            Kind::FreezeServer => freeze(self.server().processes(), lasts).await,
            Kind::CrashServer => {
                self.server().crash().await;
                self.server().launch().await;
            }
            Kind::HoldWriter => self.hold_writer(lasts).await,
            Kind::FreezeService => freeze(vec![self.desk.service.pid()], lasts).await,
            Kind::KillService => {
                self.desk.service.kill();
                self.restart().await;
            }
            Kind::EndService => {
                self.desk.service.terminate();
                let ended = self.desk.service.ended().await;
                assert_eq!(ended.code(), Some(0), "{}", self.desk.service.log());
                self.restart().await;
            }
            Kind::HalfHeads => self.half_heads(lasts).await,
            Kind::DeafStreams => self.deaf_streams(lasts).await,
            Kind::DeafBulk => self.deaf_bulk(lasts).await,
            Kind::LineEnds => self.line_ends(lasts).await,
            Kind::Leavers => self.leavers().await,
            Kind::EndsOfHolds => self.ends_of_holds().await,
            Kind::LostBatch => self.lost_batch().await,
            Kind::StepClock => self.step_clock().await,
            Kind::FillDisk => self.fill_disk(lasts).await,
        }
    }

    fn server(&self) -> &OwnPostgres {
        self.server.as_ref().expect("the fault is one of PostgreSQL")
    }

    async fn restart(&mut self) {
        self.desk.restart().await;
        self.running.send_replace(Running::of(&self.desk));
    }
}

/// Has processes stand still for a time. The first must be there.
async fn freeze(pids: Vec<u32>, lasts: Duration) {
    let frozen = Frozen::of(pids);
    sleep(lasts).await;
    drop(frozen);
}
