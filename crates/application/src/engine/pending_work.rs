//! The work on products that a decision has to wait for, page by page, and the budget for it.

use std::collections::BTreeSet;
use std::time::Duration;

use earmark_domain::{Command, Sku};
use jiff::Timestamp;

use super::holds::page_of_due_holds;
use crate::answer::CommandError;
use crate::envelope::Envelope;
use crate::ports::{Clock, Worklist};

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
    pub(super) fn take(&mut self, clock: &dyn Clock) -> bool {
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
    /// Earlier commands have to be carried out to their end.
    Unfinished,
}

/// One page of such work.
pub(super) struct Page {
    /// The commands that do it, each in a transaction of its own.
    pub(super) commands: Vec<Envelope>,
    /// Whether more may be left, apart from what the outcomes say.
    pub(super) has_more: bool,
}

impl PendingWork {
    /// The next page of the work on some products.
    pub(super) async fn page(self, skus: BTreeSet<Sku>, worklist: &dyn Worklist) -> Result<Page, CommandError> {
        match self {
            Self::HoldsDue(now) => {
                let page = page_of_due_holds(worklist, skus, now).await;
                let page = page.map_err(|error| {
                    tracing::warn!(%error, "holds can't be expired");
                    CommandError::Unavailable
                })?;
                Ok(Page {
                    commands: vec![Envelope::from_service(page.command, "holds")],
                    has_more: page.has_more,
                })
            }
            Self::Unfinished => {
                let commands = skus.into_iter().map(Command::Continue);
                Ok(Page {
                    commands: commands
                        .map(|command| Envelope::from_service(command, "continue"))
                        .collect(),
                    has_more: false,
                })
            }
        }
    }
}
