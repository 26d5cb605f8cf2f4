//! The audit: lines with whether the events know of them, and all that was ever stored of a product.

use async_trait::async_trait;
use earmark_application::{Audit, LineEventCheck, StoreError};
use earmark_domain::{LineKey, LineRecord, OrderId, ProductHistory, SequencedEvent, Sku, Subject};

use super::memory_store::MemoryStore;

#[async_trait]
impl Audit for MemoryStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        let tables = self.tables()?;
        let has_event = |line: &LineRecord| {
            let product = tables.products.get(&line.sku);
            product.is_some_and(|product| product.orders.contains(&line.terms.key.order))
        };
        let lines = tables.lines_after(after).take(limit);
        Ok(lines
            .map(|line| LineEventCheck {
                has_event: has_event(&line.record),
                record: line.record.clone(),
            })
            .collect())
    }

    async fn order_events(
        &self,
        after: Option<(&OrderId, u64)>,
        limit: usize,
    ) -> Result<Vec<SequencedEvent>, StoreError> {
        let tables = self.tables()?;
        let of_orders = tables.events.iter().filter_map(|stored| match &stored.event.subject {
            Subject::Order(order) => Some(((order, stored.sequence), stored)),
            Subject::Product { .. } => None,
        });
        let mut events: Vec<_> = of_orders
            .filter(|(position, _)| after.is_none_or(|after| *position > after))
            .collect();
        events.sort_unstable_by_key(|(position, _)| *position);
        let page = events.into_iter().take(limit);
        Ok(page.map(|(_, stored)| stored.clone()).collect())
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let tables = self.tables()?;
        Ok(tables.products.get(sku).map(|product| {
            let lines = || tables.lines_of_product(product);
            ProductHistory {
                product: product.record.clone(),
                batches: tables.batches_of(product),
                lines: lines().map(|line| line.record.clone()).collect(),
                allocations: lines().flat_map(|line| line.allocations.iter().cloned()).collect(),
                dispatches: lines().flat_map(|line| line.dispatches.iter().cloned()).collect(),
                events: product
                    .events
                    .iter()
                    .filter_map(|sequence| tables.event(*sequence).cloned())
                    .collect(),
            }
        }))
    }
}
