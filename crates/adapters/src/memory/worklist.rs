//! The worklist: what background jobs find to do.

use std::collections::BTreeSet;

use async_trait::async_trait;
use earmark_application::{DueOrder, StoreError, Worklist};
use earmark_domain::Sku;
use jiff::Timestamp;
use jiff::civil::Date;

use super::memory_store::MemoryStore;

#[async_trait]
impl Worklist for MemoryStore {
    async fn due_orders(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueOrder>, StoreError> {
        Ok(self.tables()?.due_orders(skus, now, limit))
    }

    async fn products_changed_by_day(&self, today: Date, limit: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(self.tables()?.changed_by_day(today, limit))
    }

    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let tables = self.tables()?;
        let products = tables.products.values().map(|product| &product.record);
        let pending = products.filter(|product| product.pending.is_some());
        Ok(pending.take(limit).map(|product| product.sku.clone()).collect())
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let tables = self.tables()?;
        let products = tables.products.values().map(|product| &product.record);
        let mut due: Vec<(Timestamp, &Sku)> = products
            .filter_map(|product| Some((product.next_expiry?, &product.sku)))
            .filter(|(deadline, _)| *deadline <= now)
            .collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, sku)| sku.clone()).collect())
    }
}
