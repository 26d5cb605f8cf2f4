//! Opening: records become aggregates, unless they can't be true.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use jiff::Timestamp;

use super::{At, Corrupt, Header, UnitOfWork};
use crate::line::{Allocation, Line, Part};
use crate::name::LineKey;
use crate::product::Product;
use crate::record::{AllocationRecord, BatchRecord, DispatchRecord, LineRecord, Loaded, OrderRecord};

/// Units of a line in a batch, or gone from it.
struct Units {
    part: Part,
    allocated_at: Timestamp,
}

impl From<&AllocationRecord> for Units {
    fn from(record: &AllocationRecord) -> Self {
        let (batch, quantity) = (record.batch.clone(), record.quantity);
        Self {
            part: Part { batch, quantity },
            allocated_at: record.allocated_at,
        }
    }
}

impl From<&DispatchRecord> for Units {
    fn from(record: &DispatchRecord) -> Self {
        let (batch, quantity) = (record.batch.clone(), record.quantity);
        Self {
            part: Part { batch, quantity },
            allocated_at: record.allocated_at,
        }
    }
}

impl Header {
    /// A header that was read.
    fn stored(record: OrderRecord) -> Self {
        let stored = Some(record.clone());
        Self { record, stored }
    }
}

impl UnitOfWork {
    /// Makes aggregates of what a store read.
    ///
    /// # Errors
    /// [`Corrupt`] when the records can't be true: more committed than a batch holds, a line that holds other units
    /// than its state says, an allocation in a batch that does not exist.
    pub fn open(loaded: Loaded) -> Result<Self, Corrupt> {
        let products: Vec<Product> = loaded.products.into_iter().map(Product::stored).collect();
        let places = products.iter().enumerate();
        let mut unit_of_work = Self {
            by_sku: places.map(|(place, product)| (product.sku().clone(), place)).collect(),
            products,
            ..Self::default()
        };
        for record in loaded.batches {
            unit_of_work.add_batch(record)?;
        }
        for read in loaded.backlog {
            if let Some(place) = unit_of_work.by_sku.get(&read.sku) {
                unit_of_work.products[*place].read_backlog(read.until);
            }
        }
        for cut in loaded.batch_pages_cut {
            if let Some(place) = unit_of_work.by_sku.get(&cut.sku) {
                unit_of_work.products[*place].cut_offer(cut.after);
            }
        }
        unit_of_work.products.iter_mut().for_each(Product::sort);
        let mut held: BTreeMap<LineKey, Vec<Units>> = BTreeMap::new();
        for allocation in loaded.allocations {
            let units = Units::from(&allocation);
            held.entry(allocation.key).or_default().push(units);
        }
        for dispatch in loaded.dispatches {
            let units = Units::from(&dispatch);
            held.entry(dispatch.key).or_default().push(units);
        }
        for record in loaded.lines {
            let held = held.remove(&record.terms.key).unwrap_or_default();
            unit_of_work.add_line(record, held)?;
        }
        unit_of_work.headers = loaded
            .orders
            .into_iter()
            .map(|order| (order.id.clone(), Header::stored(order)))
            .collect();
        unit_of_work.processed = loaded.processed;
        unit_of_work.next_holds = loaded.next_holds.into_iter().map(|next| (next.sku, next.at)).collect();
        Ok(unit_of_work)
    }

    fn add_batch(&mut self, record: BatchRecord) -> Result<(), Corrupt> {
        let committed = record.allocated.checked_add(record.dispatched);
        if committed.is_none_or(|units| units > record.quantity.units()) {
            return Err(Corrupt(format!(
                "batch {} holds {} units, but {} are allocated and {} dispatched",
                record.reference, record.quantity, record.allocated, record.dispatched
            )));
        }
        if let Some(place) = self.by_sku.get(&record.sku) {
            self.products[*place].add_stored_batch(record);
        }
        Ok(())
    }

    fn add_line(&mut self, record: LineRecord, held: Vec<Units>) -> Result<(), Corrupt> {
        let key = record.terms.key.clone();
        let Some(&product) = self.by_sku.get(&record.sku) else {
            self.lines.insert(key, None);
            return Ok(());
        };
        let mut allocations = Vec::with_capacity(held.len());
        for Units { part, allocated_at } in held {
            match self.batch_at(&part.batch) {
                Some(at) if at.product == product => allocations.push(Allocation {
                    place: at.place,
                    part,
                    allocated_at,
                }),
                _ => {
                    return Err(Corrupt(format!(
                        "line {key} holds units in batch {}, which does not exist",
                        part.batch
                    )));
                }
            }
        }
        let product_at_hand = &mut self.products[product];
        let batches = product_at_hand.batches();
        allocations.sort_by_key(|allocation| batches[allocation.place].preference());
        let line = Line::stored(record, allocations);
        if !line.is_whole() {
            return Err(Corrupt(format!(
                "line {} is {} with other units than that means",
                line.key(),
                line.state().as_str()
            )));
        }
        let place = product_at_hand.add_stored_line(line);
        self.lines.insert(key, Some(At { product, place }));
        Ok(())
    }
}
