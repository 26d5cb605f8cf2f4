//! The tables, with the indexes that make the cost of each step follow the size of its result.

pub(super) mod access_keys;
pub(super) mod access_log;
pub(super) mod dead_messages;
pub(super) mod idempotency;
pub(super) mod inbox;
pub(super) mod sessions;
pub(super) mod subscriptions;

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    AllocationRecord, BatchRecord, Change, ChangeSet, DispatchRecord, Event, LineId, LineKey, LineRecord, LineState,
    Location, OrderId, OrderRecord, Preference, ProductRecord, Quantity, Reference, ReleasePosition, SequencedEvent,
    ServicePosition, Sku, Units,
};
use jiff::Timestamp;

use inbox::InboxTable;

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) products: BTreeMap<Sku, StoredProduct>,
    pub(super) batches: BTreeMap<Reference, StoredBatch>,
    pub(super) orders: BTreeMap<OrderId, OrderRecord>,
    pub(super) lines: BTreeMap<OrderId, BTreeMap<LineId, StoredLine>>,
    /// The event of sequence n is at index n − 1.
    pub(super) events: Vec<SequencedEvent>,
    /// The messages that were processed.
    pub(super) inbox: InboxTable,
    /// Where there ever was a batch.
    pub(super) locations: BTreeSet<Location>,
}

/// A product, and where to find what belongs to it.
#[derive(Debug)]
pub(super) struct StoredProduct {
    pub(super) record: ProductRecord,
    /// All of its batches.
    pub(super) batches: BTreeSet<Reference>,
    /// Those with something available, in preference order.
    pub(super) live: BTreeMap<Preference, Reference>,
    /// Its lines that wait, in order of service.
    pub(super) backlog: BTreeSet<ServicePosition>,
    /// Its lines that have a deadline, by that.
    pub(super) deadlines: BTreeSet<(Timestamp, LineKey)>,
    /// Sequences of its events.
    pub(super) events: Vec<u64>,
}

/// A batch, and the lines that hold units in it.
#[derive(Debug)]
pub(super) struct StoredBatch {
    pub(super) record: BatchRecord,
    /// What each line holds here, in the order in which lines leave.
    pub(super) held: BTreeMap<ReleasePosition, Quantity>,
}

fn release_position(allocation: &AllocationRecord, line: ServicePosition) -> ReleasePosition {
    ReleasePosition {
        rank: allocation.release_rank,
        allocated_version: allocation.allocated_version,
        line,
    }
}

/// A line, with what it holds and what it has dispatched.
#[derive(Debug)]
pub(super) struct StoredLine {
    pub(super) record: LineRecord,
    pub(super) allocations: Vec<AllocationRecord>,
    /// What it has dispatched.
    pub(super) dispatches: Vec<DispatchRecord>,
}

impl StoredBatch {
    pub(super) fn is_live(&self) -> bool {
        committed(&self.record) < self.record.quantity.units()
    }
}

/// Units of a batch that are allocated or dispatched.
pub(super) fn committed(batch: &BatchRecord) -> Units {
    batch
        .allocated
        .checked_add(batch.dispatched)
        .expect("what is committed fits the quantity")
}

impl Tables {
    /// One line.
    pub(super) fn line(&self, key: &LineKey) -> Option<&StoredLine> {
        self.lines.get(&key.order)?.get(&key.line)
    }

    fn line_mut(&mut self, key: &LineKey) -> Option<&mut StoredLine> {
        self.lines.get_mut(&key.order)?.get_mut(&key.line)
    }

    /// The event of a sequence.
    pub(super) fn event(&self, sequence: u64) -> Option<&SequencedEvent> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.events.get(index)
    }

    /// All lines of an order.
    pub(super) fn lines_of<'a>(&'a self, order: &OrderId) -> impl Iterator<Item = &'a StoredLine> + use<'a> {
        self.lines.get(order).into_iter().flat_map(BTreeMap::values)
    }

    /// Stores a change set that [`check`](Self::check) has passed, all of it.
    pub(super) fn apply(&mut self, changes: &ChangeSet) {
        self.inbox.extend(&changes.inbox);
        let held = changes.released.iter().chain(&changes.earmarked);
        let dispatched = changes.returned.iter().chain(&changes.dispatched);
        let changed: BTreeSet<&Reference> = held
            .map(|allocation| &allocation.batch)
            .chain(dispatched.map(|dispatch| &dispatch.batch))
            .chain(changes.batches.iter().map(|change| &change.value().reference))
            .collect();
        for allocation in &changes.released {
            self.release(allocation);
        }
        for dispatch in &changes.returned {
            self.undo_dispatch(dispatch);
        }
        for change in &changes.products {
            self.put_product(&change.record);
        }
        for change in &changes.batches {
            self.put_batch(change);
        }
        for order in changes.orders.iter().map(Change::value) {
            self.orders.insert(order.id.clone(), order.clone());
        }
        for change in &changes.lines {
            self.put_line(change.value());
        }
        for allocation in &changes.earmarked {
            self.earmark(allocation);
        }
        for dispatch in &changes.dispatched {
            self.dispatch(dispatch);
        }
        for reference in changed {
            self.index_live(reference);
        }
        for event in &changes.events {
            self.append(event);
        }
    }

    fn put_product(&mut self, record: &ProductRecord) {
        self.products
            .entry(record.sku.clone())
            .and_modify(|product| product.record = record.clone())
            .or_insert_with(|| StoredProduct {
                record: record.clone(),
                batches: BTreeSet::new(),
                live: BTreeMap::new(),
                backlog: BTreeSet::new(),
                deadlines: BTreeSet::new(),
                events: Vec::new(),
            });
    }

    fn put_batch(&mut self, change: &Change<BatchRecord>) {
        match change {
            Change::New(record) => {
                self.product_mut(&record.sku).batches.insert(record.reference.clone());
                let record = BatchRecord {
                    allocated: Units::ZERO,
                    dispatched: Units::ZERO,
                    ..record.clone()
                };
                self.locations.insert(record.location.clone());
                let held = BTreeMap::new();
                self.batches
                    .insert(record.reference.clone(), StoredBatch { record, held });
            }
            Change::Changed(record) => {
                let stored = &mut self.batch_mut(&record.reference).record;
                let before = stored.preference();
                stored.quantity = record.quantity;
                stored.eta = record.eta;
                stored.overdue = record.overdue;
                stored.receipt = record.receipt;
                stored.closed = record.closed;
                let sku = stored.sku.clone();
                // `index_live` adds it again under its new preference, if it still has something available.
                self.product_mut(&sku).live.remove(&before);
            }
        }
    }

    fn put_line(&mut self, record: &LineRecord) {
        let lines = self.lines.entry(record.terms.key.order.clone()).or_default();
        let line = lines
            .entry(record.terms.key.line.clone())
            .or_insert_with(|| StoredLine {
                record: record.clone(),
                allocations: Vec::new(),
                dispatches: Vec::new(),
            });
        let before = std::mem::replace(&mut line.record, record.clone());
        let (was, is) = (before.service_position(), record.service_position());
        if was != is {
            // What it still holds is ordered by its new position.
            for allocation in line.allocations.clone() {
                let batch = self.batch_mut(&allocation.batch);
                batch.held.remove(&release_position(&allocation, was.clone()));
                batch
                    .held
                    .insert(release_position(&allocation, is.clone()), allocation.quantity);
            }
        }

        let product = self.product_mut(&record.sku);
        product.backlog.remove(&was);
        if record.state == LineState::Backordered {
            product.backlog.insert(is);
        }
        if let Some(deadline) = before.terms.hold_until {
            product.deadlines.remove(&(deadline, before.terms.key));
        }
        if let Some(deadline) = record.terms.hold_until {
            product.deadlines.insert((deadline, record.terms.key.clone()));
        }
    }

    fn release(&mut self, allocation: &AllocationRecord) {
        let line = self.line_mut(&allocation.key).expect("the check found the line");
        line.allocations.retain(|held| held.batch != allocation.batch);
        let position = line.record.service_position();
        let batch = self.batch_mut(&allocation.batch);
        batch.held.remove(&release_position(allocation, position));
        batch.record.allocated = batch
            .record
            .allocated
            .checked_sub(allocation.quantity.units())
            .expect("the check found the allocation among those summed up");
    }

    fn earmark(&mut self, allocation: &AllocationRecord) {
        let line = self.line_mut(&allocation.key).expect("the check found the line");
        line.allocations.push(allocation.clone());
        let position = line.record.service_position();
        let batch = self.batch_mut(&allocation.batch);
        batch
            .held
            .insert(release_position(allocation, position), allocation.quantity);
        batch.record.allocated = batch
            .record
            .allocated
            .checked_add(allocation.quantity.units())
            .expect("the check found that there is room");
    }

    fn undo_dispatch(&mut self, dispatch: &DispatchRecord) {
        let line = self.line_mut(&dispatch.key).expect("the check found the line");
        line.dispatches.retain(|dispatched| dispatched != dispatch);
        let batch = self.batch_mut(&dispatch.batch);
        batch.record.dispatched = batch
            .record
            .dispatched
            .checked_sub(dispatch.quantity.units())
            .expect("the check found the dispatch among those summed up");
    }

    fn dispatch(&mut self, dispatch: &DispatchRecord) {
        let line = self.line_mut(&dispatch.key).expect("the check found the line");
        line.dispatches.push(dispatch.clone());
        let batch = self.batch_mut(&dispatch.batch);
        batch.record.dispatched = batch
            .record
            .dispatched
            .checked_add(dispatch.quantity.units())
            .expect("the check found that there is room");
    }

    fn index_live(&mut self, reference: &Reference) {
        let batch = self.batch_mut(reference);
        let (sku, live) = (batch.record.sku.clone(), batch.is_live());
        let preference = batch.record.preference();
        let product = self.product_mut(&sku);
        if live {
            product.live.insert(preference, reference.clone());
        } else {
            product.live.remove(&preference);
        }
    }

    fn append(&mut self, event: &Event) {
        let sequence = self.events.len() as u64 + 1;
        if let Some((sku, _)) = event.product() {
            self.product_mut(sku).events.push(sequence);
        }
        self.events.push(SequencedEvent {
            sequence,
            event: event.clone(),
        });
    }

    fn product_mut(&mut self, sku: &Sku) -> &mut StoredProduct {
        self.products.get_mut(sku).expect("the check found the product")
    }

    fn batch_mut(&mut self, reference: &Reference) -> &mut StoredBatch {
        self.batches.get_mut(reference).expect("the check found the batch")
    }
}
