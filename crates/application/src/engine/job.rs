//! Jobs: commands in a lane's queue.

use std::collections::BTreeSet;

use earmark_domain::Sku;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::answer::{Answer, CommandError};
use crate::envelope::Envelope;
use crate::ports::Meter;

/// Where the answer to a command goes.
pub(crate) type Reply = oneshot::Sender<Answer>;

/// A command in the queue, with where its answer goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) envelope: Envelope,
    pub(crate) reply: Reply,
    /// Whether it belongs to a stream: no caller waits for it alone.
    pub(crate) streamed: bool,
    /// What it takes, while it waits, of the room that streams have in the queue.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Job {
    /// Whether its command names one of these products.
    pub(crate) fn names_any(&self, skus: &BTreeSet<Sku>) -> bool {
        !self.envelope.command.scope().skus.is_disjoint(skus)
    }

    /// Answers its caller, without running it.
    pub(crate) fn refuse(self, error: &CommandError, meter: &dyn Meter) {
        meter.answered(self.envelope.command.name(), error.code(), 1);
        // The caller may have left.
        drop(self.reply.send(Err(error.clone())));
    }
}
