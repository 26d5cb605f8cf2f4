//! Exports: whole tables, page by page.

use async_trait::async_trait;
use earmark_application::{Exports, LineFilter, LineRead, StoreError};
use earmark_domain::{BatchRecord, LineKey, OrderId, OrderRecord, Reference};

use super::memory_store::MemoryStore;
use super::reads::values_after;

#[async_trait]
impl Exports for MemoryStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let tables = self.tables()?;
        let lines = tables.lines_after(after).filter(|line| match filter {
            LineFilter::All => true,
            LineFilter::In(state) => line.record.state == state,
        });
        Ok(lines.take(limit).map(|line| tables.read_line(line)).collect())
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        let tables = self.tables()?;
        let batches = values_after(&tables.batches, after).take(limit);
        Ok(batches.map(|batch| batch.record.clone()).collect())
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        let tables = self.tables()?;
        Ok(values_after(&tables.orders, after).take(limit).cloned().collect())
    }
}
