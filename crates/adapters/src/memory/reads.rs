//! What the read ports share: the tables as they are read.

use std::collections::BTreeMap;
use std::ops::Bound;

use earmark_application::LineRead;
use earmark_domain::{AllocationRecord, BatchRecord, LineKey, OrderId, Part, Units};
use jiff::Timestamp;

use super::tables::{StoredBatch, StoredLine, StoredProduct, Tables};

/// The values of a table from the one after `after` on.
pub(super) fn values_after<'a, K: Ord, V>(table: &'a BTreeMap<K, V>, after: Option<&K>) -> impl Iterator<Item = &'a V> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    table.range::<K, _>((from, Bound::Unbounded)).map(|(_, value)| value)
}

impl Tables {
    /// A line with its allocations, in preference order.
    pub(super) fn read_line(&self, line: &StoredLine) -> LineRead {
        let mut parts: Vec<_> = line
            .allocations
            .iter()
            .filter_map(|allocation| Some((allocation, self.batches.get(&allocation.batch)?)))
            .collect();
        parts.sort_by_key(|(_, batch)| batch.record.preference());
        let part = |(allocation, batch): (&AllocationRecord, &StoredBatch)| {
            let part = Part {
                batch: allocation.batch.clone(),
                quantity: allocation.quantity,
            };
            (part, batch.record.eta)
        };
        LineRead {
            record: line.record.clone(),
            allocations: parts.into_iter().map(part).collect(),
            dispatches: line.dispatches.iter().map(Into::into).collect(),
        }
    }

    /// A product's batches as they are stored, in preference order.
    pub(super) fn batches_of(&self, product: &StoredProduct) -> Vec<BatchRecord> {
        let stored = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let mut batches: Vec<&StoredBatch> = stored.collect();
        batches.sort_by_key(|batch| batch.record.preference());
        batches.into_iter().map(|batch| batch.record.clone()).collect()
    }

    /// The same without the units of holds that have ended by an instant.
    pub(super) fn batches_at(&self, product: &StoredProduct, now: Timestamp) -> Vec<BatchRecord> {
        let mut batches = self.batches_of(product);
        for batch in &mut batches {
            self.without_ended(product, batch, now);
        }
        batches
    }

    /// Subtracts the units of holds that have ended by an instant from those allocated.
    pub(super) fn without_ended(&self, product: &StoredProduct, batch: &mut BatchRecord, now: Timestamp) {
        let ended = product.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        let held = ended
            .filter_map(|(_, key)| self.line(key))
            .flat_map(|line| &line.allocations)
            .filter(|held| held.batch == batch.reference);
        let ended: Units = held.map(|held| held.quantity.units()).sum();
        batch.allocated = batch.allocated.saturating_sub(ended);
    }

    /// All lines from the one after `after` on.
    pub(super) fn lines_after<'a>(&'a self, after: Option<&'a LineKey>) -> impl Iterator<Item = &'a StoredLine> {
        let from = after.map_or(Bound::Unbounded, |key| Bound::Included(&key.order));
        let orders = self.lines.range::<OrderId, _>((from, Bound::Unbounded));
        orders
            .flat_map(|(_, lines)| lines.values())
            .filter(move |line| after.is_none_or(|after| line.record.terms.key > *after))
    }

    /// The lines of a product that wait at an instant, in order of service.
    pub(super) fn waiting<'a>(
        &'a self,
        product: &'a StoredProduct,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a StoredLine> {
        let lines = product.backlog.iter().filter_map(|position| self.line(&position.key));
        lines.filter(move |line| line.record.terms.hold_until.is_none_or(|deadline| deadline > now))
    }
}
