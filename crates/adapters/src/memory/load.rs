//! Reading what a scope names, and no more.

use std::collections::BTreeSet;
use std::ops::Bound;

use earmark_application::DueOrder;
use earmark_domain::{
    BACKLOG_PAGE, BATCH_PAGE, BacklogScope, BatchPageEnd, BatchRecord, CHANGE_PAGE, IMPROVEMENT_PAGE, ImprovementScope,
    JoinedOrder, LineKey, Loaded, NextHold, OrderId, Quantity, Reference, ReleaseLines, ReleasePosition, ReleaseRead,
    ReleaseScope, Scope, ServicePosition, ServiceRead, Sku, Units, is_overdue,
};

use jiff::Timestamp;
use jiff::civil::Date;

use super::tables::{StoredBatch, StoredLine, StoredProduct, Tables, committed};

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

        let processed = self.inbox.among(&scope.messages).collect();
        let mut loaded = Loaded {
            processed,
            known_locations: scope.locations.intersection(&self.locations).cloned().collect(),
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
            if let Some(page) = scope.backlog_of(&product.record) {
                let (keys, read) = self.backlog_page(product, &page);
                lines.extend(keys);
                loaded.backlog.push(read);
            }
            if let Some(day) = scope.day {
                references.extend(self.untold_delays(product, day));
                let (keys, more) = self.to_break(product, day);
                lines.extend(keys);
                loaded.more_to_break |= more;
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
        if let Some(page) = scope.improvement_of(&loaded.products)
            && let Some(product) = self.products.get(&page.sku)
        {
            let (keys, read) = self.to_improve(product, &page);
            lines.extend(keys);
            loaded.improvable = Some(read);
        }
        let mut room = CHANGE_PAGE;
        for ReleaseScope { batch, lines: which } in scope.releases_of(&loaded.products) {
            let Some(stored) = self.batches.get(&batch) else {
                continue;
            };
            references.insert(batch.clone());
            let (leaving, more) = lines_to_release(stored, &which, room);
            room -= leaving.len();
            lines.extend(leaving);
            loaded.releases.push(ReleaseRead { batch, more });
        }

        for line in lines.iter().filter_map(|key| self.line(key)) {
            loaded.lines.push(line.record.clone());
            references.extend(line.allocations.iter().map(|allocation| allocation.batch.clone()));
            loaded.allocations.extend(line.allocations.iter().cloned());
            loaded.dispatches.extend(line.dispatches.iter().cloned());
            if scope.dispatches {
                references.extend(line.dispatches.iter().map(|dispatch| dispatch.batch.clone()));
            }
        }
        let batches = references.iter().filter_map(|reference| self.batches.get(reference));
        loaded.batches = batches.map(|batch| batch.record.clone()).collect();
        loaded.joined = scope.joined.iter().filter_map(|order| self.joined(order)).collect();
        let orders = scope
            .orders
            .iter()
            .chain(&scope.joined)
            .filter_map(|order| self.orders.get(order));
        loaded.orders = orders.cloned().collect();
        loaded
    }

    /// An order that a line is added to.
    fn joined(&self, order: &OrderId) -> Option<JoinedOrder> {
        let records = self.lines_of(order).map(|line| &line.record);
        let lines: BTreeSet<_> = records.map(|line| (line.state, line.terms.hold_until)).collect();
        let id = order.clone();
        (!lines.is_empty()).then_some(JoinedOrder { id, lines })
    }

    /// One page of a product's backlog.
    fn backlog_page(&self, product: &StoredProduct, page: &BacklogScope) -> (Vec<LineKey>, ServiceRead) {
        let available = product.live.values().filter_map(|batch| self.batches.get(batch));
        let available = available.map(|batch| batch.record.available());
        let (whole, split) = (available.clone().max().unwrap_or_default(), available.sum::<Units>());
        let fits = |position: &&ServicePosition| {
            !page.fitting
                || self.line(&position.key).is_some_and(|line| {
                    let most = if line.record.terms.split { split } else { whole };
                    line.record.terms.quantity.units() <= most
                })
        };
        let from = page.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let waiting = product.backlog.range((from, Bound::Unbounded)).filter(fits).cloned();
        first_page(&product.record.sku, waiting, BACKLOG_PAGE)
    }

    /// A page of the lines of a product that may move to better stock.
    fn to_improve(&self, product: &StoredProduct, page: &ImprovementScope) -> (Vec<LineKey>, ServiceRead) {
        let may_move = |batch: &StoredBatch, line: &StoredLine| {
            let position = line.record.service_position();
            let is_after = page.after.as_ref().is_none_or(|after| position > *after);
            let is_asked = !page.at_risk || line.record.may_be_at_risk(batch.record.overdue);
            (is_after && is_asked).then_some(position)
        };
        let coming = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let coming = coming.filter(|batch| batch.record.eta.is_some() && !batch.record.closed);
        let positions: BTreeSet<ServicePosition> = coming
            .flat_map(|batch| batch.held.keys().map(move |position| (batch, &position.line.key)))
            .filter_map(|(batch, key)| may_move(batch, self.line(key)?))
            .collect();
        first_page(&product.record.sku, positions.into_iter(), IMPROVEMENT_PAGE)
    }

    /// The batches of a product whose ETA lies before a day, if that was not told.
    fn untold_delays(&self, product: &StoredProduct, day: Date) -> impl Iterator<Item = Reference> {
        let batches = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let untold = batches.filter(move |batch| is_untold_delay(&batch.record, day));
        untold.map(|batch| batch.record.reference.clone())
    }

    /// A page of the lines of a product that are due by a day and have units in a batch that is overdue on it. Says
    /// whether there are more.
    fn to_break(&self, product: &StoredProduct, day: Date) -> (Vec<LineKey>, bool) {
        let batches = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let late = batches.filter(|batch| is_overdue(batch.record.eta, day));
        let held = late.flat_map(|batch| batch.held.keys().map(|position| &position.line.key));
        let due = |key: &&LineKey| {
            let due_by = self.line(key).and_then(|line| line.record.promise.due_by);
            due_by.is_some_and(|due_by| due_by <= day)
        };
        let keys: BTreeSet<&LineKey> = held.filter(due).collect();
        let more = keys.len() > CHANGE_PAGE;
        (keys.into_iter().take(CHANGE_PAGE).cloned().collect(), more)
    }

    /// Products of which the day has changed something that was not told.
    pub(super) fn changed_by_day(&self, today: Date, limit: usize) -> Vec<Sku> {
        let changed = self.products.values().filter(|product| {
            self.untold_delays(product, today).next().is_some() || !self.to_break(product, today).0.is_empty()
        });
        changed.take(limit).map(|product| product.record.sku.clone()).collect()
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

/// The lines that would have to leave a batch, no more than `most`, in the order that is asked for: as many as cover the
/// excess; or all that hold units there. Says whether there are more.
fn lines_to_release(batch: &StoredBatch, which: &ReleaseLines, most: usize) -> (Vec<LineKey>, bool) {
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
        if keys.len() == most {
            return (keys, true);
        }
        excess = excess.saturating_sub(quantity.units());
        keys.push(position.line.key.clone());
    }
    (keys, false)
}

/// Whether a batch is overdue on a day, and that was not told.
fn is_untold_delay(batch: &BatchRecord, day: Date) -> bool {
    is_overdue(batch.eta, day) && !batch.overdue && !batch.closed
}

/// The first of some lines of a product, which come in order of service.
fn first_page(sku: &Sku, mut lines: impl Iterator<Item = ServicePosition>, most: usize) -> (Vec<LineKey>, ServiceRead) {
    let page: Vec<ServicePosition> = lines.by_ref().take(most).collect();
    let more = lines.next().is_some();
    let read = ServiceRead {
        sku: sku.clone(),
        until: page.last().filter(|_| more).cloned(),
    };
    (page.into_iter().map(|position| position.key).collect(), read)
}
