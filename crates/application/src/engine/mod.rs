//! The engine: commands of many callers share one transaction (group commit).
//!
//! It keeps a few lanes, each a bounded queue. A lane takes what is waiting, up to a bound, joins the scopes, has the
//! commands decided one after the other on what the store loads, stores once, and answers each caller. One waiting
//! command is a group of one: no caller waits for company. While a group is being stored, the next can be pipelined
//! behind it ([`lane`]). Commands on one SKU share a lane, so they don't contend for its lock; where they meet all the
//! same (orders over several SKUs, other instances), the store's locks keep them right.

mod decide;
mod group;
mod hints;
mod holds;
mod job;
mod lane;
mod locked_products;
mod pending_work;
mod progress;
mod queue;
mod shared;
mod transaction;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_domain::Command;
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};
use tracing::Instrument;
use tracing::field::Empty;

use crate::access::{Action, may};
use crate::access_recorder::AccessRecorder;
use crate::answer::{Answer, CommandError};
use crate::envelope::{Envelope, is_trace_context};
use crate::ports::{Clock, Meter, Store, Worklist};
use job::Job;
use progress::Progress;
use queue::LaneQueue;
use shared::Shared;

pub(crate) use holds::page_of_due_holds;
pub use lane::Lane;
pub use queue::QueueDepth;
pub use shared::EngineSettings;

/// The target of spans that are made for a collector of traces and no log. At the level of trace: without a collector they
/// cost a look at a number.
const TRACES: &str = "earmark::traces";

/// The handle that commands are given to. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    lanes: Arc<[LaneQueue]>,
    /// One for each lane.
    progress: Arc<[Arc<Progress>]>,
    queue_timeout: Duration,
    answer_timeout: Duration,
}

impl Engine {
    /// An engine, and its lanes for the caller to run on a runtime of its choice.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        worklist: Arc<dyn Worklist>,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
        settings: EngineSettings,
    ) -> (Self, Vec<Lane>) {
        let shared = Arc::new(Shared::new(store, worklist, clock, meter, settings.promising));
        let progress: Arc<[Arc<Progress>]> = (0..settings.lanes.max(1)).map(|_| Arc::default()).collect();
        let (queues, lanes): (Vec<_>, Vec<_>) = progress
            .iter()
            .enumerate()
            .map(|(number, progress)| Lane::new(number, &settings, Arc::clone(&shared), Arc::clone(progress)))
            .unzip();
        let engine = Self {
            shared,
            lanes: queues.into(),
            progress,
            queue_timeout: settings.queue_timeout,
            answer_timeout: settings.answer_timeout,
        };
        (engine, lanes)
    }

    /// The same, which records the commands that it forbids.
    #[must_use]
    pub fn recording(self, recorder: Arc<AccessRecorder>) -> Self {
        self.shared.recorder.get_or_init(|| recorder);
        self
    }

    /// Runs one command and answers once its transaction is stored.
    ///
    /// Dropping the future does not tear anything: the command is then either stored whole or not run at all.
    ///
    /// # Errors
    /// [`CommandError`]: who asks may not, or it is refused by the rules, or `Busy` when its lane stays full, or a fault of the store. Without an
    /// answer of the store in time it is `Unavailable`, and the command may still be stored.
    pub async fn execute(&self, envelope: Envelope) -> Answer {
        let name = envelope.command.name();
        let id = &envelope.correlation_id;
        // In a request it is below the span of that, which knows the caller's trace, too.
        let span = tracing::trace_span!(
            target: TRACES,
            "command",
            otel.name = name,
            otel.status_code = Empty,
            earmark.request_id = %id,
            earmark.refused = Empty,
            traceparent = is_trace_context(id).then_some(&**id),
        );
        let answer = self.run(name, envelope).instrument(span.clone()).await;
        if let Err(error) = &answer {
            span.record("earmark.refused", error.code());
            if matches!(error, CommandError::Unavailable | CommandError::Internal) {
                span.record("otel.status_code", "ERROR");
            }
        }
        answer
    }

    async fn run(&self, name: &'static str, envelope: Envelope) -> Answer {
        if let Err(denied) = may(&envelope.principal, Action::Command(&envelope.command)) {
            return Err(self.shared.denies(&envelope, denied));
        }
        let (reply, answer) = oneshot::channel();
        let lane = &self.lanes[self.lane_of(&envelope.command)];
        let job = Job {
            envelope,
            reply,
            streamed: false,
            room: None,
        };
        let error = match lane
            .send_within(self.queue_timeout, self.shared.clock.as_ref(), job)
            .await
        {
            Ok(()) => {
                tokio::select! {
                    biased;
                    answer = answer => return answer.unwrap_or(Err(CommandError::ShuttingDown)),
                    () = self.shared.clock.pause(self.answer_timeout) => CommandError::Unavailable,
                }
            }
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
            shared: Arc::clone(&self.shared),
        }
    }

    /// Takes no new commands; what waits is still decided, stored and answered. The lanes end when they are empty.
    pub async fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        for lane in self.lanes.iter() {
            lane.close().await;
        }
    }

    /// For how long the lane that got on least has had work without getting on with it, because the store does not
    /// answer; `None`: there is no work. It costs a look at each lane.
    #[must_use]
    pub fn stalled_for(&self) -> Option<Duration> {
        let now = self.shared.clock.monotonic();
        let lanes = self.progress.iter();
        lanes.filter_map(|progress| progress.stalled_for(now)).max()
    }

    /// The queue of each lane, as it is now.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueDepth> {
        self.lanes.iter().map(LaneQueue::depth).collect()
    }

    /// Whether the engine has stopped taking new commands.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Waits until a transaction has left work on a product to be continued.
    pub async fn work_pending(&self) {
        self.shared.work_pending.notified().await;
    }

    /// Notified when a transaction has stored events. Of many who wait for it, one is woken.
    #[must_use]
    pub fn events_stored(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.events_stored)
    }

    /// Waits until a group has left due holds that it had no time to expire.
    pub async fn holds_due(&self) {
        self.shared.holds_due.notified().await;
    }

    /// The current instant of the clock that decisions are taken by, in microseconds.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.now()
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
/// answering busy: the backpressure reaches the sender of the stream.
pub struct OrderedStream {
    lane: LaneQueue,
    shared: Arc<Shared>,
}

impl OrderedStream {
    /// Queues a command behind those submitted before; waits for room in the lane.
    pub async fn submit(&self, envelope: Envelope) -> Ticket {
        let (reply, answer) = oneshot::channel();
        if let Err(denied) = may(&envelope.principal, Action::Command(&envelope.command)) {
            let error = self.shared.denies(&envelope, denied);
            reply.send(Err(error)).expect("the receiver is here");
            return Ticket { answer };
        }
        let job = Job {
            envelope,
            reply,
            streamed: true,
            room: None,
        };
        self.lane.send_streamed(job).await;
        Ticket { answer }
    }
}

/// The pending answer to a submitted command.
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// The answer, once the command's transaction is stored. To be asked for once. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Engine::execute`], but never `Busy` for want of room in the queue.
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
