//! Whether the service takes work or drains.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the service takes work or drains. Cheap to clone; all clones share one state.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// A service that takes work.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// From now on the service is not ready, and event streams end. There is no way back.
    pub fn drain(&self) {
        self.0.send_replace(true);
    }

    /// Whether it drains.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it drains.
    pub async fn draining(&self) {
        // The sender is in `self`, so waiting can't fail.
        let _ = self.0.subscribe().wait_for(|draining| *draining).await;
    }
}
