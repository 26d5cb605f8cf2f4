//! Questions to the books in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use earmark_application::{
    Audit, BatchRead, EncodedEvent, EventFeed, EventFilter, EventPage, Exports, Health, LineEventCheck, LineFilter,
    LineRead, OrderRead, ProductRead, ProductSummary, StoreError, Views, Worklist,
};
use earmark_domain::{
    BatchRecord, LineKey, LineRecord, OrderId, OrderRecord, Part, ProductHistory, Reference, SequencedEvent,
    ServicePosition, Sku, Units,
};

use jiff::Timestamp;

use super::MemoryStore;
use super::books::{Books, StoredBatch, StoredLine, StoredProduct};
use crate::wire::fact_to_json;

/// The values of a table from the one after `after` on.
fn behind<'a, K: Ord, V>(table: &'a BTreeMap<K, V>, after: Option<&K>) -> impl Iterator<Item = &'a V> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    table.range::<K, _>((from, Bound::Unbounded)).map(|(_, value)| value)
}

impl Books {
    /// The event of a sequence.
    pub(super) fn event(&self, sequence: u64) -> Option<&SequencedEvent> {
        let place = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.events.get(place)
    }

    fn read_line(&self, line: &StoredLine) -> LineRead {
        let mut parts: Vec<_> = line
            .allocations
            .iter()
            .filter_map(|allocation| Some((allocation, self.batches.get(&allocation.batch)?)))
            .collect();
        parts.sort_by_key(|(_, batch)| batch.record.preference());
        let part = |(allocation, batch): (&earmark_domain::AllocationRecord, &StoredBatch)| {
            let part = Part {
                batch: allocation.batch.clone(),
                quantity: allocation.quantity,
            };
            (part, batch.record.eta)
        };
        LineRead {
            record: line.record.clone(),
            allocations: parts.into_iter().map(part).collect(),
        }
    }

    /// A product's batches as they stand, in preference order.
    fn batches_of(&self, product: &StoredProduct) -> Vec<BatchRecord> {
        let stored = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let mut batches: Vec<&StoredBatch> = stored.collect();
        batches.sort_by_key(|batch| batch.record.preference());
        batches.into_iter().map(|batch| batch.record.clone()).collect()
    }

    /// The same without the units of holds that have ended by an instant.
    fn batches_at(&self, product: &StoredProduct, now: Timestamp) -> Vec<BatchRecord> {
        let mut batches = self.batches_of(product);
        for batch in &mut batches {
            self.without_ended(product, batch, now);
        }
        batches
    }

    /// Counts the units of holds that have ended by an instant as allocated no more.
    fn without_ended(&self, product: &StoredProduct, batch: &mut BatchRecord, now: Timestamp) {
        let ended = product.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        let held = ended
            .filter_map(|(_, key)| self.line(key))
            .flat_map(|line| &line.allocations)
            .filter(|held| held.batch == batch.reference);
        let ended: Units = held.map(|held| held.quantity.units()).sum();
        batch.allocated = batch.allocated.saturating_sub(ended);
    }

    fn summary(&self, product: &StoredProduct, now: Timestamp) -> ProductSummary {
        let waiting = self
            .waiting(product, now)
            .map(|line| line.record.terms.quantity.units());
        let batches = self.batches_at(product, now);
        ProductSummary::of(product.record.clone(), batches.iter(), waiting.sum::<Units>())
    }

    /// All lines from the one after `after` on.
    fn lines_behind<'a>(&'a self, after: Option<&'a LineKey>) -> impl Iterator<Item = &'a StoredLine> {
        let from = after.map_or(Bound::Unbounded, |key| Bound::Included(&key.order));
        let orders = self.lines.range::<OrderId, _>((from, Bound::Unbounded));
        orders
            .flat_map(|(_, lines)| lines.values())
            .filter(move |line| after.is_none_or(|after| line.record.terms.key > *after))
    }

    /// The lines of a product that its events and batches lead to.
    fn lines_of_product<'a>(&'a self, product: &'a StoredProduct) -> impl Iterator<Item = &'a StoredLine> {
        let batches = product
            .batches
            .iter()
            .filter_map(|reference| self.batches.get(reference));
        let holding = batches.flat_map(|batch| batch.held.keys().map(|(_, _, turn)| &turn.key.order));
        let orders: BTreeSet<&OrderId> = product.orders.iter().chain(holding).collect();
        orders
            .into_iter()
            .flat_map(|order| self.lines_of(order))
            .filter(|line| line.record.sku == product.record.sku)
    }

    /// The lines of a product that wait at an instant, in order of service.
    fn waiting<'a>(&'a self, product: &'a StoredProduct, now: Timestamp) -> impl Iterator<Item = &'a StoredLine> {
        let lines = product.backlog.iter().filter_map(|turn| self.line(&turn.key));
        lines.filter(move |line| line.record.terms.hold_until.is_none_or(|deadline| deadline > now))
    }
}

fn contains(product: &StoredProduct, search: &str) -> bool {
    let search = search.to_lowercase();
    let name = product.record.name.as_ref().map(|name| name.as_str());
    [Some(product.record.sku.as_str()), name]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains(&search))
}

fn wanted(filter: &EventFilter, stored: &SequencedEvent) -> bool {
    let event = &stored.event;
    let sku = || event.product().map(|(sku, _)| sku);
    filter.sku.as_ref().is_none_or(|wanted| sku() == Some(wanted))
        && filter.order.as_ref().is_none_or(|wanted| event.order() == Some(wanted))
        && (filter.types.is_empty() || filter.types.iter().any(|name| name == event.fact.name()))
}

/// A page of the events that are wanted, each as `told`.
fn event_page<E>(
    books: &Books,
    filter: &EventFilter,
    after: u64,
    limit: usize,
    told: impl Fn(&SequencedEvent) -> E,
) -> EventPage<E> {
    let looked_at = usize::try_from(after).unwrap_or(usize::MAX).min(books.events.len());
    let unread = books.events.iter().skip(looked_at);
    let page: Vec<&SequencedEvent> = unread.filter(|event| wanted(filter, event)).take(limit).collect();
    let next = if page.len() == limit {
        page.last().map(|event| event.sequence)
    } else {
        books.events.last().map(|event| event.sequence)
    };
    EventPage {
        events: page.into_iter().map(told).collect(),
        next: next.unwrap_or(after).max(after),
    }
}

/// An event as the stores that last would have written it down.
fn written(stored: &SequencedEvent) -> EncodedEvent {
    let event = &stored.event;
    EncodedEvent {
        sequence: stored.sequence,
        subject: event.subject.clone(),
        order: event.order().cloned(),
        event_type: event.fact.name(),
        occurred_at: event.occurred_at,
        actor: event.actor.to_string(),
        correlation_id: event.correlation_id.to_string(),
        data: fact_to_json(&event.fact),
    }
}

#[async_trait]
impl Views for MemoryStore {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let books = self.books()?;
        let read = books.batches.get(reference).and_then(|batch| {
            let product = books.products.get(&batch.record.sku)?;
            let mut record = batch.record.clone();
            books.without_ended(product, &mut record, now);
            let version = product.record.version;
            Some(BatchRead { record, version })
        });
        Ok(read)
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        let books = self.books()?;
        Ok(books.lines.get(id).map(|lines| OrderRead {
            id: id.clone(),
            header: books.orders.get(id).cloned(),
            lines: lines.values().map(|line| books.read_line(line)).collect(),
        }))
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        let books = self.books()?;
        Ok(books.products.get(sku).map(|product| ProductRead {
            summary: books.summary(product, now),
            batches: books.batches_at(product, now),
        }))
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        let books = self.books()?;
        let products = behind(&books.products, after);
        Ok(products
            .filter(|product| search.is_none_or(|search| contains(product, search)))
            .take(limit)
            .map(|product| books.summary(product, now))
            .collect())
    }

    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        let books = self.books()?;
        Ok(books.products.get(sku).map(|product| {
            let waiting = books.waiting(product, now);
            let behind = waiting.filter(|line| after.is_none_or(|after| line.record.service_position() > *after));
            behind.take(limit).map(|line| books.read_line(line)).collect()
        }))
    }
}

#[async_trait]
impl EventFeed for MemoryStore {
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        Ok(event_page(&*self.books()?, filter, after, limit, SequencedEvent::clone))
    }

    async fn encoded_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<EncodedEvent>, StoreError> {
        Ok(event_page(&*self.books()?, filter, after, limit, written))
    }
}

#[async_trait]
impl Exports for MemoryStore {
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let books = self.books()?;
        let lines = books.lines_behind(after).filter(|line| match filter {
            LineFilter::All => true,
            LineFilter::In(state) => line.record.state == state,
        });
        Ok(lines.take(limit).map(|line| books.read_line(line)).collect())
    }

    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError> {
        let books = self.books()?;
        let batches = behind(&books.batches, after).take(limit);
        Ok(batches.map(|batch| batch.record.clone()).collect())
    }

    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        let books = self.books()?;
        Ok(behind(&books.orders, after).take(limit).cloned().collect())
    }
}

#[async_trait]
impl Worklist for MemoryStore {
    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError> {
        Ok(self.books()?.due_orders(skus, now, limit))
    }

    async fn products_with_pending_backlog(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let books = self.books()?;
        let owed = books
            .products
            .values()
            .filter(|product| product.record.resume_after.is_some());
        Ok(owed.take(limit).map(|product| product.record.sku.clone()).collect())
    }

    async fn products_with_due_holds(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError> {
        let books = self.books()?;
        let products = books.products.values().map(|product| &product.record);
        let mut due: Vec<(Timestamp, &Sku)> = products
            .filter_map(|product| Some((product.next_expiry?, &product.sku)))
            .filter(|(deadline, _)| *deadline <= now)
            .collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, sku)| sku.clone()).collect())
    }
}

#[async_trait]
impl Audit for MemoryStore {
    async fn line_event_checks(
        &self,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineEventCheck>, StoreError> {
        let books = self.books()?;
        let told = |line: &LineRecord| {
            let product = books.products.get(&line.sku);
            product.is_some_and(|product| product.orders.contains(&line.terms.key.order))
        };
        let lines = books.lines_behind(after).take(limit);
        Ok(lines
            .map(|line| LineEventCheck {
                has_event: told(&line.record),
                record: line.record.clone(),
            })
            .collect())
    }

    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError> {
        let books = self.books()?;
        Ok(books.products.get(sku).map(|product| {
            let lines = || books.lines_of_product(product);
            ProductHistory {
                product: product.record.clone(),
                batches: books.batches_of(product),
                lines: lines().map(|line| line.record.clone()).collect(),
                allocations: lines().flat_map(|line| line.allocations.iter().cloned()).collect(),
                dispatches: lines().flat_map(|line| line.dispatches.iter().cloned()).collect(),
                events: product
                    .events
                    .iter()
                    .filter_map(|sequence| books.event(*sequence).cloned())
                    .collect(),
            }
        }))
    }
}

#[async_trait]
impl Health for MemoryStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.books().map(drop)
    }
}
