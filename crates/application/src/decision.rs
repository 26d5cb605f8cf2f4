//! Decisions: what the engine hands to a store, to be called between load and store.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_domain::{ChangeSet, Corrupt, Loaded, NeedsAllBatches, Sku};

use crate::answer::Answer;

/// The result of a decision.
#[derive(Debug)]
pub struct Decided {
    /// To be stored, all or nothing.
    pub changes: ChangeSet,
    /// One answer for each command, in their order; given to the callers once the changes are stored.
    pub answers: Vec<Answer>,
}

/// Why there is no decision. Nothing may be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The records that were read can't be true.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// More of the scope has to be read first.
    #[error(transparent)]
    NeedsAllBatches(#[from] NeedsAllBatches),
    /// Holds on these products are past their deadline and still count: they have to be expired first.
    #[error("holds on {} products are past their deadline", .0.len())]
    HoldsDue(BTreeSet<Sku>),
    /// Earlier commands on these products are not carried out to their end: that has to be done first.
    #[error("work on {} products has to be continued first", .0.len())]
    WorkPending(BTreeSet<Sku>),
    /// The commands can't share a transaction: one leaves work on a product to be continued, and another behind it is
    /// about the same product; or one changes a batch and needs more of its lines than were read for all of them.
    #[error("command {first} has to be decided in another transaction than those before it")]
    Parts {
        /// The position of the first command that has to wait: those before it can be decided together.
        first: usize,
    },
    /// Deciding one of the commands panicked; the state it was decided on is lost with it.
    #[error("deciding command {command} panicked")]
    Panicked {
        /// The position of the command among those decided together.
        command: usize,
    },
}

/// A decision on what a store loads. A pure function: it can be called again after a conflict.
pub type Decide = Arc<dyn Fn(Loaded) -> Result<Decided, Undecided> + Send + Sync>;
