//! The product cache: the products that a store has last read or written, so that it need not read them again.
//!
//! To place lines, a decision needs each product's record and its first batches with something available. Nearly always
//! the store has read or written both a moment ago. It may then decide on the cache without reading anything, provided
//! that it checks when it stores, in the same transaction, that
//!
//! - each product still has the cached version. Every change of a product raises the version, so the same version means
//!   the same batches. Or, under escrow, that nothing has happened to it but what the decision allows
//!   ([`Precondition`](earmark_domain::Precondition));
//! - the lines and orders that the scope names do not exist, because the decision took them to be new; and the orders
//!   that lines are added to are new or plain, because it took them to give the lines no terms.
//!
//! If the check fails, nothing is stored, and the store reads and decides again. So a stale cache can cost a second
//! decision, but never leads to a wrong one.
//!
//! This is an optimisation that can be taken out: a store whose [`get`](ProductCache::get) always returned `None` would
//! read each scope, and be slower. A store fills the cache with what it loads ([`fill`](ProductCache::fill)), applies
//! what it stores ([`apply`](ProductCache::apply)), and drops what it can't follow. The cache keeps no lines and no
//! orders. It is bounded ([`generations`]).
//!
//! A store with several writers also asks whether a decision only places lines
//! ([`only_places`](ProductCache::only_places)) and so may go the fast path; distrusts products that another instance
//! changes as well ([`distrust`](ProductCache::distrust)); and decides on products as a transaction in flight will
//! leave them ([`PendingProducts`]).

mod generations;
mod product;

use std::collections::HashMap;

use earmark_domain::{BatchPageEnd, BatchRecord, Change, ChangeSet, LineKey, Loaded, Location, Scope, Sku};

use generations::Generations;
use product::CachedProduct;

/// How often in a row a product must be read and found unchanged before it is trusted again. Two instances that sell
/// the same product alternate, though not strictly: after one lucky read the next decision would be wrong.
const COOLDOWN: u8 = 16;

/// The base versions of products by SKU: a product's version minus the commits that only placed lines under escrow. A
/// decision under escrow is valid as long as the base version stands. A store with one writer has none: there nothing
/// happens in between.
pub(crate) type BaseVersions = HashMap<Sku, u64>;

/// What is cached for a scope.
#[derive(Debug)]
pub(crate) struct CachedScope {
    /// What the store would load for it.
    pub(crate) loaded: Loaded,
    /// The base versions of its products.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer has no base versions")
    )]
    pub(crate) base_versions: BaseVersions,
}

/// Products as a transaction in flight will leave them. `None`: that is not known.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingProducts(HashMap<Sku, Option<CachedProduct>>);

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct ProductCache {
    products: Generations,
}

impl ProductCache {
    /// What the store would load for a scope, if all of it is cached and trusted. The scope's lines and orders are
    /// taken to be new, the orders that lines are added to to be plain, and its messages not to be processed: a store that
    /// uses this has to check that, and the versions.
    pub(crate) fn get(&mut self, scope: &Scope) -> Option<CachedScope> {
        self.get_behind(&PendingProducts::default(), scope)
    }

    /// The same behind a transaction in flight: its products are as it will leave them.
    pub(crate) fn get_behind(&mut self, pending: &PendingProducts, scope: &Scope) -> Option<CachedScope> {
        let needs_more = scope.backlog
            || scope.continues
            || scope.reallocates
            || scope.day.is_some()
            || !scope.releases.is_empty()
            || scope.dispatches
            || !scope.holds.is_empty()
            || !scope.batches.is_empty();
        if needs_more || scope.skus.is_empty() {
            return None;
        }
        let (mut loaded, mut base_versions) = (Loaded::default(), BaseVersions::default());
        for sku in &scope.skus {
            let cached = self.product_behind(pending, sku)?;
            // While work is pending on a product, the fast path places nothing beside it.
            if cached.cooldown > 0 || cached.product.pending.is_some() {
                return None;
            }
            if let Some(after) = cached.cut {
                if scope.all_batches_of.contains(sku) {
                    return None;
                }
                let sku = sku.clone();
                loaded.batch_pages_cut.push(BatchPageEnd { sku, after });
            }
            base_versions.extend(cached.base_version.map(|base_version| (sku.clone(), base_version)));
            loaded.products.push(cached.product.clone());
            loaded.batches.extend_from_slice(&cached.offer);
        }
        // A location without stock on offer may be known, and is looked up.
        let is_on_offer = |location: &Location| loaded.batches.iter().any(|batch| batch.location == *location);
        if !scope.locations.iter().all(is_on_offer) {
            return None;
        }
        Some(CachedScope { loaded, base_versions })
    }

    /// Whether a change set, decided behind `pending`, does nothing but place new lines of cached products. One that
    /// stores nothing does no more either.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer has no fast path")
    )]
    pub(crate) fn only_places(&mut self, pending: &PendingProducts, changes: &ChangeSet) -> bool {
        let only_new = leaves_batches_alone(changes)
            && changes.inbox.is_empty()
            && changes.orders.iter().all(|order| matches!(order, Change::New(_)))
            && changes.lines.iter().all(|line| matches!(line, Change::New(_)));
        only_new
            && changes.products.iter().all(|change| {
                self.product_behind(pending, &change.record.sku)
                    .is_some_and(|cached| cached.is_only_placed_in(change))
            })
    }

    /// How a change set, decided behind `pending`, will leave the products that it changes, if it is stored.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer decides only on what is stored")
    )]
    pub(crate) fn left_by(&mut self, pending: &PendingProducts, changes: &ChangeSet) -> PendingProducts {
        let mut left = Self::default();
        for change in &changes.products {
            if let Some(cached) = self.product_behind(pending, &change.record.sku) {
                left.products.insert(cached.clone());
            }
        }
        left.apply(changes);
        let skus = changes.products.iter().map(|change| &change.record.sku);
        let products = skus.map(|sku| (sku.clone(), left.products.get(sku).cloned()));
        PendingProducts(products.collect())
    }

    /// Takes over the products that a transaction has left, which is stored by now. Later versions stay.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer decides only on what is stored")
    )]
    pub(crate) fn apply_pending(&mut self, stored: PendingProducts) {
        for (sku, left) in stored.0 {
            let present = self.products.get(&sku);
            let present = present.map(|cached| (cached.product.version, cached.cooldown));
            match (left, present) {
                (Some(left), Some((version, _))) if version > left.product.version => {}
                (Some(left), Some((_, cooldown))) => self.products.insert(CachedProduct { cooldown, ..left }),
                // It was dropped in between, so it is not in use.
                (Some(_), None) => {}
                (None, _) => self.products.remove(&sku),
            }
        }
    }

    /// Fills the cache with what was loaded under locks.
    pub(crate) fn fill(&mut self, loaded: &Loaded, base_versions: &BaseVersions) {
        let mut offers: HashMap<&Sku, Vec<&BatchRecord>> = HashMap::new();
        for batch in &loaded.batches {
            offers.entry(&batch.sku).or_default().push(batch);
        }
        for product in &loaded.products {
            let base_version = base_versions.get(&product.sku).copied();
            let cooldown = match self.products.get(&product.sku) {
                Some(cached)
                    if cached.product == *product
                        || (base_version.is_some() && cached.base_version == base_version) =>
                {
                    cached.cooldown.saturating_sub(1)
                }
                // It is not as this store left it: another instance changes it, and does more than place lines.
                Some(_) => COOLDOWN,
                None => 0,
            };
            let offer = offers.remove(&product.sku).unwrap_or_default();
            self.products
                .insert(CachedProduct::of(product, offer, loaded, base_version, cooldown));
        }
    }

    /// Applies what was stored.
    pub(crate) fn apply(&mut self, changes: &ChangeSet) {
        // What a change of batches leaves on offer would have to be worked out again: it is simpler to read it.
        let places = leaves_batches_alone(changes);
        for change in &changes.products {
            match self.products.get(&change.record.sku) {
                Some(cached) if places && change.read_version == Some(cached.product.version) => cached.apply(change),
                Some(_) => self.products.remove(&change.record.sku),
                None => {}
            }
        }
        let sku_of: HashMap<&LineKey, &Sku> = changes
            .lines
            .iter()
            .map(Change::value)
            .map(|line| (&line.terms.key, &line.sku))
            .collect();
        for held in &changes.earmarked {
            let Some(sku) = sku_of.get(&held.key) else {
                // The line is not among the changes, so its product is not known.
                for change in &changes.products {
                    self.products.remove(&change.record.sku);
                }
                return;
            };
            let known = self.products.get(sku).map(|cached| cached.allocate(held));
            if known == Some(false) {
                self.products.remove(sku);
            }
        }
    }

    /// Serves these products no more, until each was read and found unchanged [`COOLDOWN`] times.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "in a store with one writer no other instance changes products")
    )]
    pub(crate) fn distrust<'a>(&mut self, skus: impl IntoIterator<Item = &'a Sku>) {
        for sku in skus {
            if let Some(cached) = self.products.get(sku) {
                cached.cooldown = COOLDOWN;
            }
        }
    }

    /// Drops everything: another program has changed the tables, or the cache may be damaged.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// A product behind a transaction in flight.
    fn product_behind<'a>(&'a mut self, pending: &'a PendingProducts, sku: &Sku) -> Option<&'a CachedProduct> {
        match pending.0.get(sku) {
            Some(left) => left.as_ref(),
            None => self.products.get(sku).map(|cached| &*cached),
        }
    }
}

/// Whether batches only change by new allocations.
const fn leaves_batches_alone(changes: &ChangeSet) -> bool {
    changes.batches.is_empty()
        && changes.released.is_empty()
        && changes.dispatched.is_empty()
        && changes.returned.is_empty()
}

#[cfg(test)]
mod tests;
