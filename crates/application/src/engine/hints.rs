//! Hints: products that lately needed all of their batches.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use earmark_domain::{Scope, Sku};

/// How many products a lane remembers.
const MAX_HINTS: usize = 1_024;

/// Products whose lines lately did not fit the first of their batches. All of their batches are loaded at once:
/// otherwise each decision on a product that has nearly run out over many batches would be taken twice.
#[derive(Debug, Default)]
pub(crate) struct AllBatchesHints(Mutex<BTreeSet<Sku>>);

impl AllBatchesHints {
    pub(crate) fn add(&self, skus: &BTreeSet<Sku>) {
        let mut known = self.skus();
        if known.len() + skus.len() > MAX_HINTS {
            // A lost hint costs one more decision.
            known.clear();
        }
        known.extend(skus.iter().cloned());
    }

    /// Those that a scope names.
    pub(crate) fn among(&self, scope: &Scope) -> Vec<Sku> {
        self.skus().intersection(&scope.skus).cloned().collect()
    }

    fn skus(&self) -> MutexGuard<'_, BTreeSet<Sku>> {
        // A poisoned set is still no more than hints.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
