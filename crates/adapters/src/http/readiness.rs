//! Whether the service takes work, drains, or closes.

use std::sync::Arc;

use tokio::sync::watch;

/// What the service does, in the order in which it does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Closing,
}

/// Whether the service takes work, drains, or closes. Cheap to clone; all clones share one state.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Phase>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// A service that takes work.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Serving)))
    }

    /// From now on the service is not ready, and streams end. Other requests are served as before, so that those who
    /// send them have time to notice. There is no way back.
    pub fn drain(&self) {
        self.enter(Phase::Draining);
    }

    /// From now on each connection ends with the request that is served on it.
    pub fn close(&self) {
        self.enter(Phase::Closing);
    }

    fn enter(&self, phase: Phase) {
        self.0.send_modify(|present| *present = phase.max(*present));
    }

    /// Whether it drains, or has drained and closes.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Waits until it drains.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until it closes.
    pub(crate) async fn closing(&self) {
        self.reached(Phase::Closing).await;
    }

    async fn reached(&self, phase: Phase) {
        // The sender is in `self`, so waiting can't fail.
        let _ = self.0.subscribe().wait_for(|present| *present >= phase).await;
    }
}
