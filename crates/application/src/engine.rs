//! The engine: commands of many callers share one transaction (group commit).
//!
//! It keeps a few lanes, each a bounded queue. A lane takes what is waiting, up to a bound, joins the scopes, has the
//! commands decided one after the other on what the store reads, stores once, and answers each caller. One waiting
//! command is a group of one: nobody waits for company. While a group is being stored, the next may already follow it
//! (`lane`). Commands on one SKU share a lane, so they don't fight over its
//! lock; where they meet all the same (orders over several SKUs, other instances), the store's locks keep them right.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use earmark_domain::{Command, Occasion, Outcome, Promising};
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use crate::error::CommandError;
use crate::lane::{Entrance, Lane};
use crate::port::{Clock, Meter, Store};

/// What a caller is told.
pub type Answer = Result<Outcome, CommandError>;

/// Bounds of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Groups that are decided and stored side by side; at least 1. A store with one writer wants one.
    pub lanes: usize,
    /// The most commands that wait in one lane; at least 1. A full lane does not grow.
    pub queue: usize,
    /// How long a command waits for a place in a full lane, before its caller is told that the service is busy. So a rush
    /// of a moment is served and not turned away, and whoever is turned away does not ask again in the same instant. Those
    /// at the door are no more than the connections they came by.
    pub patience: Duration,
    /// The most order lines, or other commands, that share a transaction; at least 1. Bounds how long a transaction
    /// holds its locks, and how long a caller waits for its neighbours. A single order may be larger and then goes
    /// alone; commands of a stream, which nobody waits for one by one, share it with four times as many of their like.
    pub group: usize,
    /// What the shop has settled about its promises.
    pub promising: Promising,
}

impl Default for EngineSettings {
    /// One lane of at most 1,024 waiting commands, a quarter of a second for whoever finds it full, 128 to a transaction:
    /// beyond that a group gains nothing. A second lane halves the groups, and so has what a transaction costs whatever its size paid twice as often; it pays where a
    /// database has processors to spare.
    fn default() -> Self {
        Self {
            lanes: 1,
            queue: 1_024,
            patience: Duration::from_millis(250),
            group: 128,
            promising: Promising::default(),
        }
    }
}

/// A command with who asks for it.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// What is asked.
    pub command: Command,
    /// Who asks.
    pub actor: Arc<str>,
    /// The id of the request or message.
    pub correlation_id: Arc<str>,
    /// What is to be done with it.
    pub mode: Mode,
}

/// What is to be done with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Whether it is only decided on the present state, to see what it would come to: nothing of it is stored.
    pub preview: bool,
    /// The version of the product it is about that the caller has seen; `None`: whichever there is.
    pub if_version: Option<u64>,
}

impl Envelope {
    /// A command that the service itself gives, to be carried out.
    #[must_use]
    pub fn of_the_service(command: Command, about: &str) -> Self {
        Self {
            command,
            actor: Arc::from("earmark"),
            correlation_id: Arc::from(about),
            mode: Mode::default(),
        }
    }
}

/// Where the answer to a command goes.
pub(crate) type Reply = oneshot::Sender<Answer>;

/// A command in the queue, with where its answer goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) envelope: Envelope,
    pub(crate) reply: Reply,
    /// Whether it is one of a stream: nobody waits for it alone.
    pub(crate) streamed: bool,
}

/// What lanes and handles share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
    promising: Promising,
    /// The last instant handed out, in microseconds since the epoch.
    last_instant: AtomicI64,
    /// Told when a transaction left part of a backlog unserved.
    pub(crate) owed: Notify,
    draining: AtomicBool,
    next_stream: AtomicUsize,
}

impl Shared {
    /// The present instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The present, in microseconds as stores keep it, and later than any instant handed out before: lines placed one
    /// after the other have turns one after the other, even when the clock stands still or steps back.
    pub(crate) fn occasion(&self, envelope: &Envelope) -> Occasion {
        let now = self.clock.now().as_microsecond();
        let last = self
            .last_instant
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)))
            .unwrap_or_else(|last| last);
        Occasion {
            now: Timestamp::from_microsecond(now.max(last + 1)).unwrap_or(Timestamp::MAX),
            actor: envelope.actor.clone(),
            correlation_id: envelope.correlation_id.clone(),
            promising: self.promising,
        }
    }
}

/// The handle that commands are given to. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    lanes: Arc<[Entrance]>,
    patience: Duration,
}

impl Engine {
    /// An engine, and its lanes for the caller to run on a runtime of its choice.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
        settings: EngineSettings,
    ) -> (Self, Vec<Lane>) {
        let shared = Arc::new(Shared {
            store,
            meter,
            clock,
            promising: settings.promising,
            last_instant: AtomicI64::new(0),
            owed: Notify::new(),
            draining: AtomicBool::new(false),
            next_stream: AtomicUsize::new(0),
        });
        let (entrances, lanes): (Vec<_>, Vec<_>) = (0..settings.lanes.max(1))
            .map(|number| Lane::new(number, &settings, Arc::clone(&shared)))
            .unzip();
        let engine = Self {
            shared,
            lanes: entrances.into(),
            patience: settings.patience,
        };
        (engine, lanes)
    }

    /// Runs one command and answers once its transaction is stored.
    ///
    /// Dropping the future does not tear anything: the command is then either stored whole or not run at all.
    ///
    /// # Errors
    /// [`CommandError`]: refused by the rules, or `Busy` when its lane stays full, or the store's fault.
    pub async fn execute(&self, envelope: Envelope) -> Answer {
        let name = envelope.command.name();
        let (reply, answer) = oneshot::channel();
        let lane = &self.lanes[self.lane_of(&envelope.command)];
        let job = Job {
            envelope,
            reply,
            streamed: false,
        };
        let error = match lane.enter_within(self.patience, self.shared.clock.as_ref(), job).await {
            Ok(()) => return answer.await.unwrap_or(Err(CommandError::ShuttingDown)),
            Err(error) => error,
        };
        self.shared.meter.answered(name, error.code(), 1);
        Err(error)
    }

    /// A stream of commands that are decided strictly in the order they are submitted, whatever they touch.
    #[must_use]
    pub fn ordered(&self) -> OrderedStream {
        let number = self.shared.next_stream.fetch_add(1, Ordering::Relaxed);
        OrderedStream {
            lane: self.lanes[number % self.lanes.len()].clone(),
        }
    }

    /// Takes no new commands; what waits is still decided, stored and answered. The lanes end when they are empty.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        for lane in self.lanes.iter() {
            lane.close().await;
        }
    }

    /// Whether the engine takes no new commands any more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Waits until a transaction has left part of a backlog unserved.
    pub async fn backlog_owed(&self) {
        self.shared.owed.notified().await;
    }

    /// The lane of a command: that of the first thing it names, so that commands on one SKU share a lane.
    fn lane_of(&self, command: &Command) -> usize {
        let lanes = self.lanes.len() as u64;
        if lanes == 1 {
            return 0;
        }
        let hash = BuildHasherDefault::<DefaultHasher>::default();
        let code = hash.hash_one(command.foremost_name());
        usize::try_from(code % lanes).expect("a number of lanes is a usize")
    }
}

/// Commands decided strictly in the order they are submitted. A full lane makes the submitter wait instead of
/// answering busy: the pressure goes back to whoever sends the stream.
pub struct OrderedStream {
    lane: Entrance,
}

impl OrderedStream {
    /// Queues a command behind those submitted before; waits for a place in the lane.
    pub async fn submit(&self, envelope: Envelope) -> Ticket {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            envelope,
            reply,
            streamed: true,
        };
        self.lane.enter(job).await;
        Ticket { answer }
    }
}

/// A place in the queue, to be redeemed for the answer.
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// The answer, once the command's transaction is stored. It is there once: a ticket is redeemed once. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// As [`Engine::execute`], but never `Busy` for want of a place in the queue.
    pub async fn answer(&mut self) -> Answer {
        let answer = (&mut self.answer).await;
        answer.unwrap_or(Err(CommandError::ShuttingDown))
    }

    /// The answer, if the command's transaction is stored already.
    pub fn answered(&mut self) -> Option<Answer> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(CommandError::ShuttingDown)),
        }
    }
}
