//! The engine: group commit. (skeleton; behaviour follows)

use std::sync::Arc;
use crate::{Clock, CommandError, Meter, Store};
use earmark_domain::{Command, Outcome};

/// What a caller is told.
pub type Answer = Result<Outcome, CommandError>;

/// Bounds of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Groups that are decided and stored side by side. Commands on one SKU share a lane.
    pub lanes: usize,
    /// The most commands that wait in one lane.
    pub queue: usize,
    /// The most commands that share a transaction.
    pub group: usize,
}

/// A command with who asks for it.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// What is asked.
    pub command: Command,
    /// Who asks.
    pub actor: Arc<str>,
    /// The id of the request or message.
    pub correlation_id: Arc<str>,
}

/// The handle that commands are given to. Cheap to clone.
#[derive(Clone)]
pub struct Engine {}

/// One lane: a future the binary runs.
pub struct Lane {}

impl Lane {
    /// Runs until the engine is drained and the queue is empty.
    pub async fn run(self) {}
}

/// Commands decided strictly in the order they are submitted. A full queue makes the submitter wait instead of answering busy.
pub struct OrderedStream {}

impl OrderedStream {
    /// Queues a command behind those submitted before; waits for a place in the queue.
    pub async fn submit(&self, _envelope: Envelope) -> Ticket { todo!() }
}

/// A place in the queue, redeemed for the answer.
pub struct Ticket {}

impl Ticket {
    /// The answer, once the command's transaction is stored.
    pub async fn answer(self) -> Answer { todo!() }
}

impl Engine {
    /// An engine and the lanes to run.
    pub fn new(_store: Arc<dyn Store>, _clock: Arc<dyn Clock>, _meter: Arc<dyn Meter>, _settings: EngineSettings) -> (Self, Vec<Lane>) { todo!() }
    /// Runs one command; answers busy when its lane's queue is full. Dropping the future does not undo the command.
    pub async fn execute(&self, _envelope: Envelope) -> Answer { todo!() }
    /// A stream of commands that keeps its order.
    pub fn ordered(&self) -> OrderedStream { todo!() }
    /// Takes no new commands; what is queued is still decided, stored and answered. Lanes end when they are empty.
    pub async fn drain(&self) {}
    /// Whether the engine is draining.
    pub fn is_draining(&self) -> bool { false }
}
