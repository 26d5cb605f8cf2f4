//! Products that others have locked: a circuit breaker for each.
//!
//! A transaction that meets a locked product waits for it in vain, and has to be run again without it. So for a moment
//! the commands that name the product are answered at once, and disturb no group. Then one group tries again: the
//! circuit is closed if it succeeds, and open again if not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use earmark_domain::Sku;

use super::job::Job;

/// For how long the commands on a product are not tried after it was found locked. Short beside the pause after which
/// clients send again (a second), and long beside a transaction (some milliseconds).
const OPEN_FOR: Duration = Duration::from_millis(500);

/// How many products have a circuit. Beyond that the oldest knowledge is dropped, which costs a wait for each.
const MAX_PRODUCTS: usize = 1_024;

/// The products with an open circuit, each with the instant of the monotonic clock until which it is.
#[derive(Debug, Default)]
pub(crate) struct LockedProducts {
    open_until: Mutex<BTreeMap<Sku, Duration>>,
    /// Whether there is any: mostly there is none, and groups are formed without a look.
    any: AtomicBool,
}

impl LockedProducts {
    /// Opens the circuits of products that were found locked.
    pub(crate) fn add(&self, skus: &BTreeSet<Sku>, now: Duration) {
        let mut open_until = self.open_until();
        open_until.retain(|_, until| *until > now);
        if open_until.len() + skus.len() > MAX_PRODUCTS {
            open_until.clear();
        }
        let until = now + OPEN_FOR;
        open_until.extend(skus.iter().take(MAX_PRODUCTS).map(|sku| (sku.clone(), until)));
        self.any.store(!open_until.is_empty(), Ordering::Relaxed);
    }

    /// Takes the jobs that name a product with an open circuit out of a group.
    pub(crate) fn take_from(&self, jobs: &mut Vec<Job>, now: Duration) -> Vec<Job> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut open_until = self.open_until();
        open_until.retain(|_, until| *until > now);
        self.any.store(!open_until.is_empty(), Ordering::Relaxed);
        let open: BTreeSet<Sku> = open_until.keys().cloned().collect();
        drop(open_until);
        jobs.extract_if(.., |job| job.names_any(&open)).collect()
    }

    fn open_until(&self) -> MutexGuard<'_, BTreeMap<Sku, Duration>> {
        // Every change is complete before anything can panic.
        self.open_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
