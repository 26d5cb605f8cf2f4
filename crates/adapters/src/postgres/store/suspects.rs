//! Which products were found locked by others, and not found free since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earmark_domain::{Scope, Sku};

/// How many products are remembered. More than that are not locked by a forgotten session, but by a locked table; then
/// waiting for them is no worse.
const MAX_SUSPECTS: usize = 1_024;

/// Products with the transactions that have locked their rows, as the server numbers them.
pub(super) type Lockers = BTreeMap<Sku, BTreeSet<String>>;

/// The products that were found locked, and not found free since.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    lockers: Mutex<Lockers>,
    /// Whether there is any: mostly there is none.
    any: AtomicBool,
}

impl Suspects {
    /// Whether a scope names one.
    pub(super) fn are_named_in(&self, scope: &Scope) -> bool {
        self.any.load(Ordering::Relaxed) && {
            let lockers = self.lockers();
            lockers.keys().any(|sku| scope.skus.contains(sku))
        }
    }

    /// Whether what a scope names may lead to one: which products a batch or an order has is not known before they are
    /// loaded. A new order has none but those it names, and is not loaded where its products are cached.
    pub(super) fn may_be_led_to_by(&self, scope: &Scope) -> bool {
        self.any.load(Ordering::Relaxed) && !(scope.batches.is_empty() && scope.orders.is_empty())
    }

    /// Of the products that are locked now, those that a transaction had locked before and still has. Who holds a lock
    /// at two looks stands still; who has one now may be gone in a millisecond.
    pub(super) fn still_locked(&self, now: &Lockers) -> BTreeSet<Sku> {
        let before = self.lockers();
        let same = |sku: &Sku, lockers: &BTreeSet<String>| {
            let known = before.get(sku);
            known.is_some_and(|known| !known.is_disjoint(lockers))
        };
        let still = now.iter().filter(|(sku, lockers)| same(sku, lockers));
        still.map(|(sku, _)| sku.clone()).collect()
    }

    /// Remembers that these products of a scope are locked, and its others free.
    pub(super) fn note(&self, scope: &Scope, locked: Lockers) {
        let mut lockers = self.lockers();
        lockers.retain(|sku, _| !scope.skus.contains(sku));
        if lockers.len() + locked.len() > MAX_SUSPECTS {
            lockers.clear();
        }
        lockers.extend(locked.into_iter().take(MAX_SUSPECTS));
        self.any.store(!lockers.is_empty(), Ordering::Relaxed);
    }

    fn lockers(&self) -> MutexGuard<'_, Lockers> {
        // A wrong suspicion costs one look.
        self.lockers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(name: &str) -> Sku {
        Sku::new(name).expect("a SKU")
    }

    fn locked(by: &[(&str, &str)]) -> Lockers {
        let of_one = |(name, locker): &(&str, &str)| (sku(name), BTreeSet::from([(*locker).to_owned()]));
        by.iter().map(of_one).collect()
    }

    fn scope(names: &[&str]) -> Scope {
        Scope {
            skus: names.iter().map(|name| sku(name)).collect(),
            ..Scope::default()
        }
    }

    #[test]
    fn a_product_that_changes_hands_is_busy_and_not_locked() {
        let suspects = Suspects::default();
        suspects.note(&scope(&["LAMP", "DESK"]), locked(&[("LAMP", "7"), ("DESK", "8")]));
        let still = suspects.still_locked(&locked(&[("LAMP", "7"), ("DESK", "9"), ("CHAIR", "10")]));
        assert_eq!(still, [sku("LAMP")].into());
    }

    #[test]
    fn a_product_that_was_found_free_is_suspect_no_more() {
        let suspects = Suspects::default();
        assert!(!suspects.are_named_in(&scope(&["LAMP"])));
        suspects.note(&scope(&["LAMP"]), locked(&[("LAMP", "7")]));
        assert!(suspects.are_named_in(&scope(&["LAMP", "DESK"])) && !suspects.are_named_in(&scope(&["DESK"])));
        suspects.note(&scope(&["LAMP", "DESK"]), Lockers::new());
        assert!(!suspects.are_named_in(&scope(&["LAMP"])));
    }
}
