//! What the engine's handles and lanes share: the ports, and what background jobs wait for.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use earmark_domain::{DecisionContext, Promising};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::locked_products::LockedProducts;
use crate::access::{AccessDecision, Caller, Denied};
use crate::access_recorder::AccessRecorder;
use crate::answer::CommandError;
use crate::envelope::Envelope;
use crate::ports::{Clock, Meter, Store, Worklist};

/// Bounds of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Groups that are decided and stored side by side; at least 1. A store with one writer wants one.
    pub lanes: usize,
    /// The most commands that wait in one lane; at least 1. A full lane does not grow.
    pub queue: usize,
    /// How long a command waits for room in a full queue before its caller gets busy. A short rush is served rather than
    /// refused, and a refused caller does not retry in the same instant. The callers that wait are bounded by the
    /// connections they came by.
    pub queue_timeout: Duration,
    /// The most order lines, or other commands, that share a transaction; at least 1. Bounds how long a transaction
    /// holds its locks, and how long a caller waits for its neighbours. A single larger order goes alone; commands of a
    /// stream, which no caller waits for one by one, share a transaction with four times as many.
    pub group: usize,
    /// How long a caller waits for the answer to a command before it hears that the store does not answer. It holds
    /// whatever the store does; the command may still be stored, and sending it again is safe.
    pub answer_timeout: Duration,
    /// The shop's rules of promising.
    pub promising: Promising,
}

impl Default for EngineSettings {
    /// One lane of at most 1,024 waiting commands, a quarter of a second of queue timeout, an answer within four seconds
    /// and a half, 128 commands to a transaction: a larger group gains nothing. A second lane halves the groups and so pays the fixed cost of a
    /// transaction twice as often; it pays off where the database has processors to spare.
    fn default() -> Self {
        Self {
            lanes: 1,
            queue: 1_024,
            queue_timeout: Duration::from_millis(250),
            group: 128,
            answer_timeout: Duration::from_millis(4_500),
            promising: Promising::default(),
        }
    }
}

/// What handles and lanes share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) worklist: Arc<dyn Worklist>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meter: Arc<dyn Meter>,
    promising: Promising,
    /// Notified when a transaction left work on a product to be continued.
    pub(crate) work_pending: Notify,
    /// Notified when a group left due holds that it had no time to expire.
    pub(crate) holds_due: Notify,
    /// Notified when a transaction has stored events.
    pub(crate) events_stored: Arc<Notify>,
    pub(crate) draining: AtomicBool,
    pub(crate) next_stream: AtomicUsize,
    /// The products that others have locked.
    pub(crate) locked_products: LockedProducts,
    /// How many transactions failed because the store did not answer.
    store_failures: AtomicU64,
    /// Records the commands that who asks may not run.
    pub(crate) recorder: OnceLock<Arc<AccessRecorder>>,
}

impl Shared {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        worklist: Arc<dyn Worklist>,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
        promising: Promising,
    ) -> Self {
        Self {
            store,
            worklist,
            clock,
            meter,
            promising,
            work_pending: Notify::new(),
            holds_due: Notify::new(),
            events_stored: Arc::default(),
            draining: AtomicBool::new(false),
            next_stream: AtomicUsize::new(0),
            locked_products: LockedProducts::default(),
            store_failures: AtomicU64::new(0),
            recorder: OnceLock::new(),
        }
    }

    /// A transaction failed because the store did not answer.
    pub(crate) fn count_store_failure(&self) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// How many did so far: a group during which the number stands still has got on.
    pub(crate) fn store_failures(&self) -> u64 {
        self.store_failures.load(Ordering::Relaxed)
    }

    /// Logs, records and counts a command that who asks may not run.
    pub(crate) fn denies(&self, envelope: &Envelope, denied: Denied) -> CommandError {
        self.record(envelope, (&denied).into());
        let error = CommandError::from(denied);
        self.meter.answered(envelope.command.name(), error.code(), 1);
        error
    }

    /// Records that who asks may not run a command.
    pub(crate) fn record(&self, envelope: &Envelope, decision: AccessDecision) {
        let command = envelope.command.name();
        tracing::info!(
            principal = %envelope.principal,
            command,
            needs = decision.needs().map(tracing::field::display),
            request_id = %envelope.correlation_id,
            "{decision}"
        );
        if let Some(recorder) = self.recorder.get() {
            let caller = Caller::from(&envelope.principal);
            recorder.refused(caller, command, decision, &envelope.correlation_id);
        }
    }

    /// The current instant, in the microseconds that stores keep.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        // Every instant is a whole number of microseconds and a rest.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// The context of a command that is decided at an instant.
    pub(crate) fn decision_context(&self, envelope: &Envelope, now: Timestamp) -> DecisionContext {
        DecisionContext {
            now,
            today: self.clock.day_of(now),
            actor: envelope.principal.name().clone(),
            correlation_id: envelope.correlation_id.clone(),
            promising: self.promising,
        }
    }
}
