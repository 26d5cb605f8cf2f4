//! Reading what a scope names, and no more.

use std::collections::BTreeSet;
use std::ops::Bound;

use earmark_application::DueOrder;
use earmark_domain::{
    BACKLOG_PAGE, BATCH_PAGE, BacklogNeed, BacklogRead, BatchPageEnd, CHANGE_PAGE, LineKey, Loaded, NextHold, OrderId,
    Quantity, Reference, ReleaseLines, ReleasePosition, ReleaseRead, Scope, ServicePosition, Sku, Units,
};

use jiff::Timestamp;

use super::tables::{StoredBatch, StoredProduct, Tables, committed};

impl Tables {
    /// A consistent copy of what a scope names.
    pub(super) fn load(&self, scope: &Scope) -> Loaded {
        let mut lines: BTreeSet<LineKey> = scope.lines.clone();
        let mut skus: BTreeSet<Sku> = scope.skus.clone();
        for line in scope.orders.iter().flat_map(|order| self.lines_of(order)) {
            skus.insert(line.record.sku.clone());
            lines.insert(line.record.terms.key.clone());
        }
        let named = scope.batches.iter().filter_map(|reference| self.batches.get(reference));
        skus.extend(named.map(|batch| batch.record.sku.clone()));

        let processed = scope.messages.intersection(&self.inbox).cloned().collect();
        let mut loaded = Loaded {
            processed,
            ..Loaded::default()
        };
        let mut references: BTreeSet<Reference> = scope.batches.clone();
        for product in skus.iter().filter_map(|sku| self.products.get(sku)) {
            loaded.products.push(product.record.clone());
            let all = scope.all_batches_of.contains(&product.record.sku);
            let most = if all { usize::MAX } else { BATCH_PAGE };
            references.extend(product.live.values().take(most).cloned());
            if product.live.len() > most {
                loaded
                    .batch_pages_cut
                    .extend(product.live.keys().nth(most - 1).map(|last| BatchPageEnd {
                        sku: product.record.sku.clone(),
                        after: *last,
                    }));
            }
            if scope.backlog != BacklogNeed::None {
                let (positions, read) = backlog_page(product, scope.backlog);
                lines.extend(positions.map(|position| position.key.clone()));
                loaded.backlog.push(read);
            }
            if scope.holds.contains(&product.record.sku) {
                let mut others = product.deadlines.iter();
                let next = others.find(|(_, key)| !scope.orders.contains(&key.order));
                loaded.next_holds.push(NextHold {
                    sku: product.record.sku.clone(),
                    at: next.map(|(deadline, _)| *deadline),
                });
            }
        }
        if let Some(need) = scope.release_of(&loaded.products)
            && let Some(batch) = self.batches.get(&need.batch)
        {
            references.insert(need.batch.clone());
            let (leaving, more) = lines_to_release(batch, &need.lines);
            lines.extend(leaving);
            let batch = need.batch;
            loaded.release = Some(ReleaseRead { batch, more });
        }

        for line in lines.iter().filter_map(|key| self.line(key)) {
            loaded.lines.push(line.record.clone());
            references.extend(line.allocations.iter().map(|allocation| allocation.batch.clone()));
            loaded.allocations.extend(line.allocations.iter().cloned());
            if scope.dispatches && scope.orders.contains(&line.record.terms.key.order) {
                references.extend(line.dispatches.iter().map(|dispatch| dispatch.batch.clone()));
                loaded.dispatches.extend(line.dispatches.iter().cloned());
            }
        }
        let batches = references.iter().filter_map(|reference| self.batches.get(reference));
        loaded.batches = batches.map(|batch| batch.record.clone()).collect();
        let orders = scope.orders.iter().filter_map(|order| self.orders.get(order));
        loaded.orders = orders.cloned().collect();
        loaded
    }

    /// Orders that have a line of one of these products whose deadline is not after an instant, the earliest first.
    pub(super) fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Vec<DueOrder> {
        let products = skus.iter().filter_map(|sku| self.products.get(sku));
        let deadlines = products.flat_map(|product| &product.deadlines);
        let mut due: Vec<(Timestamp, &OrderId)> = deadlines
            .filter(|(deadline, _)| *deadline <= now)
            .map(|(deadline, key)| (*deadline, &key.order))
            .collect();
        due.sort_unstable();
        let mut seen = BTreeSet::new();
        let first = due
            .into_iter()
            .map(|(_, order)| order)
            .filter(|order| seen.insert(*order));
        first
            .take(limit)
            .map(|order| DueOrder {
                id: order.clone(),
                lines: self.lines_of(order).count(),
            })
            .collect()
    }
}

/// A page of the lines that would have to leave a batch, in the order that is asked for: no more than cover the excess;
/// or all that hold units there. Says whether there are more.
fn lines_to_release(batch: &StoredBatch, which: &ReleaseLines) -> (Vec<LineKey>, bool) {
    let all = Units::new(u64::MAX);
    let (mut excess, held): (Units, &mut dyn Iterator<Item = (&ReleasePosition, &Quantity)>) = match which {
        ReleaseLines::Beyond(quantity) => {
            let excess = committed(&batch.record).saturating_sub(quantity.units());
            (excess, &mut batch.held.iter())
        }
        ReleaseLines::All => (all, &mut batch.held.iter()),
        ReleaseLines::LastFirst { after: None } => (all, &mut batch.held.iter().rev()),
        ReleaseLines::LastFirst { after: Some(after) } => (all, &mut batch.held.range(..after).rev()),
    };
    let mut keys = Vec::new();
    for (position, quantity) in held {
        if excess == Units::ZERO {
            break;
        }
        if keys.len() == CHANGE_PAGE {
            return (keys, true);
        }
        excess = excess.saturating_sub(quantity.units());
        keys.push(position.line.key.clone());
    }
    (keys, false)
}

/// One page of a product's backlog.
fn backlog_page(product: &StoredProduct, need: BacklogNeed) -> (impl Iterator<Item = &ServicePosition>, BacklogRead) {
    let after = match need {
        BacklogNeed::Resume => product.record.resume_after.clone(),
        BacklogNeed::None | BacklogNeed::FromStart => None,
    };
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let waiting = product.backlog.range((from, Bound::Unbounded));
    let more = waiting.clone().nth(BACKLOG_PAGE).is_some();
    let last = waiting.clone().take(BACKLOG_PAGE).last().filter(|_| more).cloned();
    let read = BacklogRead {
        sku: product.record.sku.clone(),
        until: last,
    };
    (waiting.take(BACKLOG_PAGE), read)
}
