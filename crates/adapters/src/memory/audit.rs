//! The audit: products with their batches, and all that is stored of orders.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use earmark_application::{Audit, StoreError};
use earmark_domain::{AuditedOrder, AuditedProduct, LineKey, OrderId, SequencedEvent, Sku};

use super::memory_store::MemoryStore;
use super::tables::Tables;

#[async_trait]
impl Audit for MemoryStore {
    async fn last_event(&self) -> Result<u64, StoreError> {
        let tables = self.tables()?;
        Ok(tables.events.last().map_or(0, |event| event.sequence))
    }

    async fn audited_product(&self, sku: &Sku) -> Result<Option<AuditedProduct>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.products.get(sku).map(|product| AuditedProduct {
            product: product.record.clone(),
            batches: tables.batches_of(product),
            first_deadline: product.deadlines.first().map(|(deadline, _)| *deadline),
        }))
    }

    async fn audited_orders(&self, after: Option<&OrderId>, rows: usize) -> Result<Vec<AuditedOrder>, StoreError> {
        let tables = self.tables()?;
        let mut events: BTreeMap<&OrderId, Vec<&SequencedEvent>> = BTreeMap::new();
        for stored in &tables.events {
            if let Some(order) = stored.event.order() {
                events.entry(order).or_default().push(stored);
            }
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (from, Bound::Unbounded);
        let with_header = tables.orders.range::<OrderId, _>(range).map(|(id, _)| id);
        let with_lines = tables.lines.range::<OrderId, _>(range).map(|(id, _)| id);
        let with_events = events.range::<OrderId, _>(range).map(|(id, _)| *id);
        let ids: BTreeSet<&OrderId> = with_header.chain(with_lines).chain(with_events).collect();
        let mut page = Vec::new();
        let mut longest = 0;
        for id in ids {
            let order = tables.audited_order(id, events.get(id).map_or(&[], Vec::as_slice));
            let kinds = [
                order.lines.len(),
                order.allocations.len(),
                order.dispatches.len(),
                order.events.len(),
                1,
            ];
            longest += kinds.into_iter().max().unwrap_or_default();
            if longest > rows && !page.is_empty() {
                break;
            }
            page.push(order);
        }
        Ok(page)
    }

    async fn missing_lines(&self, lines: &[LineKey]) -> Result<Vec<LineKey>, StoreError> {
        let tables = self.tables()?;
        let missing = lines.iter().filter(|key| tables.line(key).is_none());
        Ok(missing.cloned().collect())
    }
}

impl Tables {
    fn audited_order(&self, id: &OrderId, events: &[&SequencedEvent]) -> AuditedOrder {
        let lines = || self.lines_of(id);
        AuditedOrder {
            id: id.clone(),
            header: self.orders.get(id).cloned(),
            lines: lines().map(|line| line.record.clone()).collect(),
            allocations: lines().flat_map(|line| line.allocations.iter().cloned()).collect(),
            dispatches: lines().flat_map(|line| line.dispatches.iter().cloned()).collect(),
            events: events.iter().map(|event| (*event).clone()).collect(),
        }
    }
}
