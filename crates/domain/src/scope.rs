//! Scopes: what a command touches, and so what a store must lock and read before it can be decided.

use alloc::collections::BTreeSet;

use crate::name::{LineKey, OrderId, Reference, Sku};
use crate::quantity::Count;

/// How many waiting lines one transaction looks at, for each product: what is left is served by a follow-up.
///
/// Bounds the time a transaction holds its locks: some hundred lines are a few milliseconds of work.
pub const BACKLOG_PAGE: usize = 200;

/// How many batches with something available are read of a product, in preference order, unless a decision has asked
/// for all of them.
///
/// Most lines fit the first few. A product with a thousand batches then costs a decision no more than one with ten.
pub const OFFER_PAGE: usize = 16;

/// How much of the backlog of its products a command may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BacklogNeed {
    /// It frees no stock: none.
    #[default]
    None,
    /// It may free stock: the first [`BACKLOG_PAGE`] lines in order of service.
    FromStart,
    /// It goes on where an earlier transaction stopped: the page after the product's `resume_after`.
    Resume,
}

/// Lines that may have to leave a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseNeed {
    /// The batch that is counted.
    pub batch: Reference,
    /// The quantity it is counted to. To be read: lines allocated in it, the latest allocated first (ties: the latest
    /// turn first), until the units they hold there reach what exceeds this quantity.
    pub to: Count,
}

/// What a command touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Products: the record, and the first [`OFFER_PAGE`] batches with something available, in preference order.
    pub skus: BTreeSet<Sku>,
    /// Products, should they be touched, of which all batches with something available are read: a decision on the first
    /// of them found too little.
    pub whole_offers: BTreeSet<Sku>,
    /// Lines, by their identity.
    pub lines: BTreeSet<LineKey>,
    /// Orders: the header, all lines, and the products of all lines.
    pub orders: BTreeSet<OrderId>,
    /// Batches by reference, and their products.
    pub batches: BTreeSet<Reference>,
    /// How much of the backlog, for every product in the scope.
    pub backlog: BacklogNeed,
    /// The lines to release from a batch that shrinks. The batch stands in `batches` too.
    pub release: Option<ReleaseNeed>,
}

impl Scope {
    /// Whether commands of this scope can share a transaction with others. The ones that can't read a part of the
    /// book that is only right for the state they find.
    #[must_use]
    pub const fn is_joinable(&self) -> bool {
        self.release.is_none() && !matches!(self.backlog, BacklogNeed::Resume)
    }

    /// The scope of both: what either touches. Both are joinable.
    #[must_use]
    pub fn join(mut self, mut other: Self) -> Self {
        debug_assert!(self.is_joinable() && other.is_joinable());
        self.skus.append(&mut other.skus);
        self.whole_offers.append(&mut other.whole_offers);
        self.lines.append(&mut other.lines);
        self.orders.append(&mut other.orders);
        self.batches.append(&mut other.batches);
        self.backlog = self.backlog.max(other.backlog);
        self
    }
}
