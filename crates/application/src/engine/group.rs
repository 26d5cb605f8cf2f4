//! A group: the commands that share one transaction.

use tokio::sync::oneshot;
use tracing::Instrument;

use super::hints::AllBatchesHints;
use super::job::Job;
use super::queue::STREAMED_FACTOR;
use super::shared::Shared;
use super::transaction::Transaction;
use crate::answer::CommandError;
use crate::ports::{InFlight, InFlightSender};

/// The group before, which is still being stored.
pub(crate) struct Predecessor {
    pub(crate) in_flight: Box<dyn InFlight>,
    /// Closes when the group has been stored and answered, or has failed.
    pub(crate) end: oneshot::Receiver<()>,
}

/// The commands that share a transaction.
pub(crate) struct Group {
    jobs: Vec<Job>,
    weight: usize,
    /// Whether others may join.
    open: bool,
    /// Whether all of them are streamed.
    streamed: bool,
}

impl Group {
    pub(crate) fn of(mut job: Job) -> Self {
        job.room = None;
        Self {
            weight: job.envelope.command.weight(),
            open: job.envelope.command.is_joinable(),
            streamed: job.streamed,
            jobs: vec![job],
        }
    }

    /// Takes a job into the group, or gives it back when it has to go into the next one.
    pub(crate) fn join(&mut self, mut job: Job, max: usize) -> Option<Job> {
        let weight = job.envelope.command.weight();
        let streamed = self.streamed && job.streamed;
        let max = if streamed { max * STREAMED_FACTOR } else { max };
        if self.weight + weight > max || !self.open || !job.envelope.command.is_joinable() {
            return Some(job);
        }
        self.weight += weight;
        self.streamed = streamed;
        job.room = None;
        self.jobs.push(job);
        None
    }

    /// How many commands it has.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Decides and stores the commands, and answers each caller. Behind a predecessor that is still being stored, they are
    /// decided on the state that it will leave; where that fails, they wait for its end, so that callers are served in
    /// the order they came.
    ///
    /// A command that can't be decided at all (a defect, corrupt records) fails alone: the others are decided again
    /// without it.
    pub(crate) async fn run(
        self,
        shared: &Shared,
        hints: &AllBatchesHints,
        lane: usize,
        mut predecessor: Option<Predecessor>,
        in_flight: InFlightSender,
    ) {
        let mut in_flight = Some(in_flight);
        let mut groups = vec![self.jobs];
        while let Some(mut jobs) = groups.pop() {
            jobs.retain(|job| !job.reply.is_closed());
            for job in shared.locked_products.take_from(&mut jobs, shared.clock.monotonic()) {
                job.refuse(&CommandError::Unavailable, shared.meter.as_ref());
            }
            if jobs.is_empty() {
                continue;
            }
            let span = tracing::debug_span!("group", lane, commands = jobs.len());
            let mut transaction = Transaction::of(jobs, hints);
            if let Some(Predecessor { in_flight: before, end }) = predecessor.take() {
                let sender = in_flight.take().expect("nothing has been run before");
                let pipelined = transaction.run_behind(before, sender, shared);
                transaction = match pipelined.instrument(span.clone()).await {
                    Ok(()) => continue,
                    Err(transaction) => transaction,
                };
                // Nothing is ever sent: it closes.
                drop(end.await);
            }
            let split = transaction.run(shared, hints, in_flight.take()).instrument(span).await;
            groups.extend(split.into_iter().rev());
        }
    }
}
