//! Views: batches, orders and products as callers ask for them.

use async_trait::async_trait;
use earmark_application::{BatchRead, LineRead, OrderRead, ProductRead, ProductSummary, StoreError, Views};
use earmark_domain::{OrderId, Reference, ServicePosition, Sku, Units};
use jiff::Timestamp;

use super::memory_store::MemoryStore;
use super::reads::values_after;
use super::tables::{StoredProduct, Tables};

fn summary(tables: &Tables, product: &StoredProduct, now: Timestamp) -> ProductSummary {
    let waiting = tables
        .waiting(product, now)
        .map(|line| line.record.terms.quantity.units());
    let batches = tables.batches_at(product, now);
    ProductSummary::of(product.record.clone(), batches.iter(), waiting.sum::<Units>())
}

fn contains(product: &StoredProduct, search: &str) -> bool {
    let search = search.to_lowercase();
    let name = product.record.name.as_ref().map(|name| name.as_str());
    [Some(product.record.sku.as_str()), name]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains(&search))
}

#[async_trait]
impl Views for MemoryStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let tables = self.tables()?;
        let read = tables.batches.get(reference).and_then(|batch| {
            let product = tables.products.get(&batch.record.sku)?;
            let mut record = batch.record.clone();
            tables.without_ended(product, &mut record, now);
            let version = product.record.version;
            Some(BatchRead { record, version })
        });
        Ok(read)
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.lines.get(id).map(|lines| OrderRead {
            id: id.clone(),
            header: tables.orders.get(id).cloned(),
            lines: lines.values().map(|line| tables.read_line(line)).collect(),
        }))
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.products.get(sku).map(|product| ProductRead {
            summary: summary(&tables, product, now),
            batches: tables.batches_at(product, now),
        }))
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        let tables = self.tables()?;
        let products = values_after(&tables.products, after);
        Ok(products
            .filter(|product| search.is_none_or(|search| contains(product, search)))
            .take(limit)
            .map(|product| summary(&tables, product, now))
            .collect())
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.products.get(sku).map(|product| {
            let waiting = tables.waiting(product, now);
            let behind = waiting.filter(|line| after.is_none_or(|after| line.record.service_position() > *after));
            behind.take(limit).map(|line| tables.read_line(line)).collect()
        }))
    }
}
