//! Units of a line that leave the building, and that come back.

use alloc::vec::Vec;

use jiff::Timestamp;

use super::Product;
use crate::language::line_terms::{LineState, LineTerms, Part};
use crate::language::name::Reference;
use crate::language::quantity::{Quantity, Units};
use crate::stock::batch::Batch;
use crate::stock::index::{BatchIndex, LineIndex};
use crate::stock::line::{Allocation, Dispatched, LineStatus};

impl Product {
    /// Which units of an allocated line leave the building if `wanted` are to: those in the warehouse, by preference.
    pub(crate) fn leaving(&self, line: LineIndex, wanted: Units) -> Vec<Allocation> {
        let here = self.lines[line].status().allocated().iter();
        let here = here.filter(|allocation| self.batches[allocation.batch].eta().is_none());
        let mut left = wanted;
        let leaving = here.filter_map(|allocation| {
            let quantity = left.give(allocation.part.quantity)?;
            left = left.saturating_sub(quantity.units());
            let mut leaving = allocation.clone();
            leaving.part.quantity = quantity;
            Some(leaving)
        });
        leaving.collect()
    }

    /// The first batch with units of a line that is not in the warehouse.
    pub(crate) fn batch_not_in_warehouse(&self, line: LineIndex) -> Option<&Reference> {
        let allocations = self.lines[line].status().allocated().iter();
        let mut batches = allocations.map(|allocation| &self.batches[allocation.batch]);
        batches.find(|batch| batch.eta().is_some()).map(Batch::reference)
    }

    /// The first batch that units of a line left and that was cancelled.
    pub(crate) fn closed_batch_of_dispatch(&self, line: LineIndex) -> Option<&Reference> {
        let dispatched = self.lines[line].dispatched().iter();
        let mut batches = dispatched.map(|units| &self.batches[self.batch_of(&units.part)]);
        batches.find(|batch| batch.is_closed()).map(Batch::reference)
    }

    /// Dispatches units of an allocated line. Once all have left, the line is dispatched.
    pub(crate) fn dispatch(&mut self, line: LineIndex, leaving: Vec<Allocation>, now: Timestamp) {
        let before = self.lines[line].snapshot();
        let mut status = before.status;
        status.allocations.retain_mut(|allocation| {
            let gone = leaving.iter().find(|gone| gone.batch == allocation.batch);
            let gone = gone.map_or(Units::ZERO, |gone| gone.part.quantity.units());
            let rest = allocation.part.quantity.units().saturating_sub(gone);
            let rest = Quantity::new(i128::from(rest.get())).ok();
            allocation.part.quantity = rest.unwrap_or(allocation.part.quantity);
            rest.is_some()
        });
        let rest: Units = status.allocations.iter().map(|kept| kept.part.quantity.units()).sum();
        let quantity = match Quantity::new(i128::from(rest.get())) {
            Ok(rest) => rest,
            Err(_) => {
                status.state = LineState::Dispatched;
                self.lines[line].total()
            }
        };
        let terms = LineTerms {
            quantity,
            ..before.terms
        };
        self.change_line(line, terms, status);
        for gone in &leaving {
            self.batches[gone.batch].dispatch(gone.part.quantity);
        }
        self.lines[line].add_dispatched(leaving.into_iter().map(|gone| Dispatched {
            part: gone.part,
            allocated_version: gone.allocated_version,
            dispatched_version: None,
            at: now,
        }));
    }

    /// Undoes the dispatch of a line: all of its units that left are allocated again in the batches they left.
    pub(crate) fn undo_dispatch(&mut self, line: LineIndex) {
        let before = self.lines[line].snapshot();
        let total = self.lines[line].total();
        let mut allocations = before.status.allocations;
        for units in &before.dispatched {
            let batch = self.batch_of(&units.part);
            self.batches[batch].take_back(units.part.quantity);
            match allocations.iter_mut().find(|allocation| allocation.batch == batch) {
                Some(allocation) => {
                    allocation.part.quantity = allocation.part.quantity.plus(units.part.quantity);
                }
                None => allocations.push(Allocation {
                    part: units.part.clone(),
                    batch,
                    allocated_version: units.allocated_version,
                }),
            }
        }
        self.sort_by_preference(&mut allocations);
        let terms = LineTerms {
            quantity: total,
            ..before.terms
        };
        let status = LineStatus {
            state: LineState::Allocated,
            allocations,
        };
        self.change_line(line, terms, status);
        self.lines[line].take_dispatched();
    }

    /// The batch that dispatched units left: a command that undoes dispatches has read it.
    fn batch_of(&self, part: &Part) -> BatchIndex {
        let mut batches = self.batches.iter_indexed();
        let found = batches.find(|(_, batch)| *batch.reference() == part.batch);
        found.expect("the batches of a dispatch are read with it").0
    }
}
