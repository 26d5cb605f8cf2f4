//! Opening a unit of work: records become aggregates, and corrupt records are refused.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::{Corrupt, Header, LineAt, UnitOfWork};
use crate::language::line_terms::Part;
use crate::language::name::LineKey;
use crate::records::batch::BatchRecord;
use crate::records::loaded::{Loaded, ReleaseRead};
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord, OrderRecord};
use crate::stock::line::{Allocation, Line};
use crate::stock::product::Product;

/// Units of a line in a batch, or dispatched from it.
struct LineUnits {
    part: Part,
    allocated_version: u64,
}

impl From<&AllocationRecord> for LineUnits {
    fn from(record: &AllocationRecord) -> Self {
        let (batch, quantity) = (record.batch.clone(), record.quantity);
        Self {
            part: Part { batch, quantity },
            allocated_version: record.allocated_version,
        }
    }
}

impl From<&DispatchRecord> for LineUnits {
    fn from(record: &DispatchRecord) -> Self {
        let (batch, quantity) = (record.batch.clone(), record.quantity);
        Self {
            part: Part { batch, quantity },
            allocated_version: record.allocated_version,
        }
    }
}

impl Header {
    /// A header as read from a store.
    fn stored(record: OrderRecord) -> Self {
        let stored = Some(record.clone());
        Self { record, stored }
    }
}

impl UnitOfWork {
    /// Makes aggregates of what a store read.
    ///
    /// # Errors
    /// [`Corrupt`] when the records contradict each other: more is committed than a batch has, a line has other units
    /// than its state requires, or an allocation is in a batch that does not exist.
    pub fn open(loaded: Loaded) -> Result<Self, Corrupt> {
        let mut opened = Self {
            products: loaded.products.into_iter().map(Product::stored).collect(),
            ..Self::default()
        };
        let products = opened.products.iter_indexed();
        opened.by_sku = products
            .map(|(index, product)| (product.sku().clone(), index))
            .collect();
        for record in loaded.batches {
            opened.open_batch(record)?;
        }
        for read in loaded.backlog {
            if let Some(product) = opened.by_sku.get(&read.sku) {
                opened.products[*product].set_backlog_read(read.until);
            }
        }
        if let Some(read) = loaded.improvable
            && let Some(product) = opened.by_sku.get(&read.sku)
        {
            opened.products[*product].set_improvable_until(read.until);
        }
        for end in loaded.batch_pages_cut {
            if let Some(product) = opened.by_sku.get(&end.sku) {
                opened.products[*product].set_batch_page_end(end.after);
            }
        }
        opened.products.iter_mut().for_each(Product::sort_batches);
        if let Some(ReleaseRead { batch, more: true }) = &loaded.release
            && let Some(at) = opened.find_batch(batch)
        {
            opened.products[at.product].set_lines_cut(at.batch);
        }
        let mut units_of: BTreeMap<LineKey, Vec<LineUnits>> = BTreeMap::new();
        for allocation in loaded.allocations {
            let units = LineUnits::from(&allocation);
            units_of.entry(allocation.key).or_default().push(units);
        }
        for dispatch in loaded.dispatches {
            let units = LineUnits::from(&dispatch);
            units_of.entry(dispatch.key).or_default().push(units);
        }
        for record in loaded.lines {
            let units = units_of.remove(&record.terms.key).unwrap_or_default();
            opened.open_line(record, units)?;
        }
        let headers = loaded.orders.into_iter();
        opened.headers = headers.map(|order| (order.id.clone(), Header::stored(order))).collect();
        opened.known_locations = loaded.known_locations;
        opened.more_to_break = loaded.more_to_break;
        opened.processed = loaded.processed;
        opened.next_holds = loaded.next_holds.into_iter().map(|next| (next.sku, next.at)).collect();
        Ok(opened)
    }

    fn open_batch(&mut self, record: BatchRecord) -> Result<(), Corrupt> {
        let committed = record.allocated.checked_add(record.dispatched);
        if committed.is_none_or(|units| units > record.quantity.units()) {
            return Err(Corrupt(format!(
                "batch {} has {} units, but {} are allocated and {} dispatched",
                record.reference, record.quantity, record.allocated, record.dispatched
            )));
        }
        if let Some(product) = self.by_sku.get(&record.sku) {
            self.products[*product].add_stored_batch(record);
        }
        Ok(())
    }

    fn open_line(&mut self, record: LineRecord, units: Vec<LineUnits>) -> Result<(), Corrupt> {
        let key = record.terms.key.clone();
        let Some(&product) = self.by_sku.get(&record.sku) else {
            self.lines.insert(key, None);
            return Ok(());
        };
        let mut allocations = Vec::with_capacity(units.len());
        for LineUnits {
            part,
            allocated_version,
        } in units
        {
            match self.find_batch(&part.batch) {
                Some(at) if at.product == product => allocations.push(Allocation {
                    batch: at.batch,
                    part,
                    allocated_version: Some(allocated_version),
                }),
                _ => {
                    return Err(Corrupt(format!(
                        "line {key} has units in batch {}, which does not exist",
                        part.batch
                    )));
                }
            }
        }
        let loaded = &mut self.products[product];
        allocations.sort_by_key(|allocation| loaded.batch(allocation.batch).preference());
        let line = Line::stored(record, allocations);
        if !line.has_the_units_of_its_state() {
            return Err(Corrupt(format!(
                "line {} is {}, but has other units than that state requires",
                line.key(),
                line.state().as_str()
            )));
        }
        let line = loaded.add_stored_line(line);
        self.lines.insert(key, Some(LineAt { product, line }));
        Ok(())
    }
}
