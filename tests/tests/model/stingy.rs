//! A store that reads as little as it may: of each offer the first batch alone, until it is asked for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Decide, Decided, Store, StoreError, Worklist};
use earmark_domain::{BatchPageEnd, BatchRecord, Loaded, OrderId, Reference, Scope, Sku};
use jiff::Timestamp;

/// The store behind it.
pub(crate) struct Stingy(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for Stingy {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let asked = scope.clone();
        let decide: Decide = Arc::new(move |loaded| decide(shorten(loaded, &asked)));
        self.0.transact(scope, decide).await
    }
}

/// A worklist that finds one order at a time.
pub(crate) struct StingyWorklist(pub(crate) Arc<dyn Worklist>);

#[async_trait]
impl Worklist for StingyWorklist {
    async fn products_with_pending_backlog(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.0.products_with_pending_backlog(limit).await
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        self.0.products_with_due_holds(now, limit).await
    }

    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, _: usize) -> Result<Vec<OrderId>, StoreError> {
        self.0.due_orders(skus, now, 1).await
    }
}

/// What was read, as if no more than the first batch of each offer had been.
fn shorten(mut loaded: Loaded, scope: &Scope) -> Loaded {
    let lain_in = loaded.allocations.iter().map(|held| &held.batch);
    let left = loaded.dispatches.iter().map(|gone| &gone.batch);
    let needed: BTreeSet<Reference> = lain_in.chain(left).chain(&scope.batches).cloned().collect();
    for product in &loaded.products {
        let sku = &product.sku;
        if scope.all_batches_of.contains(sku) {
            continue;
        }
        let offered = loaded
            .batches
            .iter()
            .filter(|batch| batch.sku == *sku && !batch.available().is_zero());
        let mut offered: Vec<_> = offered.map(BatchRecord::preference).collect();
        offered.sort();
        if offered.len() < 2 {
            continue;
        }
        let after = offered[0];
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
