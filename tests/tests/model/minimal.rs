//! A store that loads as little as it may: only the first available batch of each product, until a decision needs all; and
//! one line of the batches that change together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, DueOrder, Store, StoreError, Worklist};
use earmark_domain::{
    BatchPageEnd, BatchRecord, LineKey, LineRecord, LineState, Loaded, Reference, ReleasePosition, Scope, Sku,
    is_overdue,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// Wraps a store.
pub(crate) struct MinimalStore(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for MinimalStore {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let scope_of_command = scope.clone();
        let decide: Decide = Arc::new(move |loaded| decide(shorten(loaded, &scope_of_command)));
        self.0.transact(scope, decide).await
    }
}

/// A worklist that finds one order at a time.
pub(crate) struct MinimalWorklist(pub(crate) Arc<dyn Worklist>);

#[async_trait]
impl Worklist for MinimalWorklist {
    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.0.products_with_pending_work(limit).await
    }

    async fn products_changed_by_day(&self, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.0.products_changed_by_day(today, limit).await
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.0.products_with_due_holds(now, limit).await
    }

    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, _: usize) -> Result<Vec<DueOrder>, StoreError> {
        self.0.due_orders(skus, now, 1).await
    }
}

/// How many lines are read of all batches that change in one transaction, where there are several.
const LINES_TOGETHER: usize = 1;

/// What was loaded, without all but the first available batch of each product, and the first lines of several batches that
/// change.
fn shorten(mut loaded: Loaded, scope: &Scope) -> Loaded {
    if loaded.releases.len() > 1 {
        shorten_releases(&mut loaded, scope);
    }
    let allocated_in = loaded.allocations.iter().map(|held| &held.batch);
    let dispatched_from = loaded.dispatches.iter().map(|dispatch| &dispatch.batch);
    let overdue = loaded.batches.iter();
    let overdue = overdue.filter(|batch| scope.day.is_some_and(|day| is_overdue(batch.eta, day)));
    let needed: BTreeSet<Reference> = allocated_in
        .chain(dispatched_from)
        .chain(&scope.batches)
        .chain(loaded.releases.iter().map(|read| &read.batch))
        .chain(overdue.map(|batch| &batch.reference))
        .cloned()
        .collect();
    for product in &loaded.products {
        let sku = &product.sku;
        if scope.all_batches_of.contains(sku) {
            continue;
        }
        let available = loaded
            .batches
            .iter()
            .filter(|batch| batch.sku == *sku && !batch.available().is_zero());
        let mut available: Vec<_> = available.map(BatchRecord::preference).collect();
        available.sort();
        if available.len() < 2 {
            continue;
        }
        let after = available[0];
        loaded.batch_pages_cut.retain(|cut| cut.sku != *sku);
        loaded.batch_pages_cut.push(BatchPageEnd {
            sku: sku.clone(),
            after,
        });
        loaded
            .batches
            .retain(|batch| batch.sku != *sku || batch.preference() <= after || needed.contains(&batch.reference));
    }
    loaded
}

/// Leaves out the lines that are read for changes of batches alone, but for the first.
fn shorten_releases(loaded: &mut Loaded, scope: &Scope) {
    let lines: BTreeMap<&LineKey, &LineRecord> = loaded.lines.iter().map(|line| (line.key(), line)).collect();
    let is_needed = |key: &LineKey| {
        scope.lines.contains(key)
            || scope.orders.contains(&key.order)
            || (scope.backlog && lines[key].state == LineState::Backordered)
    };
    let (mut kept, mut left_out) = (BTreeSet::new(), BTreeSet::new());
    for read in &mut loaded.releases {
        let held = loaded.allocations.iter().filter(|held| held.batch == read.batch);
        let mut leaving: Vec<(ReleasePosition, &LineKey)> = held
            .map(|held| {
                let position = ReleasePosition {
                    rank: held.release_rank,
                    allocated_version: held.allocated_version,
                    line: lines[&held.key].service_position(),
                };
                (position, &held.key)
            })
            .collect();
        leaving.sort();
        for (_, key) in leaving {
            if kept.contains(key) || is_needed(key) {
                continue;
            }
            if kept.len() < LINES_TOGETHER {
                kept.insert(key.clone());
            } else {
                left_out.insert(key.clone());
                read.more = true;
            }
        }
    }
    loaded.lines.retain(|line| !left_out.contains(line.key()));
    loaded.allocations.retain(|held| !left_out.contains(&held.key));
    loaded.dispatches.retain(|dispatch| !left_out.contains(&dispatch.key));
}
