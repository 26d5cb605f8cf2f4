//! Which products were found locked by others, and not found free since.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earmark_domain::{Scope, Sku};

/// How many products are remembered. More than that are not locked by a forgotten session, but by a locked table; then
/// waiting for them is no worse.
const MAX_SUSPECTS: usize = 1_024;

/// The products that were found locked, and not found free since.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    skus: Mutex<BTreeSet<Sku>>,
    /// Whether there is any: mostly there is none.
    any: AtomicBool,
}

impl Suspects {
    /// Whether a transaction with this scope may touch one.
    pub(super) fn concern(&self, scope: &Scope) -> bool {
        // What products a batch or an order belongs to is not known here.
        self.any.load(Ordering::Relaxed)
            && (!scope.batches.is_empty() || !scope.orders.is_empty() || !self.skus().is_disjoint(&scope.skus))
    }

    /// These products of a scope are locked; its others are free.
    pub(super) fn note(&self, scope: &Scope, locked: &BTreeSet<Sku>) {
        let mut skus = self.skus();
        skus.retain(|sku| !scope.skus.contains(sku));
        if skus.len() + locked.len() > MAX_SUSPECTS {
            skus.clear();
        }
        skus.extend(locked.iter().take(MAX_SUSPECTS).cloned());
        self.any.store(!skus.is_empty(), Ordering::Relaxed);
    }

    fn skus(&self) -> MutexGuard<'_, BTreeSet<Sku>> {
        // A wrong suspicion costs one look.
        self.skus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
