//! What a store reads for a scope.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::Timestamp;

use super::batch::{BatchRecord, Preference};
use super::order::{AllocationRecord, DispatchRecord, LineRecord, OrderRecord};
use super::product::ProductRecord;
use crate::language::line_terms::LineState;
use crate::language::message::{MessageId, Processed};
use crate::language::name::{Location, OrderId, Reference, Sku};
use crate::language::precedence::ServicePosition;

/// The end of a page of batches: the product has more batches with available units than were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPageEnd {
    /// Which product.
    pub sku: Sku,
    /// The last batch of the page; the others follow it in preference order.
    pub after: Preference,
}

/// The lines of a batch that changes, as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRead {
    /// Which batch.
    pub batch: Reference,
    /// Whether the change concerns more of its lines than were read.
    pub more: bool,
}

/// When the next hold on a product's stock ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHold {
    /// Of which product.
    pub sku: Sku,
    /// The earliest deadline of its lines that are held or wait in a held order, the lines of the scope's orders left
    /// out. `None`: there is none.
    pub at: Option<Timestamp>,
}

/// An order that a line is added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedOrder {
    /// Which order.
    pub id: OrderId,
    /// The states that its lines are in, each with its deadline, if it has one.
    pub lines: BTreeSet<(LineState, Option<Timestamp>)>,
}

/// Lines of a product that were read in order of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRead {
    /// Of which product.
    pub sku: Sku,
    /// The position of the last line that was read, with more such lines behind it. `None`: all were read.
    pub until: Option<ServicePosition>,
}

/// What a store read for a scope. Within the scope, what is missing here does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The products of the scope that exist, locked against every other change.
    pub products: Vec<ProductRecord>,
    /// Their batches with available units, as far as the scope asks; the batches named in the scope; the batches of the
    /// loaded lines.
    pub batches: Vec<BatchRecord>,
    /// The products of which not all batches with available units were read.
    pub batch_pages_cut: Vec<BatchPageEnd>,
    /// Those of the scope's locations that are known: a batch was created there once, of any product.
    pub known_locations: BTreeSet<Location>,
    /// The headers of the scope's orders, and of those that lines are added to.
    pub orders: Vec<OrderRecord>,
    /// Those of the orders that lines are added to which exist.
    pub joined: Vec<JoinedOrder>,
    /// The lines named in the scope; all lines of its orders; the page of the backlog; the lines to release.
    pub lines: Vec<LineRecord>,
    /// All allocations of these lines.
    pub allocations: Vec<AllocationRecord>,
    /// All that these lines have dispatched.
    pub dispatches: Vec<DispatchRecord>,
    /// When the next hold of a product ends, if the scope asks for it.
    pub next_holds: Vec<NextHold>,
    /// How far each product's backlog was read, if the scope asks for it.
    pub backlog: Vec<ServiceRead>,
    /// How far the lines that may move to better stock were read, if the scope asks for them.
    pub improvable: Option<ServiceRead>,
    /// Whether more lines break their promise today than were read, if the scope asks for them.
    pub more_to_break: bool,
    /// How far the lines to release were read, of each batch that the scope asks for and that exists.
    pub releases: Vec<ReleaseRead>,
    /// Those of the scope's messages that were processed before, with how each ended.
    pub processed: BTreeMap<MessageId, Processed>,
}
