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
use crate::stock::line::{Allocation, Dispatched, Line};
use crate::stock::product::Product;

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
        for ReleaseRead { batch, .. } in loaded.releases.iter().filter(|read| read.more) {
            if let Some(at) = opened.find_batch(batch) {
                opened.products[at.product].set_lines_cut(at.batch);
            }
        }
        let mut allocated: BTreeMap<LineKey, Vec<AllocationRecord>> = BTreeMap::new();
        for allocation in loaded.allocations {
            allocated.entry(allocation.key.clone()).or_default().push(allocation);
        }
        let mut dispatched: BTreeMap<LineKey, Vec<DispatchRecord>> = BTreeMap::new();
        for dispatch in loaded.dispatches {
            dispatched.entry(dispatch.key.clone()).or_default().push(dispatch);
        }
        for record in loaded.lines {
            let allocated = allocated.remove(&record.terms.key).unwrap_or_default();
            let dispatched = dispatched.remove(&record.terms.key).unwrap_or_default();
            opened.open_line(record, allocated, dispatched)?;
        }
        let headers = loaded.orders.into_iter();
        opened.headers = headers.map(|order| (order.id.clone(), Header::stored(order))).collect();
        opened.joined = loaded.joined.into_iter().map(|order| (order.id, order.lines)).collect();
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

    fn open_line(
        &mut self,
        record: LineRecord,
        allocated: Vec<AllocationRecord>,
        mut dispatched: Vec<DispatchRecord>,
    ) -> Result<(), Corrupt> {
        let key = record.terms.key.clone();
        let Some(&product) = self.by_sku.get(&record.sku) else {
            self.lines.insert(key, None);
            return Ok(());
        };
        let mut allocations = Vec::with_capacity(allocated.len());
        for AllocationRecord {
            batch,
            quantity,
            allocated_version,
            ..
        } in allocated
        {
            match self.find_batch(&batch) {
                Some(at) if at.product == product => allocations.push(Allocation {
                    batch: at.batch,
                    part: Part { batch, quantity },
                    allocated_version: Some(allocated_version),
                }),
                _ => {
                    return Err(Corrupt(format!(
                        "line {key} has units in batch {batch}, which does not exist"
                    )));
                }
            }
        }
        let loaded = &mut self.products[product];
        allocations.sort_by_key(|allocation| loaded.batch(allocation.batch).preference());
        dispatched.sort_by(|a, b| (a.dispatched_version, &a.batch).cmp(&(b.dispatched_version, &b.batch)));
        let left = record.dispatched;
        let dispatched = dispatched.into_iter().map(Dispatched::from).collect();
        let line = Line::stored(record, allocations, dispatched);
        if line.dispatched_units() != left {
            return Err(Corrupt(format!(
                "{left} units of line {key} have left the building, but its dispatches are of {}",
                line.dispatched_units()
            )));
        }
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
