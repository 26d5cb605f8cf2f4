//! A group's transaction: attempts, retries, and the answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use earmark_domain::{DecisionContext, NeedsAllBatches, Scope, Sku};
use tokio::sync::oneshot;

use super::decide::decide;
use super::hints::AllBatchesHints;
use super::holds::expire_due_holds;
use super::job::{Job, Reply};
use super::shared::Shared;
use crate::answer::{Answer, CommandError};
use crate::decision::{Decide, Decided, Undecided};
use crate::envelope::Envelope;
use crate::ports::{InFlight, InFlightSender};
use crate::store_error::StoreError;

/// How often a group is decided again when the state changed under it, before its callers get busy. With locking stores
/// conflicts are rare and a second attempt nearly always succeeds; the bound keeps a rival from starving a lane.
const MAX_ATTEMPTS: u32 = 8;

/// How often due holds are expired for a group before its decision keeps the instants it has. Up to then it is decided
/// later than the expiry, as it should be. Holds that end after its instants are not due at them, so from then on it gets
/// its turn, even in a shop in which a hold ends every moment.
const MAX_EXPIRIES: u32 = 8;

/// The commands of a group, and where their answers go.
pub(crate) struct Transaction {
    /// Shared with the decision, which may outlast this attempt.
    envelopes: Arc<[Envelope]>,
    replies: Vec<Reply>,
    scope: Scope,
}

impl Transaction {
    pub(crate) fn of(jobs: Vec<Job>, hints: &AllBatchesHints) -> Self {
        let (envelopes, replies): (Vec<Envelope>, Vec<Reply>) =
            jobs.into_iter().map(|job| (job.envelope, job.reply)).unzip();
        let mut scope = Scope::of(envelopes.iter().map(|envelope| &envelope.command));
        scope.all_batches_of.extend(hints.among(&scope));
        scope.messages = envelopes
            .iter()
            .filter_map(|envelope| envelope.message_id.clone())
            .collect();
        Self {
            envelopes: envelopes.into(),
            replies,
            scope,
        }
    }

    /// One attempt, pipelined behind a transaction in flight. Gives the commands back when they have to be run on their
    /// own.
    pub(crate) async fn run_behind(
        self,
        predecessor: Box<dyn InFlight>,
        in_flight: InFlightSender,
        shared: &Shared,
    ) -> Result<(), Self> {
        let started = shared.clock.monotonic();
        let decision = self.decision(shared);
        match predecessor.transact_next(&self.scope, decision, in_flight).await {
            Some(decided) => {
                self.stored(shared, decided, started);
                Ok(())
            }
            None => {
                tracing::debug!("not stored behind the predecessor");
                Err(self)
            }
        }
    }

    /// Attempts until the commands are stored or have failed. Gives back what has to be run in other groups, in order.
    pub(crate) async fn run(
        mut self,
        shared: &Shared,
        hints: &AllBatchesHints,
        mut in_flight: Option<InFlightSender>,
    ) -> Vec<Vec<Job>> {
        let started = shared.clock.monotonic();
        let mut attempt = 1;
        let mut decision = self.decision(shared);
        let mut expiries = 0;
        while attempt <= MAX_ATTEMPTS {
            let decide = Arc::clone(&decision);
            // Only the first attempt can have a successor pipelined behind it.
            let transacted = match in_flight.take() {
                Some(sender) => shared.store.transact_pipelined(&self.scope, decide, sender).await,
                None => shared.store.transact(&self.scope, decide).await,
            };
            match transacted {
                Ok(decided) => {
                    self.stored(shared, decided, started);
                    return Vec::new();
                }
                Err(StoreError::Conflict) => {
                    tracing::debug!(attempt, "the state changed; deciding again");
                    shared.meter.conflicted();
                    attempt += 1;
                    decision = self.decision(shared);
                }
                // Not counted as an attempt.
                Err(StoreError::Undecided(Undecided::HoldsDue(skus))) => {
                    tracing::debug!(products = skus.len(), "expiring holds");
                    if let Err(error) = expire_holds(skus, shared, hints).await {
                        self.answer_all(shared, &error);
                        return Vec::new();
                    }
                    expiries += 1;
                    if expiries < MAX_EXPIRIES {
                        decision = self.decision(shared);
                    }
                }
                // Not counted as an attempt: each time more is loaded, until all is.
                Err(StoreError::Undecided(Undecided::NeedsAllBatches(NeedsAllBatches(skus))))
                    if !skus.is_subset(&self.scope.all_batches_of) =>
                {
                    tracing::debug!(products = skus.len(), "loading more batches");
                    hints.add(&skus);
                    self.scope.all_batches_of.extend(skus);
                }
                Err(StoreError::Undecided(Undecided::Panicked { command })) => {
                    return self.without(command, shared);
                }
                Err(StoreError::Locked(skus)) if !skus.is_empty() => {
                    return self.without_locked(&skus, shared);
                }
                Err(error @ (StoreError::Corrupt(_) | StoreError::Failed(_) | StoreError::Undecided(_))) => {
                    if self.envelopes.len() > 1 {
                        return self.jobs().map(|job| vec![job]).collect();
                    }
                    tracing::error!(%error, "the command can't be decided");
                    self.answer_all(shared, &CommandError::Internal);
                    return Vec::new();
                }
                Err(error @ (StoreError::Unavailable(_) | StoreError::Locked(_))) => {
                    shared.count_store_failure();
                    tracing::warn!(%error, commands = self.envelopes.len(), "not stored");
                    self.answer_all(shared, &CommandError::Unavailable);
                    return Vec::new();
                }
            }
        }
        tracing::warn!(commands = self.envelopes.len(), "the state kept changing");
        self.answer_all(shared, &CommandError::Busy);
        Vec::new()
    }

    /// Answers what was stored.
    fn stored(self, shared: &Shared, decided: Decided, started: Duration) {
        let events = decided.changes.events.len();
        tracing::debug!(events, "stored");
        let took = shared.clock.monotonic().saturating_sub(started);
        shared.meter.stored(self.envelopes.len(), events, took);
        if decided.changes.pending_backlogs().next().is_some() {
            shared.backlog_pending.notify_one();
        }
        self.answer(shared, decided.answers);
    }

    /// The decision, at instants of its own: taken again, it is taken later.
    fn decision(&self, shared: &Shared) -> Decide {
        let envelopes = Arc::clone(&self.envelopes);
        let contexts: Vec<DecisionContext> = envelopes
            .iter()
            .map(|envelope| shared.decision_context(envelope))
            .collect();
        Arc::new(move |loaded| decide(&envelopes, &contexts, loaded))
    }

    /// The commands with their callers, to be run in other groups.
    fn jobs(self) -> impl Iterator<Item = Job> {
        let Self { envelopes, replies, .. } = self;
        let together = replies.into_iter().enumerate();
        together.map(move |(number, reply)| Job {
            envelope: envelopes[number].clone(),
            reply,
            // They are in a group already.
            streamed: false,
        })
    }

    /// The group without the commands on products that others have locked, which are answered. Where none of them names
    /// one (a batch or an order has led to it), each goes on alone.
    fn without_locked(self, skus: &BTreeSet<Sku>, shared: &Shared) -> Vec<Vec<Job>> {
        shared.locked_products.add(skus, shared.clock.monotonic());
        if self.envelopes.len() == 1 {
            self.answer_all(shared, &CommandError::Unavailable);
            return Vec::new();
        }
        let (locked, rest): (Vec<Job>, Vec<Job>) = self.jobs().partition(|job| job.names_any(skus));
        if locked.is_empty() {
            return rest.into_iter().map(|job| vec![job]).collect();
        }
        for job in locked {
            job.refuse(&CommandError::Unavailable, shared.meter.as_ref());
        }
        vec![rest]
    }

    /// The group without the command whose decision panicked, which is answered.
    fn without(self, command: usize, shared: &Shared) -> Vec<Vec<Job>> {
        let mut rest: Vec<Job> = self.jobs().collect();
        let Job { envelope, reply, .. } = rest.remove(command);
        tracing::error!(command = ?envelope.command, "deciding the command panicked");
        let error = CommandError::Internal;
        shared.meter.answered(envelope.command.name(), error.code(), 1);
        // The caller may have left.
        drop(reply.send(Err(error)));
        vec![rest]
    }

    fn answer_all(self, shared: &Shared, error: &CommandError) {
        let answers = self.envelopes.iter().map(|_| Err(error.clone())).collect();
        self.answer(shared, answers);
    }

    /// Counts the answers, then sends them.
    fn answer(self, shared: &Shared, answers: Vec<Answer>) {
        let mut run = OutcomeRun::default();
        for (envelope, answer) in self.envelopes.iter().zip(&answers) {
            let outcome = answer.as_ref().map_or_else(CommandError::code, |_| "ok");
            run.add(envelope.command.name(), outcome, shared);
        }
        run.report(shared);
        for (reply, answer) in self.replies.into_iter().zip(answers) {
            // The caller may have left; the command stands all the same.
            drop(reply.send(answer));
        }
    }
}

/// Expires the due holds on some products, as many as one transaction takes.
async fn expire_holds(skus: BTreeSet<Sku>, shared: &Shared, hints: &AllBatchesHints) -> Result<(), CommandError> {
    let command = expire_due_holds(shared.worklist.as_ref(), skus, shared.now()).await;
    let command = command.map_err(|error| {
        tracing::warn!(%error, "holds can't be expired");
        CommandError::Unavailable
    })?;
    let (reply, answer) = oneshot::channel();
    let job = Job {
        envelope: Envelope::from_service(command, "holds"),
        reply,
        streamed: false,
    };
    // A transaction that expires holds meets no due ones: this recurses no deeper.
    let split = Box::pin(Transaction::of(vec![job], hints).run(shared, hints, None)).await;
    debug_assert!(split.is_empty(), "a single command is not split");
    answer.await.unwrap_or(Err(CommandError::Internal)).map(|_| ())
}

/// Equal outcomes in a row: they are reported to the meter at once.
#[derive(Default)]
struct OutcomeRun {
    command: &'static str,
    outcome: &'static str,
    times: u64,
}

impl OutcomeRun {
    fn add(&mut self, command: &'static str, outcome: &'static str, shared: &Shared) {
        if (command, outcome) != (self.command, self.outcome) {
            self.report(shared);
            *self = Self {
                command,
                outcome,
                times: 0,
            };
        }
        self.times += 1;
    }

    fn report(&self, shared: &Shared) {
        if self.times > 0 {
            shared.meter.answered(self.command, self.outcome, self.times);
        }
    }
}
