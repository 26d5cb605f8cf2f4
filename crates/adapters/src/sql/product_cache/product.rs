//! One cached product.

use earmark_domain::{
    AllocationRecord, BATCH_PAGE, BatchPageEnd, BatchRecord, Loaded, Precondition, Preference, ProductChange,
    ProductRecord,
};

/// Of a product with more open batches than these only the first [`BATCH_PAGE`] are cached.
const MAX_BATCHES: usize = 4 * BATCH_PAGE;

/// A product as the store last read or wrote it.
#[derive(Debug, Clone)]
pub(super) struct CachedProduct {
    pub(super) product: ProductRecord,
    /// Its base version, in a store that has them. While it stands, other transactions may have placed lines: then the
    /// version is a later one, and fewer units are available than are cached.
    pub(super) base_version: Option<u64>,
    /// Batches with something available, in preference order.
    pub(super) offer: Vec<BatchRecord>,
    /// Where the cached offer ends; `None`: it is whole.
    pub(super) cut: Option<Preference>,
    /// How often it has still to be found unchanged before it is served. While another instance changes the product as
    /// well, nearly every decision on the cache would have to be taken again.
    pub(super) cooldown: u8,
}

impl CachedProduct {
    /// A product as it was loaded. `offer`: its loaded batches.
    pub(super) fn of(
        product: &ProductRecord,
        mut offer: Vec<&BatchRecord>,
        loaded: &Loaded,
        base_version: Option<u64>,
        cooldown: u8,
    ) -> Self {
        let cut = loaded.batch_pages_cut.iter().find(|cut| cut.sku == product.sku);
        let mut cut = cut.map(|BatchPageEnd { after, .. }| *after);
        // Other batches were loaded because lines lie in them.
        offer.retain(|batch| !batch.available().is_zero() && cut.is_none_or(|after| batch.preference() <= after));
        offer.sort_by_key(|batch| batch.preference());
        if offer.len() > MAX_BATCHES {
            offer.truncate(BATCH_PAGE);
            cut = offer.last().map(|batch| batch.preference());
        }
        Self {
            product: product.clone(),
            base_version,
            offer: offer.into_iter().cloned().collect(),
            cut,
            cooldown,
        }
    }

    /// How many rows it counts for in the bound of the cache.
    pub(super) fn rows(&self) -> usize {
        1 + self.offer.len()
    }

    /// Applies a change that does no more than place lines. A change that was not made under escrow raises the base
    /// version as well.
    pub(super) fn apply(&mut self, change: &ProductChange) {
        if change.precondition == Precondition::SameVersion {
            let raised_by = change.record.version - self.product.version;
            self.base_version = self.base_version.map(|base_version| base_version + raised_by);
        }
        self.product = change.record.clone();
    }

    /// Applies an allocation; `false`: the offer is no longer known.
    pub(super) fn allocate(&mut self, held: &AllocationRecord) -> bool {
        let Some(index) = self.offer.iter().position(|batch| batch.reference == held.batch) else {
            // Batches behind the cut are not cached.
            return self.cut.is_some();
        };
        let batch = &mut self.offer[index];
        let Some(allocated) = batch.allocated.checked_add(held.quantity.units()) else {
            return false;
        };
        batch.allocated = allocated;
        if batch.available().is_zero() {
            self.offer.remove(index);
            // A batch behind the cut would have to take its place.
            return self.cut.is_none();
        }
        true
    }

    /// Whether a change does no more to the product than to place lines: only its version changes, and with it whether
    /// the product is depleted, whether it has a line at risk, and when the next hold on it ends.
    pub(super) fn is_only_placed_in(&self, change: &ProductChange) -> bool {
        let read = ProductRecord {
            version: self.product.version,
            depleted: self.product.depleted,
            at_risk: self.product.at_risk,
            next_expiry: self.product.next_expiry,
            ..change.record.clone()
        };
        // The fast path writes no product whose version stays, and none on which work is pending.
        let raises_version = change.record.version > self.product.version;
        let is_free = raises_version && change.record.pending.is_none();
        change.read_version == Some(self.product.version) && is_free && read == self.product
    }
}
