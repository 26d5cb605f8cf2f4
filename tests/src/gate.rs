//! A gate: holds a decision until the test opens it, without any sleep.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::Notify;

/// Where a decision waits. Closed at first; once open it stays open.
#[derive(Debug, Default)]
pub struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    reached: Notify,
}

/// A closed gate. Opens when it is dropped, so that a failing test leaves no waiting thread.
#[derive(Debug, Default)]
pub struct ClosedGate(Arc<Gate>);

impl Gate {
    /// Waits until the gate is open. To be called inside a decision; notifies [`ClosedGate::reached`].
    pub fn pass(&self) {
        self.reached.notify_one();
        // The thread may belong to the runtime, which has to move its other tasks meanwhile.
        tokio::task::block_in_place(|| {
            let closed = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            drop(
                self.opened
                    .wait_while(closed, |open| !*open)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        });
    }

    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }
}

impl ClosedGate {
    /// A handle for the decision to wait at.
    #[must_use]
    pub fn gate(&self) -> Arc<Gate> {
        self.0.clone()
    }

    /// Waits until a decision waits at the gate.
    pub async fn reached(&self) {
        self.0.reached.notified().await;
    }

    /// Opens the gate for all decisions, now and later.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for ClosedGate {
    fn drop(&mut self) {
        self.0.open();
    }
}
