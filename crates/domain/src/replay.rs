//! Replay: the events of a product, from the first, held against its records as they stand.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::SequencedEvent;
use crate::record::{AllocationRecord, BatchRecord, LineRecord, ProductRecord};

/// All that was ever stored of one product, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductHistory {
    /// The product.
    pub product: ProductRecord,
    /// All of its batches.
    pub batches: Vec<BatchRecord>,
    /// All of its lines, in whatever state.
    pub lines: Vec<LineRecord>,
    /// All of its allocations.
    pub allocations: Vec<AllocationRecord>,
    /// All of its events, ascending.
    pub events: Vec<SequencedEvent>,
}

/// Something stored that can't be true, told for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy(pub String);

/// stub
pub fn audit(_history: &ProductHistory) -> Vec<Discrepancy> { Vec::new() }
