//! A gate: holds a decision open until the test says otherwise, without any sleep.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::Notify;

/// A place where decisions wait. Closed at first; once open it stays open.
#[derive(Debug, Default)]
pub struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    reached: Notify,
}

/// A closed gate. Opens when it is dropped, so that a failing test does not leave a thread waiting for ever.
#[derive(Debug, Default)]
pub struct HeldOpen(Arc<Gate>);

impl Gate {
    /// Waits until the gate is open. To be called inside a decision; tells that it has been reached.
    pub fn pass(&self) {
        self.reached.notify_one();
        // The thread may be one of the runtime's: its other tasks have to go elsewhere meanwhile.
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

impl HeldOpen {
    /// A handle for the decision to wait at.
    #[must_use]
    pub fn gate(&self) -> Arc<Gate> {
        self.0.clone()
    }

    /// Waits until a decision stands at the gate.
    pub async fn reached(&self) {
        self.0.reached.notified().await;
    }

    /// Lets everybody through, now and later.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for HeldOpen {
    fn drop(&mut self) {
        self.0.open();
    }
}
