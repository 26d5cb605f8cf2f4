//! The place of a transaction in a pipeline of transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The place of a transaction in a pipeline.
#[derive(Debug, Clone, Default)]
pub(super) struct Position {
    /// Whether the predecessor was stored; `None`: there is none.
    predecessor: Option<Arc<AtomicBool>>,
    /// Whether this transaction was stored. The writer's thread alone uses it, so no order of memory is at stake.
    stored: Arc<AtomicBool>,
}

impl Position {
    /// The place behind this one.
    pub(super) fn next(&self) -> Self {
        Self {
            predecessor: Some(Arc::clone(&self.stored)),
            stored: Arc::default(),
        }
    }

    /// Whether the transaction may run now.
    pub(super) fn may_run(&self) -> bool {
        let stored = |predecessor: &Arc<AtomicBool>| predecessor.load(Ordering::Relaxed);
        self.predecessor.as_ref().is_none_or(stored)
    }

    /// Records that the transaction was stored.
    pub(super) fn record_stored(&self) {
        self.stored.store(true, Ordering::Relaxed);
    }
}
