//! A group's transaction: attempts, retries, and the answers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use earmark_domain::{Command, DecisionContext, NeedsAllBatches, Outcome, Scope, Sku};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::decide::{OnPendingWork, decide};
use super::hints::AllBatchesHints;
use super::job::{Job, Reply};
use super::pending_work::{Budget, PendingWork};
use super::shared::Shared;
use crate::access::AccessDecision;
use crate::answer::{Answer, CommandError};
use crate::decision::{Decide, Decided, Undecided};
use crate::envelope::Envelope;
use crate::ports::{InFlight, InFlightSender};
use crate::store_error::StoreError;

/// How often a group is decided again when the state changed under it, before its commands are run each on its own, and a
/// single one gets busy. With locking stores conflicts are rare and a second attempt nearly always succeeds; the bound
/// keeps a rival from starving a lane.
const MAX_CONFLICTS: u32 = 8;

/// How often more batches are loaded for a group, before it is parted in the same way. Once is usual: a decision names all
/// products of which it lacks batches.
const MAX_LOADS: u32 = 8;

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
        let decision = self.decision(self.instant(shared), OnPendingWork::Finish, shared);
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
        let mut now = self.instant(shared);
        let mut on_pending_work = OnPendingWork::Finish;
        let mut budget = Budget::default();
        let (mut conflicts, mut loads) = (0, 0);
        // Every turn either counts or spends from the budget.
        while conflicts < MAX_CONFLICTS && loads < MAX_LOADS {
            let decide = self.decision(now, on_pending_work.clone(), shared);
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
                    conflicts += 1;
                    tracing::debug!(conflicts, "the state changed; deciding again");
                    shared.meter.conflicted();
                    now = self.instant(shared);
                }
                Err(StoreError::Undecided(Undecided::WorkPending(skus))) => {
                    tracing::debug!(products = skus.len(), "continuing earlier commands");
                    let work = PendingWork::Unfinished;
                    if let Err(error) = finish(work, skus, &mut budget, shared, hints).await {
                        tracing::debug!(%error, "earlier commands are not carried out to their end");
                        shared.work_pending.notify_one();
                        on_pending_work = OnPendingWork::Answer(error);
                    }
                }
                Err(StoreError::Undecided(Undecided::HoldsDue(skus))) => {
                    tracing::debug!(products = skus.len(), "expiring holds");
                    let work = PendingWork::HoldsDue(now);
                    if let Err(error) = finish(work, skus, &mut budget, shared, hints).await {
                        tracing::debug!(%error, "holds are still due");
                        shared.holds_due.notify_one();
                        on_pending_work = OnPendingWork::Answer(error);
                    }
                }
                Err(StoreError::Undecided(Undecided::NeedsAllBatches(NeedsAllBatches(skus))))
                    if !skus.is_subset(&self.scope.all_batches_of) =>
                {
                    loads += 1;
                    tracing::debug!(products = skus.len(), "loading more batches");
                    hints.add(&skus);
                    self.scope.all_batches_of.extend(skus);
                }
                Err(StoreError::Undecided(Undecided::Parts { first })) => {
                    return self.parts(first);
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
        if self.envelopes.len() > 1 {
            // It may be that of one command alone, and the others are not refused for it.
            return self.jobs().map(|job| vec![job]).collect();
        }
        self.answer_all(shared, &CommandError::Busy);
        Vec::new()
    }

    /// Answers what was stored.
    fn stored(self, shared: &Shared, decided: Decided, started: Duration) {
        let events = decided.changes.events.len();
        tracing::debug!(events, "stored");
        let took = shared.clock.monotonic().saturating_sub(started);
        shared.meter.stored(self.envelopes.len(), events, took);
        if decided.changes.pending().next().is_some() {
            shared.work_pending.notify_one();
        }
        self.answer(shared, decided.answers);
        if events > 0 {
            shared.events_stored.notify_one();
        }
    }

    /// The instant at which the commands are decided: one reading of the clock for all of them, for the question which
    /// holds are due, and for expiring those. Holds are expired at the instant at which they were found to be due,
    /// whatever the clock says by then.
    fn instant(&self, shared: &Shared) -> Timestamp {
        match &*self.envelopes {
            [
                Envelope {
                    command: Command::ExpireHolds(expire),
                    ..
                },
            ] => expire.at,
            _ => shared.now(),
        }
    }

    /// The decision at an instant.
    fn decision(&self, now: Timestamp, on_pending_work: OnPendingWork, shared: &Shared) -> Decide {
        let envelopes = Arc::clone(&self.envelopes);
        let contexts: Vec<DecisionContext> = envelopes
            .iter()
            .map(|envelope| shared.decision_context(envelope, now))
            .collect();
        Arc::new(move |loaded| decide(&envelopes, &contexts, &on_pending_work, loaded))
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
            room: None,
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

    /// The group in parts: the commands before one, and it with those behind it in two halves, so that what is read for
    /// them is not read over and over where many of them have to be parted.
    fn parts(self, first: usize) -> Vec<Vec<Job>> {
        let mut together: Vec<Job> = self.jobs().collect();
        let mut rest = together.split_off(first);
        let second = rest.split_off(rest.len().div_ceil(2));
        vec![together, rest, second]
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
            // Only what was read has told that it is beyond the bounds of who asks.
            if let Err(CommandError::OutOfBounds(_) | CommandError::Unknown(_)) = answer {
                shared.record(envelope, AccessDecision::OutOfBounds);
            }
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

/// Does pending work on some products. They take turns, so that a product with a few pages does not wait for one with
/// very many.
///
/// # Errors
/// `Busy` if the budget is spent and some is left; else why it can't be done.
async fn finish(
    work: PendingWork,
    skus: BTreeSet<Sku>,
    budget: &mut Budget,
    shared: &Shared,
    hints: &AllBatchesHints,
) -> Result<(), CommandError> {
    // One page for all of the products first: few of them have more than a little work.
    let mut turns = VecDeque::from([skus]);
    while let Some(skus) = turns.pop_front() {
        if !budget.take(shared.clock.as_ref()) {
            return Err(CommandError::Busy);
        }
        let page = work.page(skus.clone(), shared.worklist.as_ref()).await?;
        let mut has_more = page.has_more;
        for command in page.commands {
            let outcome = run_alone(command, shared, hints).await?;
            has_more |= outcome == Outcome::Continued { done: false };
        }
        if has_more {
            turns.extend(skus.into_iter().map(|sku| BTreeSet::from([sku])));
        }
    }
    Ok(())
}

/// Runs a command of the service in a transaction of its own.
async fn run_alone(envelope: Envelope, shared: &Shared, hints: &AllBatchesHints) -> Result<Outcome, CommandError> {
    let (reply, answer) = oneshot::channel();
    let job = Job {
        envelope,
        reply,
        streamed: false,
        room: None,
    };
    // A transaction that expires holds asks for no more than that work is continued, and one that continues work asks for
    // nothing: this recurses no deeper.
    let split = Box::pin(Transaction::of(vec![job], hints).run(shared, hints, None)).await;
    debug_assert!(split.is_empty(), "a single command is not split");
    answer.await.unwrap_or(Err(CommandError::Internal))
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
