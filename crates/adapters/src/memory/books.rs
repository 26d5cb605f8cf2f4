//! The tables, with the indexes that keep every step as cheap as its answer is small.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    AllocationRecord, BatchRecord, Change, Changes, Event, LineId, LineKey, LineRecord, LineState, OrderId,
    OrderRecord, Preference, ProductRecord, Quantity, Reference, SequencedEvent, Sku, Turn, Units,
};
use jiff::Timestamp;

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) products: BTreeMap<Sku, StoredProduct>,
    pub(super) batches: BTreeMap<Reference, StoredBatch>,
    pub(super) orders: BTreeMap<OrderId, OrderRecord>,
    pub(super) lines: BTreeMap<OrderId, BTreeMap<LineId, StoredLine>>,
    /// The event of sequence n stands at n − 1.
    pub(super) events: Vec<SequencedEvent>,
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
    pub(super) backlog: BTreeSet<Turn>,
    /// The orders that its events concern.
    pub(super) orders: BTreeSet<OrderId>,
    /// Sequences of its events.
    pub(super) events: Vec<u64>,
}

/// A batch, and the lines that lie in it.
#[derive(Debug)]
pub(super) struct StoredBatch {
    pub(super) record: BatchRecord,
    /// What each line holds here, by the order in which it would be asked to leave, backwards.
    pub(super) held: BTreeMap<(Timestamp, Turn), Quantity>,
}

/// A line, and what it holds.
#[derive(Debug)]
pub(super) struct StoredLine {
    pub(super) record: LineRecord,
    pub(super) allocations: Vec<AllocationRecord>,
}

impl StoredLine {
    pub(super) fn turn(&self) -> Turn {
        turn(&self.record)
    }
}

impl StoredBatch {
    pub(super) fn is_live(&self) -> bool {
        committed(&self.record) < self.record.quantity.units()
    }
}

/// A line's place in the order of service.
fn turn(line: &LineRecord) -> Turn {
    Turn {
        placed_at: line.placed_at,
        key: line.key.clone(),
    }
}

/// Units of a batch that are allocated or gone.
pub(super) fn committed(batch: &BatchRecord) -> Units {
    batch
        .allocated
        .checked_add(batch.dispatched)
        .expect("what is committed fits the quantity")
}

impl Books {
    /// One line.
    pub(super) fn line(&self, key: &LineKey) -> Option<&StoredLine> {
        self.lines.get(&key.order)?.get(&key.line)
    }

    fn line_mut(&mut self, key: &LineKey) -> Option<&mut StoredLine> {
        self.lines.get_mut(&key.order)?.get_mut(&key.line)
    }

    /// All lines of an order.
    pub(super) fn lines_of<'a>(&'a self, order: &OrderId) -> impl Iterator<Item = &'a StoredLine> + use<'a> {
        self.lines.get(order).into_iter().flat_map(BTreeMap::values)
    }

    /// Stores a change set that [`check`](Self::check) has passed, all of it.
    pub(super) fn apply(&mut self, changes: &Changes) {
        let touched: BTreeSet<&Reference> = changes
            .released
            .iter()
            .chain(&changes.earmarked)
            .map(|allocation| &allocation.batch)
            .chain(changes.batches.iter().map(|change| &change.value().reference))
            .collect();
        for allocation in &changes.released {
            self.release(allocation);
        }
        for change in &changes.products {
            self.put_product(&change.record);
        }
        for change in &changes.batches {
            self.put_batch(change);
        }
        for order in &changes.orders {
            self.orders.insert(order.id.clone(), order.clone());
        }
        for change in &changes.lines {
            self.put_line(change.value());
        }
        for allocation in &changes.earmarked {
            self.earmark(allocation);
        }
        for reference in touched {
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
                orders: BTreeSet::new(),
                events: Vec::new(),
            });
    }

    fn put_batch(&mut self, change: &Change<BatchRecord>) {
        match change {
            Change::New(record) => {
                self.product_mut(&record.sku).batches.insert(record.reference.clone());
                let record = BatchRecord {
                    allocated: Units::ZERO,
                    ..record.clone()
                };
                let held = BTreeMap::new();
                self.batches
                    .insert(record.reference.clone(), StoredBatch { record, held });
            }
            Change::Changed(record) => self.batch_mut(&record.reference).record.quantity = record.quantity,
        }
    }

    fn put_line(&mut self, record: &LineRecord) {
        let lines = self.lines.entry(record.key.order.clone()).or_default();
        let (before, allocations) = match lines.remove(&record.key.line) {
            Some(line) => (Some(turn(&line.record)), line.allocations),
            None => (None, Vec::new()),
        };
        let line = StoredLine {
            record: record.clone(),
            allocations,
        };
        lines.insert(record.key.line.clone(), line);

        let product = self.product_mut(&record.sku);
        if let Some(before) = before {
            product.backlog.remove(&before);
        }
        if record.state == LineState::Backordered {
            product.backlog.insert(turn(record));
        }
    }

    fn release(&mut self, allocation: &AllocationRecord) {
        let line = self.line_mut(&allocation.key).expect("the check found the line");
        line.allocations.retain(|held| held.batch != allocation.batch);
        let turn = line.turn();
        let batch = self.batch_mut(&allocation.batch);
        batch.held.remove(&(allocation.allocated_at, turn));
        batch.record.allocated = batch
            .record
            .allocated
            .checked_sub(allocation.quantity.units())
            .expect("the check found the allocation among those summed up");
    }

    fn earmark(&mut self, allocation: &AllocationRecord) {
        let line = self.line_mut(&allocation.key).expect("the check found the line");
        line.allocations.push(allocation.clone());
        let turn = line.turn();
        let batch = self.batch_mut(&allocation.batch);
        batch.held.insert((allocation.allocated_at, turn), allocation.quantity);
        batch.record.allocated = batch
            .record
            .allocated
            .checked_add(allocation.quantity.units())
            .expect("the check found room for it");
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
            let product = self.product_mut(sku);
            product.events.push(sequence);
            product.orders.extend(event.order().cloned());
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
