//! What a transaction stores.

use alloc::vec::Vec;

use super::batch::BatchRecord;
use super::inbox::InboxRecord;
use super::order::{AllocationRecord, DispatchRecord, LineRecord, OrderRecord};
use super::precondition::Precondition;
use super::product::ProductRecord;
use crate::events::event::Event;
use crate::language::name::Sku;

/// A product to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductChange {
    /// The version that was read; `None`: the product is new.
    pub read_version: Option<u64>,
    /// The product as it is to be stored.
    pub record: ProductRecord,
    /// What must be true when it is stored.
    pub precondition: Precondition,
}

/// A record that is new, or that replaces one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// To be inserted.
    New(T),
    /// To replace the stored record.
    Changed(T),
}

impl<T> Change<T> {
    /// The record, new or changed.
    pub const fn value(&self) -> &T {
        match self {
            Self::New(value) | Self::Changed(value) => value,
        }
    }
}

/// All that a transaction stores: all of it, or nothing.
///
/// Only `quantity`, `eta`, `overdue`, `receipt` and `closed` of a batch change here. The store derives `allocated` and
/// `dispatched` from the allocations and the dispatches. Stored in this order no batch ever has more committed than its quantity: subtract
/// `released` and `returned`, store the batches, add `earmarked` and `dispatched`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// Products, each with the version that was read.
    pub products: Vec<ProductChange>,
    /// Batches.
    pub batches: Vec<Change<BatchRecord>>,
    /// Orders.
    pub orders: Vec<Change<OrderRecord>>,
    /// Lines.
    pub lines: Vec<Change<LineRecord>>,
    /// Allocations to delete.
    pub released: Vec<AllocationRecord>,
    /// Allocations to insert. An allocation is never updated: it is deleted and inserted again.
    pub earmarked: Vec<AllocationRecord>,
    /// Dispatches to insert: units that left the building.
    pub dispatched: Vec<DispatchRecord>,
    /// Dispatches to delete: they were undone.
    pub returned: Vec<DispatchRecord>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Messages to add to the inbox. A message that is there already is a conflict.
    pub inbox: Vec<InboxRecord>,
}

impl ChangeSet {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
            && self.batches.is_empty()
            && self.orders.is_empty()
            && self.lines.is_empty()
            && self.released.is_empty()
            && self.earmarked.is_empty()
            && self.dispatched.is_empty()
            && self.returned.is_empty()
            && self.events.is_empty()
            && self.inbox.is_empty()
    }

    /// The products with work that this transaction did not finish.
    pub fn pending(&self) -> impl Iterator<Item = &Sku> {
        self.products
            .iter()
            .filter(|change| change.record.pending.is_some())
            .map(|change| &change.record.sku)
    }
}
