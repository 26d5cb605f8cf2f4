//! Jobs: commands in a lane's queue.

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::envelope::Envelope;

/// Where the answer to a command goes.
pub(crate) type Reply = oneshot::Sender<Answer>;

/// A command in the queue, with where its answer goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) envelope: Envelope,
    pub(crate) reply: Reply,
    /// Whether it belongs to a stream: no caller waits for it alone.
    pub(crate) streamed: bool,
}
