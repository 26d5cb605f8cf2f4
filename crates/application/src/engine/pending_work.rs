//! Finishing the work on products that a decision has to wait for, page by page, within a budget.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use earmark_domain::{Command, Outcome, Sku};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::hints::AllBatchesHints;
use super::holds::page_of_due_holds;
use super::job::Job;
use super::shared::Shared;
use super::transaction::Transaction;
use crate::answer::CommandError;
use crate::envelope::Envelope;
use crate::ports::Clock;

/// How long one group does such work before it is decided, and at least one page of it. Other callers wait behind the
/// group; what is left then is left to the background jobs.
const MAX_TIME: Duration = Duration::from_millis(50);

/// The most pages that one group does, whatever the clock says.
const MAX_PAGES: usize = 64;

/// What a group has spent on pending work.
#[derive(Debug, Default)]
pub(super) struct Budget {
    started: Option<Duration>,
    pages: usize,
}

impl Budget {
    /// Takes a page from the budget, if there is one left. The first always is.
    fn take(&mut self, clock: &dyn Clock) -> bool {
        let now = clock.monotonic();
        let started = *self.started.get_or_insert(now);
        let left = self.pages < MAX_PAGES && (self.pages == 0 || now.saturating_sub(started) < MAX_TIME);
        self.pages += usize::from(left);
        left
    }
}

/// Work on products that a decision has to wait for.
#[derive(Debug, Clone, Copy)]
pub(super) enum PendingWork {
    /// The holds that are due at an instant have to be expired.
    HoldsDue(Timestamp),
    /// Changes of batches have to be continued.
    ChangesPending,
}

impl PendingWork {
    /// Does the work on some products. They take turns, so that a product with a few pages does not wait for one with
    /// very many.
    ///
    /// # Errors
    /// `Busy` if the budget is spent and some is left; else why it can't be done.
    pub(super) async fn finish(
        self,
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
            if self.page(skus.clone(), shared, hints).await? {
                turns.extend(skus.into_iter().map(|sku| BTreeSet::from([sku])));
            }
        }
        Ok(())
    }

    /// Does one page, and says whether there may be more.
    async fn page(self, skus: BTreeSet<Sku>, shared: &Shared, hints: &AllBatchesHints) -> Result<bool, CommandError> {
        match self {
            Self::HoldsDue(now) => {
                let page = page_of_due_holds(shared.worklist.as_ref(), skus, now).await;
                let page = page.map_err(|error| {
                    tracing::warn!(%error, "holds can't be expired");
                    CommandError::Unavailable
                })?;
                run_alone(Envelope::from_service(page.command, "holds"), shared, hints).await?;
                Ok(page.has_more)
            }
            Self::ChangesPending => {
                let mut has_more = false;
                for sku in skus {
                    let command = Envelope::from_service(Command::ContinueChange(sku), "change");
                    let outcome = run_alone(command, shared, hints).await?;
                    has_more |= outcome == Outcome::ChangeContinued { done: false };
                }
                Ok(has_more)
            }
        }
    }
}

/// Runs a command of the service in a transaction of its own.
async fn run_alone(envelope: Envelope, shared: &Shared, hints: &AllBatchesHints) -> Result<Outcome, CommandError> {
    let (reply, answer) = oneshot::channel();
    let job = Job {
        envelope,
        reply,
        streamed: false,
    };
    // A transaction that expires holds asks for no more than that changes are continued, and one that continues changes
    // asks for nothing: this recurses no deeper.
    let split = Box::pin(Transaction::of(vec![job], hints).run(shared, hints, None)).await;
    debug_assert!(split.is_empty(), "a single command is not split");
    answer.await.unwrap_or(Err(CommandError::Internal))
}
