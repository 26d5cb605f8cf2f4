//! A group's transaction: attempts, retries, and the answers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use earmark_domain::{Command, DecisionContext, NeedsAllBatches, Scope, Sku};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::decide::{OnDueHolds, decide};
use super::hints::AllBatchesHints;
use super::holds::page_of_due_holds;
use super::job::{Job, Reply};
use super::shared::Shared;
use crate::answer::{Answer, CommandError};
use crate::decision::{Decide, Decided, Undecided};
use crate::envelope::Envelope;
use crate::ports::{Clock, InFlight, InFlightSender};
use crate::store_error::StoreError;

/// How often a group is decided again when the state changed under it, before its callers get busy. With locking stores
/// conflicts are rare and a second attempt nearly always succeeds; the bound keeps a rival from starving a lane.
const MAX_CONFLICTS: u32 = 8;

/// How often more batches are loaded for a group, before its callers get busy. Once is usual: a decision names all
/// products of which it lacks batches.
const MAX_LOADS: u32 = 8;

/// How long one group expires holds before it is decided, and at least one page of them. Other callers wait behind it;
/// what is still due then is left to the sweep.
const EXPIRY_TIME: Duration = Duration::from_millis(100);

/// The most pages of holds that one group expires, whatever the clock says.
const MAX_EXPIRY_PAGES: usize = 64;

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
        let decision = self.decision(self.instant(shared), OnDueHolds::Expire, shared);
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
        let mut on_due_holds = OnDueHolds::Expire;
        let mut budget = ExpiryBudget::default();
        let (mut conflicts, mut loads) = (0, 0);
        // Every turn either counts or spends from the budget.
        while conflicts < MAX_CONFLICTS && loads < MAX_LOADS {
            let decide = self.decision(now, on_due_holds.clone(), shared);
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
                Err(StoreError::Undecided(Undecided::HoldsDue(skus))) => {
                    tracing::debug!(products = skus.len(), "expiring holds");
                    if let Err(error) = expire_due_holds(skus, now, &mut budget, shared, hints).await {
                        tracing::debug!(%error, "holds are still due");
                        shared.holds_due.notify_one();
                        on_due_holds = OnDueHolds::Answer(error);
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
                Err(StoreError::Undecided(Undecided::Panicked { command })) => {
                    return self.without(command, shared);
                }
                Err(error @ (StoreError::Corrupt(_) | StoreError::Undecided(_))) => {
                    if self.envelopes.len() > 1 {
                        return self.jobs().map(|job| vec![job]).collect();
                    }
                    tracing::error!(%error, "the command can't be decided");
                    self.answer_all(shared, &CommandError::Internal);
                    return Vec::new();
                }
                Err(error @ StoreError::Unavailable(_)) => {
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
    fn decision(&self, now: Timestamp, on_due_holds: OnDueHolds, shared: &Shared) -> Decide {
        let envelopes = Arc::clone(&self.envelopes);
        let contexts: Vec<DecisionContext> = envelopes
            .iter()
            .map(|envelope| shared.decision_context(envelope, now))
            .collect();
        Arc::new(move |loaded| decide(&envelopes, &contexts, &on_due_holds, loaded))
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

/// What a group has spent on expiring holds.
#[derive(Debug, Default)]
struct ExpiryBudget {
    started: Option<Duration>,
    pages: usize,
}

impl ExpiryBudget {
    /// Takes a page from the budget, if there is one left. The first always is.
    fn take(&mut self, clock: &dyn Clock) -> bool {
        let now = clock.monotonic();
        let started = *self.started.get_or_insert(now);
        let left = self.pages < MAX_EXPIRY_PAGES && (self.pages == 0 || now.saturating_sub(started) < EXPIRY_TIME);
        self.pages += usize::from(left);
        left
    }
}

/// Expires the holds on some products that are due at an instant, page by page, within the budget of a group.
///
/// # Errors
/// `Busy` if some are still due after that; else why they can't be expired.
async fn expire_due_holds(
    skus: BTreeSet<Sku>,
    now: Timestamp,
    budget: &mut ExpiryBudget,
    shared: &Shared,
    hints: &AllBatchesHints,
) -> Result<(), CommandError> {
    // One page for all of the products. If that is not enough they take turns, so that a product with a few due holds
    // does not wait for one with very many.
    let mut turns = VecDeque::from([skus]);
    while let Some(skus) = turns.pop_front() {
        if !budget.take(shared.clock.as_ref()) {
            return Err(CommandError::Busy);
        }
        if expire_page(skus.clone(), now, shared, hints).await? {
            turns.extend(skus.into_iter().map(|sku| BTreeSet::from([sku])));
        }
    }
    Ok(())
}

/// Expires one page of the holds on some products that are due at an instant, and says whether there may be more.
async fn expire_page(
    skus: BTreeSet<Sku>,
    now: Timestamp,
    shared: &Shared,
    hints: &AllBatchesHints,
) -> Result<bool, CommandError> {
    let page = page_of_due_holds(shared.worklist.as_ref(), skus, now).await;
    let page = page.map_err(|error| {
        tracing::warn!(%error, "holds can't be expired");
        CommandError::Unavailable
    })?;
    let (reply, answer) = oneshot::channel();
    let job = Job {
        envelope: Envelope::from_service(page.command, "holds"),
        reply,
        streamed: false,
    };
    // A transaction that expires holds asks for none to be expired: this recurses no deeper.
    let split = Box::pin(Transaction::of(vec![job], hints).run(shared, hints, None)).await;
    debug_assert!(split.is_empty(), "a single command is not split");
    answer.await.unwrap_or(Err(CommandError::Internal))?;
    Ok(page.has_more)
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
