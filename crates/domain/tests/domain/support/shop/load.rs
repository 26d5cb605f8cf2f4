//! What a scope names, as a store reads it.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    AllocationRecord, BACKLOG_PAGE, BatchPageEnd, BatchRecord, CHANGE_PAGE, DispatchRecord, JoinedOrder, LineKey,
    LineRecord, LineState, Loaded, NextHold, OrderId, ProductRecord, Reference, ReleaseLines, ReleasePosition,
    ReleaseRead, ReleaseScope, Scope, ServicePosition, ServiceRead, Sku, is_overdue,
};
use jiff::civil::Date;

use super::{FIRST_PAGE, Shop};

impl Shop {
    pub(crate) fn load(&self, scope: &Scope) -> Loaded {
        let mut skus = scope.skus.clone();
        skus.extend(
            scope
                .batches
                .iter()
                .filter_map(|b| Some(self.batches.get(b)?.sku.clone())),
        );
        let mut keys: BTreeSet<LineKey> = scope.lines.clone();
        keys.extend(
            self.lines
                .keys()
                .filter(|key| scope.orders.contains(&key.order))
                .cloned(),
        );
        skus.extend(
            self.lines
                .values()
                .filter(|line| scope.orders.contains(&line.terms.key.order))
                .map(|line| line.sku.clone()),
        );
        let mut backlog = Vec::new();
        for product in skus.iter().filter_map(|sku| self.products.get(sku)) {
            let Some(page) = scope.backlog_of(product) else {
                continue;
            };
            let available = |split: bool| {
                let batches = self.batches.values().filter(|batch| batch.sku == product.sku);
                let units = batches.map(|batch| batch.available().get());
                if split { units.sum() } else { units.max().unwrap_or(0) }
            };
            let mut positions: Vec<ServicePosition> = self
                .lines
                .values()
                .filter(|line| line.sku == product.sku && line.state == LineState::Backordered)
                .filter(|line| !page.fitting || u64::from(line.terms.quantity.get()) <= available(line.terms.split))
                .map(LineRecord::service_position)
                .filter(|position| page.after.as_ref().is_none_or(|after| position > after))
                .collect();
            positions.sort();
            let more = positions.len() > BACKLOG_PAGE;
            positions.truncate(BACKLOG_PAGE);
            backlog.push(ServiceRead {
                sku: product.sku.clone(),
                until: positions.last().filter(|_| more).cloned(),
            });
            keys.extend(positions.into_iter().map(|position| position.key));
        }
        let products: Vec<ProductRecord> = skus.iter().filter_map(|sku| self.products.get(sku).cloned()).collect();
        let to_release = scope.releases_of(&products);
        let mut room = self.change_page.unwrap_or(CHANGE_PAGE);
        let mut releases = Vec::new();
        for need in &to_release {
            let (leaving, read) = self.to_release(need, room);
            room -= leaving.len();
            keys.extend(leaving);
            releases.extend(read);
        }
        let (improvable, improvable_read) = self.to_improve(scope, &products);
        keys.extend(improvable);
        let (broken, more_to_break) = self.to_break(scope);
        keys.extend(broken);
        let lines: Vec<LineRecord> = keys.iter().filter_map(|key| self.lines.get(key).cloned()).collect();
        let allocations: Vec<AllocationRecord> = self
            .allocations
            .values()
            .filter(|allocation| keys.contains(&allocation.key))
            .cloned()
            .collect();
        let dispatches: Vec<DispatchRecord> = self
            .dispatches
            .values()
            .filter(|dispatch| keys.contains(&dispatch.key))
            .cloned()
            .collect();
        let batches_of_lines: BTreeSet<&Reference> = allocations
            .iter()
            .map(|allocation| &allocation.batch)
            .chain(dispatches.iter().map(|dispatch| &dispatch.batch))
            .collect();
        let next_hold = |sku: &Sku| NextHold {
            sku: sku.clone(),
            at: self
                .lines
                .values()
                .filter(|line| line.sku == *sku && !scope.orders.contains(&line.terms.key.order))
                .filter_map(|line| line.terms.hold_until)
                .min(),
        };
        let mut first_page = BTreeSet::new();
        let mut batch_pages_cut = Vec::new();
        for sku in &skus {
            let mut open: Vec<&BatchRecord> = self
                .batches
                .values()
                .filter(|batch| batch.sku == *sku && self.available(batch.reference.as_str()) > 0)
                .collect();
            open.sort_by_key(|batch| batch.preference());
            if open.len() > FIRST_PAGE && !scope.all_batches_of.contains(sku) {
                open.truncate(FIRST_PAGE);
                batch_pages_cut.push(BatchPageEnd {
                    sku: sku.clone(),
                    after: open[FIRST_PAGE - 1].preference(),
                });
            }
            first_page.extend(open.into_iter().map(|batch| &batch.reference));
        }
        let batches = self
            .batches
            .values()
            .filter(|batch| {
                first_page.contains(&batch.reference)
                    || scope.batches.contains(&batch.reference)
                    || to_release.iter().any(|need| need.batch == batch.reference)
                    || batches_of_lines.contains(&batch.reference)
                    || (skus.contains(&batch.sku) && scope.day.is_some_and(|day| is_untold(batch, day)))
            })
            .cloned()
            .collect();
        Loaded {
            processed: BTreeMap::new(),
            products,
            releases,
            batches,
            batch_pages_cut,
            known_locations: (scope.locations.iter())
                .filter(|location| self.batches.values().any(|batch| batch.location == **location))
                .cloned()
                .collect(),
            orders: (scope.orders.iter().chain(&scope.joined))
                .filter_map(|id| self.orders.get(id).cloned())
                .collect(),
            joined: scope.joined.iter().filter_map(|id| self.joined(id)).collect(),
            lines,
            allocations,
            dispatches,
            next_holds: scope.holds.iter().map(next_hold).collect(),
            backlog,
            improvable: improvable_read,
            more_to_break,
        }
    }

    /// An order that a line is added to.
    fn joined(&self, id: &OrderId) -> Option<JoinedOrder> {
        let lines = self.lines.values().filter(|line| line.terms.key.order == *id);
        let lines: BTreeSet<_> = lines.map(|line| (line.state, line.terms.hold_until)).collect();
        let id = id.clone();
        (!lines.is_empty()).then_some(JoinedOrder { id, lines })
    }

    /// The ETAs of the batches a line has units in.
    fn etas_of(&self, line: &LineRecord) -> Vec<Option<Date>> {
        let own = self.allocations.values().filter(|one| one.key == line.terms.key);
        own.map(|one| self.batches[&one.batch].eta).collect()
    }

    fn to_improve(&self, scope: &Scope, products: &[ProductRecord]) -> (Vec<LineKey>, Option<ServiceRead>) {
        let Some(page) = scope.improvement_of(products) else {
            return (Vec::new(), None);
        };
        let on_overdue = |line: &LineRecord| {
            let mut own = self.allocations.values().filter(|one| one.key == line.terms.key);
            own.any(|one| self.batches[&one.batch].overdue)
        };
        let may_move = |line: &&LineRecord| {
            let etas = self.etas_of(line);
            line.sku == page.sku
                && etas.iter().any(Option::is_some)
                && (!page.at_risk || line.may_be_at_risk(on_overdue(line)))
                && page.after.as_ref().is_none_or(|after| line.service_position() > *after)
        };
        let mut positions: Vec<ServicePosition> = self
            .lines
            .values()
            .filter(may_move)
            .map(LineRecord::service_position)
            .collect();
        positions.sort();
        let most = self.change_page.unwrap_or(CHANGE_PAGE);
        let more = positions.len() > most;
        positions.truncate(most);
        let read = ServiceRead {
            sku: page.sku,
            until: positions.last().filter(|_| more).cloned(),
        };
        (positions.into_iter().map(|position| position.key).collect(), Some(read))
    }

    fn to_break(&self, scope: &Scope) -> (Vec<LineKey>, bool) {
        let Some(day) = scope.day else {
            return (Vec::new(), false);
        };
        let breaks = |line: &&LineRecord| {
            scope.skus.contains(&line.sku)
                && line.promise.due_by.is_some_and(|due_by| due_by <= day)
                && self.etas_of(line).iter().any(|eta| is_overdue(*eta, day))
        };
        let mut keys: Vec<LineKey> = self
            .lines
            .values()
            .filter(breaks)
            .map(|line| line.key().clone())
            .collect();
        let most = self.change_page.unwrap_or(CHANGE_PAGE);
        let more = keys.len() > most;
        keys.truncate(most);
        (keys, more)
    }

    fn to_release(&self, need: &ReleaseScope, most: usize) -> (Vec<LineKey>, Option<ReleaseRead>) {
        let Some(batch) = self.batches.get(&need.batch) else {
            return (Vec::new(), None);
        };
        let held = self.allocations.values().filter(|a| a.batch == need.batch);
        let mut candidates: Vec<(ReleasePosition, &AllocationRecord)> = held
            .map(|allocation| {
                let position = ReleasePosition {
                    rank: allocation.release_rank,
                    allocated_version: allocation.allocated_version,
                    line: self.lines[&allocation.key].service_position(),
                };
                (position, allocation)
            })
            .collect();
        candidates.sort_by(|(a, _), (b, _)| a.cmp(b));
        let committed = batch.allocated.get() + batch.dispatched.get();
        let mut excess = match &need.lines {
            ReleaseLines::All => u64::MAX,
            ReleaseLines::Beyond(to) => committed.saturating_sub(to.units().get()),
            ReleaseLines::LastFirst { after } => {
                candidates.reverse();
                candidates.retain(|(position, _)| after.as_ref().is_none_or(|after| position < after));
                u64::MAX
            }
        };
        let mut chosen = Vec::new();
        let mut more = false;
        for (_, allocation) in candidates {
            if excess == 0 {
                break;
            }
            if chosen.len() == most {
                more = true;
                break;
            }
            excess = excess.saturating_sub(u64::from(allocation.quantity.get()));
            chosen.push(allocation.key.clone());
        }
        let batch = need.batch.clone();
        (chosen, Some(ReleaseRead { batch, more }))
    }
}

/// Whether a batch is overdue on a day, and that was not told.
fn is_untold(batch: &BatchRecord, day: Date) -> bool {
    is_overdue(batch.eta, day) && !batch.overdue && !batch.closed
}
