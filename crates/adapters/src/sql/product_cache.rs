//! What a store remembers of the products it has just had in its hands.
//!
//! To place lines, a decision needs each product's record and the first of its batches with something available, and
//! nearly always the store read or wrote both a moment ago. It may then decide on what it remembers, without reading
//! anything, provided that it checks when it stores, in the same transaction, that
//!
//! - each product still has the version that is remembered: every change of a product raises it, so the same version
//!   means the same batches; or that no more has happened to it than the decision can stand ([`Precondition`]);
//! - the lines and orders that the scope names do not exist, because the decision took them to be new.
//!
//! Where that does not hold, nothing is stored, and the store reads and decides anew. So what is remembered can cost
//! a second decision when it is wrong, but never a wrong one.

use std::collections::HashMap;

use earmark_domain::{
    AllocationRecord, BATCH_PAGE, BacklogNeed, BatchPageEnd, BatchRecord, Change, ChangeSet, LineKey, Loaded,
    Precondition, Preference, ProductRecord, Scope, Sku,
};

/// How many products and batches one generation holds, counted together; there are two. About 10 MiB each when full.
const MOST_ROWS: usize = 32_768;

/// Of a product with more open batches than these no more than the first [`BATCH_PAGE`] are remembered.
const MOST_BATCHES: usize = 4 * BATCH_PAGE;

/// How often in a row a product must be read and found as it was left before it is trusted again. Two who sell the same
/// product take turns, though not strictly: one who was lucky once would be wrong the next time.
const DOUBTS: u8 = 16;

/// Of products by SKU: what tells one who read a product before whether more has happened to it since than that lines were
/// placed (see [`Precondition`]). It is the product's version less those. Of a store that has one writer it is not known: there
/// nothing happens in between.
pub(crate) type BaseVersions = HashMap<Sku, u64>;

/// What is remembered for a scope.
#[derive(Debug)]
pub(crate) struct CachedScope {
    /// What the scope would read.
    pub(crate) loaded: Loaded,
    /// Of its products.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer knows that nothing happens in between")
    )]
    pub(crate) base_versions: BaseVersions,
}

/// A product as it was when the store last read or wrote it.
#[derive(Debug, Clone)]
struct Known {
    product: ProductRecord,
    /// Its form, where there is one. While that stands, others may have placed lines: then the version is a later one, and
    /// less is available than is remembered.
    base_version: Option<u64>,
    /// Batches with something available, in preference order.
    offer: Vec<BatchRecord>,
    /// Where the offer was cut; `None`: it is whole.
    cut: Option<Preference>,
    /// How often it has still to be found unchanged before the store may decide on it. While somebody else changes the
    /// product as well, the decision would have to be taken anew nearly each time.
    doubts: u8,
}

impl Known {
    /// How much room it takes.
    fn rows(&self) -> usize {
        1 + self.offer.len()
    }

    /// Takes note of units that were earmarked; `false` when it is no longer known what is on offer.
    fn earmark(&mut self, held: &AllocationRecord) -> bool {
        let Some(place) = self.offer.iter().position(|batch| batch.reference == held.batch) else {
            // Behind the cut nothing is remembered.
            return self.cut.is_some();
        };
        let batch = &mut self.offer[place];
        let Some(allocated) = batch.allocated.checked_add(held.quantity.units()) else {
            return false;
        };
        batch.allocated = allocated;
        if batch.available().is_zero() {
            self.offer.remove(place);
            // The place that became free belongs to a batch behind the cut.
            return self.cut.is_none();
        }
        true
    }
}

/// Products as a transaction that is under way will have left them. `None`: nothing is known of it any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct PendingProducts {
    products: HashMap<Sku, Option<Known>>,
}

/// The memory: bounded, the longest unused forgotten first.
///
/// Two generations: what is used moves to the younger one; when that is full, the older one is forgotten and the
/// younger takes its place.
#[derive(Debug, Default)]
pub(crate) struct ProductCache {
    young: HashMap<Sku, Known>,
    young_rows: usize,
    old: HashMap<Sku, Known>,
}

impl ProductCache {
    /// What a scope would read, if all of it is remembered and may be trusted. The scope's lines and orders are taken
    /// to be new: whoever stores a decision on this has to check it, and the versions.
    pub(crate) fn get(&mut self, scope: &Scope) -> Option<CachedScope> {
        self.get_behind(&PendingProducts::default(), scope)
    }

    /// The same, behind a transaction that is under way: its products as it will have left them.
    pub(crate) fn get_behind(&mut self, pending: &PendingProducts, scope: &Scope) -> Option<CachedScope> {
        let asks_for_more = scope.backlog != BacklogNeed::None
            || scope.release.is_some()
            || scope.dispatches
            || !scope.holds.is_empty();
        if asks_for_more || !scope.batches.is_empty() || scope.skus.is_empty() {
            return None;
        }
        let (mut loaded, mut base_versions) = (Loaded::default(), BaseVersions::default());
        for sku in &scope.skus {
            let known = self.known_behind(pending, sku).filter(|known| known.doubts == 0)?;
            if let Some(after) = known.cut {
                if scope.all_batches_of.contains(sku) {
                    return None;
                }
                let sku = sku.clone();
                loaded.batch_pages_cut.push(BatchPageEnd { sku, after });
            }
            base_versions.extend(known.base_version.map(|base_version| (sku.clone(), base_version)));
            loaded.products.push(known.product.clone());
            loaded.batches.extend_from_slice(&known.offer);
        }
        Some(CachedScope { loaded, base_versions })
    }

    /// Whether a decision does nothing but place new lines of products that are remembered: nothing else changes but
    /// their versions, and with them whether they have run out and when the next hold on them ends. A decision that
    /// stores nothing does no more either. It was taken behind `pending`.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer knows that nobody else was at work")
    )]
    pub(crate) fn only_places(&mut self, pending: &PendingProducts, changes: &ChangeSet) -> bool {
        let only_new = leaves_batches_alone(changes)
            && changes.orders.iter().all(|order| matches!(order, Change::New(_)))
            && changes.lines.iter().all(|line| matches!(line, Change::New(_)));
        only_new
            && changes.products.iter().all(|change| {
                self.known_behind(pending, &change.record.sku).is_some_and(|known| {
                    let read = ProductRecord {
                        version: known.product.version,
                        depleted: known.product.depleted,
                        next_expiry: known.product.next_expiry,
                        ..change.record.clone()
                    };
                    // Whoever stores lines alone looks at the products with a new version alone.
                    let rises = change.record.version > known.product.version;
                    change.read_version == Some(known.product.version) && rises && read == known.product
                })
            })
    }

    /// How a decision that is under way will have left the products it changes, if it is stored. It was taken behind
    /// `pending`.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(
            dead_code,
            reason = "a store with one writer decides when what came before is stored"
        )
    )]
    pub(crate) fn left_by(&mut self, pending: &PendingProducts, changes: &ChangeSet) -> PendingProducts {
        let mut left = Self::default();
        for change in &changes.products {
            if let Some(known) = self.known_behind(pending, &change.record.sku) {
                left.remember(known.clone());
            }
        }
        left.apply(changes);
        let skus = changes.products.iter().map(|change| &change.record.sku);
        PendingProducts {
            products: skus.map(|sku| (sku.clone(), left.known(sku).cloned())).collect(),
        }
    }

    /// Takes note that a decision is stored which left products like this. What is known of later ones stays.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(
            dead_code,
            reason = "a store with one writer takes note of what it has stored in order"
        )
    )]
    pub(crate) fn apply_pending(&mut self, stored: PendingProducts) {
        for (sku, left) in stored.products {
            let present = self.known(&sku).map(|known| (known.product.version, known.doubts));
            match (left, present) {
                (Some(left), Some((version, _))) if version > left.product.version => {}
                (Some(left), Some((_, doubts))) => self.remember(Known { doubts, ..left }),
                // Forgotten in between: so it is not in use.
                (Some(_), None) => {}
                (None, _) => self.forget(&sku),
            }
        }
    }

    /// Takes note of what was read, under its locks.
    pub(crate) fn fill(&mut self, loaded: &Loaded, base_versions: &BaseVersions) {
        let mut offers: HashMap<&Sku, Vec<&BatchRecord>> = HashMap::new();
        for batch in &loaded.batches {
            offers.entry(&batch.sku).or_default().push(batch);
        }
        for product in &loaded.products {
            let cut = loaded.batch_pages_cut.iter().find(|cut| cut.sku == product.sku);
            let cut = cut.map(|cut| cut.after);
            let mut offer = offers.remove(&product.sku).unwrap_or_default();
            // Others were read because lines lie in them.
            offer.retain(|batch| !batch.available().is_zero() && cut.is_none_or(|after| batch.preference() <= after));
            offer.sort_by_key(|batch| batch.preference());
            let cut = if offer.len() > MOST_BATCHES {
                offer.truncate(BATCH_PAGE);
                offer.last().map(|batch| batch.preference())
            } else {
                cut
            };
            let base_version = base_versions.get(&product.sku).copied();
            // Not as it was left here: somebody else is at work on the product, and does more than to place lines.
            let doubts = match self.known(&product.sku) {
                Some(known)
                    if known.product == *product || (base_version.is_some() && known.base_version == base_version) =>
                {
                    known.doubts.saturating_sub(1)
                }
                Some(_) => DOUBTS,
                None => 0,
            };
            self.remember(Known {
                product: product.clone(),
                base_version,
                offer: offer.into_iter().cloned().collect(),
                cut,
                doubts,
            });
        }
    }

    /// Takes note of what was stored.
    pub(crate) fn apply(&mut self, changes: &ChangeSet) {
        // What a change of batches leaves on offer would have to be worked out again; to read it is simpler.
        let places = leaves_batches_alone(changes);
        for change in &changes.products {
            match self.known(&change.record.sku) {
                Some(known) if places && change.read_version == Some(known.product.version) => {
                    if change.precondition == Precondition::SameVersion {
                        let risen = change.record.version - known.product.version;
                        known.base_version = known.base_version.map(|base_version| base_version + risen);
                    }
                    known.product = change.record.clone();
                }
                Some(_) => self.forget(&change.record.sku),
                None => {}
            }
        }
        let of: HashMap<&LineKey, &Sku> = changes
            .lines
            .iter()
            .map(Change::value)
            .map(|line| (&line.terms.key, &line.sku))
            .collect();
        for held in &changes.earmarked {
            let Some(sku) = of.get(&held.key) else {
                // Units for a line that is not among the changes: whose they are is not told.
                changes
                    .products
                    .iter()
                    .for_each(|change| self.forget(&change.record.sku));
                return;
            };
            let placing_event = self.known(sku).map(|known| known.earmark(held));
            if placing_event == Some(false) {
                self.forget(sku);
            }
        }
    }

    /// Trusts what is remembered of these products no more, until it is read and found unchanged a number of times.
    #[cfg_attr(
        not(any(feature = "postgres", test)),
        expect(dead_code, reason = "a store with one writer knows that nobody else was at work")
    )]
    pub(crate) fn distrust<'a>(&mut self, skus: impl IntoIterator<Item = &'a Sku>) {
        for sku in skus {
            if let Some(known) = self.known(sku) {
                known.doubts = DOUBTS;
            }
        }
    }

    /// Forgets everything: somebody else has changed the books.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    fn forget(&mut self, sku: &Sku) {
        if let Some(known) = self.young.remove(sku) {
            self.young_rows -= known.rows().min(self.young_rows);
        }
        self.old.remove(sku);
    }

    /// What is remembered of a product, which is in use and so becomes young again.
    fn known(&mut self, sku: &Sku) -> Option<&mut Known> {
        if let Some(known) = self.old.remove(sku) {
            self.remember(known);
        }
        self.young.get_mut(sku)
    }

    /// What is known of a product behind a transaction that is under way.
    fn known_behind<'a>(&'a mut self, pending: &'a PendingProducts, sku: &Sku) -> Option<&'a Known> {
        match pending.products.get(sku) {
            Some(left) => left.as_ref(),
            None => self.known(sku).map(|known| &*known),
        }
    }

    fn remember(&mut self, known: Known) {
        self.forget(&known.product.sku);
        if self.young_rows + known.rows() > MOST_ROWS {
            self.old = std::mem::take(&mut self.young);
            self.young_rows = 0;
        }
        self.young_rows += known.rows();
        self.young.insert(known.product.sku.clone(), known);
    }
}

/// Whether batches only change by what is earmarked in them.
const fn leaves_batches_alone(changes: &ChangeSet) -> bool {
    changes.batches.is_empty()
        && changes.released.is_empty()
        && changes.dispatched.is_empty()
        && changes.returned.is_empty()
}

#[cfg(test)]
mod tests;
