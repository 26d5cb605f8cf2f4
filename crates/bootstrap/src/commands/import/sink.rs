//! The sink: where an import sends its commands.

use super::bulk::BulkSink;
use super::engine::EngineSink;
use super::plan::PlannedCommand;
use super::result::SendResult;

/// Where an import sends its commands.
///
/// Results are asked for in the order of the commands, once for each. A broken sink returns [`SendResult::Retry`] for
/// every command in flight until it is reconnected.
pub(crate) enum Sink {
    /// An engine of this process.
    Engine(EngineSink),
    /// The bulk call of a running service.
    Bulk(Box<BulkSink>),
}

impl Sink {
    /// Sends a command.
    pub(super) async fn submit(&mut self, command: &PlannedCommand) {
        match self {
            Self::Engine(sink) => sink.submit(command).await,
            Self::Bulk(sink) => sink.submit(command).await,
        }
    }

    /// Waits for the result of the first command without one.
    pub(super) async fn result(&mut self, command: &PlannedCommand) -> SendResult {
        match self {
            Self::Engine(sink) => sink.result(command).await,
            Self::Bulk(sink) => sink.result(command).await,
        }
    }

    /// Lets a broken sink send again. No command may be in flight.
    pub(super) fn reconnect(&mut self) {
        match self {
            Self::Bulk(sink) => sink.reconnect(),
            Self::Engine(_) => {}
        }
    }

    /// Ends the sink. No command may be in flight.
    pub(super) async fn close(self) {
        match self {
            Self::Bulk(sink) => sink.close().await,
            Self::Engine(_) => {}
        }
    }
}
