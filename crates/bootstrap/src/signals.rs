//! The signals that end the service: SIGINT, SIGTERM and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Who wants the service to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A person at the terminal, with SIGINT.
    Person,
    /// A supervisor, with SIGTERM, or the end of the terminal, with SIGHUP.
    Supervisor,
}

/// Receives SIGINT, SIGTERM and SIGHUP.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Installs the handlers. From now on the three signals no longer end the process.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub(crate) fn install() -> Result<Self, Failure> {
        let install = |kind| signal(kind).map_err(|error| Failure::Failed(format!("can't handle signals: {error}")));
        Ok(Self {
            interrupt: install(SignalKind::interrupt())?,
            terminate: install(SignalKind::terminate())?,
            hang_up: install(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Sender {
        tokio::select! {
            _ = self.interrupt.recv() => Sender::Person,
            _ = self.terminate.recv() => Sender::Supervisor,
            _ = self.hang_up.recv() => Sender::Supervisor,
        }
    }
}
