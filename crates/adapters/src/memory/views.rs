//! Views: batches, orders and products as callers ask for them.

use std::ops::Bound;

use async_trait::async_trait;
use earmark_application::{
    BatchRead, BatchSelection, LineRead, OrderRead, OrderSelection, Page, ProductRead, ProductSummary, StoreError,
    Views,
};
use earmark_domain::{LineState, OrderId, Reference, ServicePosition, Sku, Units};
use jiff::Timestamp;

use super::memory_store::MemoryStore;
use super::reads::values_after;
use super::tables::{StoredBatch, StoredProduct, Tables};

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

impl Tables {
    pub(super) fn read_batch(&self, batch: &StoredBatch, now: Timestamp) -> Option<BatchRead> {
        let product = self.products.get(&batch.record.sku)?;
        let mut record = batch.record.clone();
        self.without_ended(product, &mut record, now);
        let version = product.record.version;
        Some(BatchRead { record, version })
    }

    fn read_order(&self, id: &OrderId) -> Option<OrderRead> {
        self.lines.get(id).map(|lines| OrderRead {
            id: id.clone(),
            header: self.orders.get(id).cloned(),
            lines: lines.values().map(|line| self.read_line(line)).collect(),
        })
    }
}

/// The first items as a page, which goes on if there is one more.
fn page<Item, Key>(items: impl Iterator<Item = Item>, limit: usize, key: impl Fn(&Item) -> Key) -> Page<Item, Key> {
    let mut items: Vec<Item> = items.take(limit.saturating_add(1)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(key);
    Page { items, next }
}

#[async_trait]
impl Views for MemoryStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let tables = self.tables()?;
        let batch = tables.batches.get(reference);
        Ok(batch.and_then(|batch| tables.read_batch(batch, now)))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.read_order(id))
    }

    async fn list_batches(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        let tables = self.tables()?;
        let BatchSelection { sku, location } = selection;
        let batches = values_after(&tables.batches, after)
            .filter(|batch| sku.as_ref().is_none_or(|sku| batch.record.sku == *sku))
            .filter(|batch| {
                location
                    .as_ref()
                    .is_none_or(|location| batch.record.location == *location)
            })
            .filter_map(|batch| tables.read_batch(batch, now));
        Ok(page(batches, limit, |batch| batch.record.reference.clone()))
    }

    async fn list_orders(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        let tables = self.tables()?;
        let OrderSelection { sku, waiting } = selection;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let orders = tables.lines.range::<OrderId, _>((from, Bound::Unbounded));
        let selected = orders.filter(|(_, lines)| {
            lines.values().any(|line| {
                sku.as_ref().is_none_or(|sku| line.record.sku == *sku)
                    && (!waiting || line.record.state == LineState::Backordered)
            })
        });
        let orders = selected.filter_map(|(id, _)| tables.read_order(id));
        Ok(page(orders, limit, |order| order.id.clone()))
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
