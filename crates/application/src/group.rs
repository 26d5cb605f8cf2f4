//! A group: the commands that share one transaction.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use earmark_domain::{Command, Ledger, Loaded, Occasion, Scope, Sku, Starved};
use tracing::Instrument;

use crate::engine::{Job, Shared};
use crate::error::{CommandError, StoreError};
use crate::port::{Decided, Undecided};

/// How often a group is decided anew when the state changed under it, before its callers hear "busy". With locking
/// stores conflicts are rare and a second try nearly always succeeds; the bound keeps a rival from starving a lane.
const MOST_ATTEMPTS: u32 = 8;

/// How many products a lane remembers as ones whose offer had to be read wholly.
const MOST_REMEMBERED: usize = 1_024;

/// Products whose lines lately did not fit the first of their batches. Their offers are read wholly at once: a product
/// that nearly ran out through many batches would otherwise be decided on twice each time.
#[derive(Debug, Default)]
pub(crate) struct Hungry(BTreeSet<Sku>);

impl Hungry {
    fn remember(&mut self, skus: &BTreeSet<Sku>) {
        if self.0.len() + skus.len() > MOST_REMEMBERED {
            // Forgetting costs each of them one more decision.
            self.0.clear();
        }
        self.0.extend(skus.iter().cloned());
    }
}

/// The commands that share a transaction, with the scope of all of them.
pub(crate) struct Group {
    jobs: Vec<Job>,
    scope: Scope,
    weight: usize,
}

/// What a command adds to the work of a transaction: its lines, or one.
fn weight(command: &Command) -> usize {
    match command {
        Command::PlaceOrder(place) => place.lines().len(),
        _ => 1,
    }
}

impl Group {
    pub(crate) fn of(job: Job) -> Self {
        Self {
            scope: job.envelope.command.scope(),
            weight: weight(&job.envelope.command),
            jobs: vec![job],
        }
    }

    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }

    /// Takes a job into the group, or gives it back when it has to go into the next one.
    pub(crate) fn join(&mut self, job: Job, most: usize) -> Result<(), Job> {
        let scope = job.envelope.command.scope();
        let weight = weight(&job.envelope.command);
        if self.weight + weight > most || !self.scope.is_joinable() || !scope.is_joinable() {
            return Err(job);
        }
        self.scope = std::mem::take(&mut self.scope).join(scope);
        self.weight += weight;
        self.jobs.push(job);
        Ok(())
    }

    /// Decides and stores the commands, and answers each caller.
    ///
    /// A command that can't be decided at all (a defect, broken records) fails alone: the others are decided again
    /// without it.
    pub(crate) async fn settle(self, shared: &Shared, hungry: &mut Hungry, lane: usize) {
        let mut groups = vec![self];
        while let Some(mut group) = groups.pop() {
            group.jobs.retain(|job| !job.reply.is_closed());
            if group.jobs.is_empty() {
                continue;
            }
            let span = tracing::debug_span!("group", lane, commands = group.jobs.len());
            let apart = group.transact(shared, hungry).instrument(span).await;
            groups.extend(apart.into_iter().rev());
        }
    }

    /// One transaction. Gives back what has to be run anew, in order.
    async fn transact(mut self, shared: &Shared, hungry: &mut Hungry) -> Vec<Self> {
        self.scope
            .whole_offers
            .extend(hungry.0.intersection(&self.scope.skus).cloned());
        let started = Instant::now();
        let mut attempt = 1;
        while attempt <= MOST_ATTEMPTS {
            let commands: Arc<[(Command, Occasion)]> = self
                .jobs
                .iter()
                .map(|job| (job.envelope.command.clone(), shared.occasion(&job.envelope)))
                .collect();
            let stored = shared
                .store
                .transact(&self.scope, Arc::new(move |loaded| decide(&commands, loaded)))
                .await;
            match stored {
                Ok(decided) => {
                    let events = decided.changes.events.len();
                    tracing::debug!(events, attempt, "stored");
                    shared.meter.stored(self.jobs.len(), events, started.elapsed());
                    if decided.changes.unserved().next().is_some() {
                        shared.owed.notify_one();
                    }
                    for (job, answer) in self.jobs.into_iter().zip(decided.answers) {
                        job.answer(shared, answer);
                    }
                    return Vec::new();
                }
                Err(StoreError::Conflict) => {
                    tracing::debug!(attempt, "the state changed; deciding anew");
                    shared.meter.conflicted();
                    attempt += 1;
                }
                // Not an attempt that failed: each time more is read, until all is.
                Err(StoreError::Undecided(Undecided::Starved(Starved(skus))))
                    if !skus.is_subset(&self.scope.whole_offers) =>
                {
                    tracing::debug!(products = skus.len(), "reading more batches");
                    hungry.remember(&skus);
                    self.scope.whole_offers.extend(skus);
                }
                Err(StoreError::Undecided(Undecided::Panicked { command })) => {
                    return self.without(command, shared);
                }
                Err(error @ (StoreError::Corrupt(_) | StoreError::Undecided(_))) => {
                    if self.jobs.len() > 1 {
                        return self.singly();
                    }
                    tracing::error!(%error, "the command can't be decided");
                    self.answer_all(shared, &CommandError::Internal);
                    return Vec::new();
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, commands = self.jobs.len(), "not stored");
                    self.answer_all(shared, &CommandError::Unavailable);
                    return Vec::new();
                }
            }
        }
        tracing::warn!(commands = self.jobs.len(), "the state kept changing");
        self.answer_all(shared, &CommandError::Busy);
        Vec::new()
    }

    /// The group without the command whose decision panicked, which is answered.
    fn without(mut self, command: usize, shared: &Shared) -> Vec<Self> {
        let job = self.jobs.remove(command);
        tracing::error!(command = ?job.envelope.command, "deciding the command panicked");
        job.answer(shared, Err(CommandError::Internal));
        let mut jobs = self.jobs.into_iter();
        let Some(mut rest) = jobs.next().map(Self::of) else {
            return Vec::new();
        };
        for job in jobs {
            let joined = rest.join(job, usize::MAX);
            debug_assert!(joined.is_ok(), "what stood in one group fits into one");
        }
        vec![rest]
    }

    fn singly(self) -> Vec<Self> {
        self.jobs.into_iter().map(Self::of).collect()
    }

    fn answer_all(self, shared: &Shared, error: &CommandError) {
        for job in self.jobs {
            job.answer(shared, Err(error.clone()));
        }
    }
}

impl Job {
    fn answer(self, shared: &Shared, answer: crate::Answer) {
        let outcome = answer.as_ref().map_or_else(CommandError::code, |_| "ok");
        shared.meter.answered(self.envelope.command.name(), outcome);
        // The caller may have left; the command stands all the same.
        drop(self.reply.send(answer));
    }
}

/// Decides commands one after the other on what was read.
fn decide(commands: &[(Command, Occasion)], loaded: Loaded) -> Result<Decided, Undecided> {
    let mut ledger = Ledger::open(loaded)?;
    let mut answers = Vec::with_capacity(commands.len());
    for (number, (command, occasion)) in commands.iter().enumerate() {
        // A panic leaves the ledger torn, so it is thrown away with it.
        let answer = catch_unwind(AssertUnwindSafe(|| ledger.decide(command, occasion)))
            .map_err(|_| Undecided::Panicked { command: number })?;
        answers.push(answer.map_err(CommandError::from));
    }
    let changes = ledger.close()?;
    Ok(Decided { changes, answers })
}
