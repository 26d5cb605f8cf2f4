//! The plain facts that pass between the aggregates and a store: what a row says, without behaviour.
//!
//! A store fills [`Loaded`] for a [`Scope`](crate::Scope), and stores [`ChangeSet`]. The fields are public because a
//! record promises nothing: [`UnitOfWork::open`](crate::Ledger::open) is where records become aggregates, and where
//! records that can't be true are refused as corrupt.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::batch::BatchStatus;
use crate::event::{Event, LineTerms};
use crate::line::{LineState, ServicePosition};
use crate::message::MessageId;
use crate::name::{LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::precedence::{Precedence, ReleaseRank};
use crate::precondition::Precondition;
use crate::quantity::{Count, Quantity, Units};

/// A product as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRecord {
    /// Which product.
    pub sku: Sku,
    /// What people call it, if anybody has said.
    pub name: Option<ProductName>,
    /// Rises by one with each event of the product; 0 before the first.
    pub version: u64,
    /// How many batches were ever created for it: the next batch's ordinal is one more.
    pub batches_created: u32,
    /// Where serving the backlog stopped for want of room in its transaction: lines after this turn have not been
    /// looked at since the last gain of stock. `None`: nothing is owed.
    pub resume_after: Option<ServicePosition>,
    /// Units kept back from new promises.
    pub safety_stock: Count,
    /// Whether it has been told that nothing is left of it, and not yet that something is there again.
    pub depleted: bool,
    /// No hold on its stock ends before this; `None`: there is none. The hold that was to end then may be gone.
    pub next_expiry: Option<Timestamp>,
}

impl ProductRecord {
    /// A product of which nothing is known yet.
    #[must_use]
    pub const fn new(sku: Sku) -> Self {
        Self {
            sku,
            name: None,
            version: 0,
            batches_created: 0,
            resume_after: None,
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
        }
    }
}

/// A batch as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// Which batch.
    pub reference: Reference,
    /// Of which product.
    pub sku: Sku,
    /// Where it lies or will lie.
    pub location: Location,
    /// 1 for the product's first batch, 2 for the second, …: breaks ties of preference.
    pub ordinal: u32,
    /// The quantity it was created with: what "the same content again" is compared to.
    pub created_quantity: Quantity,
    /// The ETA it was created with, for the same comparison.
    pub created_eta: Option<Date>,
    /// The quantity as it stands, bought or counted.
    pub quantity: Count,
    /// Units earmarked and still in the batch: the sum of its allocations.
    pub allocated: Units,
    /// Units that have left the building.
    pub dispatched: Units,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Whether it was cancelled: its quantity is what has been dispatched from it.
    pub closed: bool,
}

/// The header of an order that was placed whole.
///
/// Lines allocated one by one need none: their order is the lines that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Which order.
    pub id: OrderId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Its lines' place in the order of service.
    pub precedence: Precedence,
    /// Until when it is or was held; `None`: it was firm at once. Whether it still is held, its lines tell.
    pub hold_until: Option<Timestamp>,
}

/// An order line as stored, without its allocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRecord {
    /// The product it wants.
    pub sku: Sku,
    /// Its state.
    pub state: LineState,
    /// The terms it was placed on, or was changed to. `hold_until` is set while the line is held, or waits in an order
    /// that is: from that deadline on it counts no more.
    pub terms: LineTerms,
}

impl LineRecord {
    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> &LineKey {
        &self.terms.key
    }

    /// Its position in the order of service.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        self.terms.service_position()
    }

    /// Its state at an instant: a deadline that has passed counts, whether or not the sweep has recorded it.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> LineState {
        match self.terms.hold_until {
            Some(deadline) if deadline <= now => LineState::Expired,
            _ => self.state,
        }
    }
}

/// Units of one line, earmarked in one batch, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRecord {
    /// The line the units are for.
    pub key: LineKey,
    /// The batch they are in.
    pub batch: Reference,
    /// How many.
    pub quantity: Quantity,
    /// How strong the line's claim to them is: the weakest are released first.
    pub release_rank: ReleaseRank,
    /// When they were earmarked there: of equal claims the latest are released first.
    pub allocated_at: Timestamp,
}

/// Units of one line that have left the building, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchRecord {
    /// The line the units were for.
    pub key: LineKey,
    /// The batch they left.
    pub batch: Reference,
    /// How many.
    pub quantity: Quantity,
    /// When they had been earmarked there: they are so again where the dispatch is undone.
    pub allocated_at: Timestamp,
}

/// A batch's place among its product's: the earlier is tried first. In the warehouse goes before any date, then the
/// earliest ETA, then the batch created first.
///
/// The fields are compared in the order they stand in; no date goes before any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preference {
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Its place among the product's batches by creation.
    pub ordinal: u32,
}

impl BatchRecord {
    /// The `ordinal`th batch of a product, as it is bought: nothing of it is promised, and it lies or will lie where
    /// nobody has said otherwise.
    #[must_use]
    pub fn new(reference: Reference, sku: Sku, ordinal: u32, quantity: Quantity, eta: Option<Date>) -> Self {
        Self {
            reference,
            sku,
            location: Location::default(),
            ordinal,
            created_quantity: quantity,
            created_eta: eta,
            quantity: quantity.into(),
            allocated: Units::ZERO,
            dispatched: Units::ZERO,
            eta,
            closed: false,
        }
    }

    /// The batch's place in the order in which batches are tried.
    #[must_use]
    pub const fn preference(&self) -> Preference {
        Preference {
            eta: self.eta,
            ordinal: self.ordinal,
        }
    }

    /// Where the batch is on its way.
    #[must_use]
    pub fn status(&self, today: Date) -> BatchStatus {
        if self.closed {
            BatchStatus::Closed
        } else {
            BatchStatus::of(self.eta, today)
        }
    }

    /// Units that can be promised; none where the record says that more is committed than the batch holds.
    #[must_use]
    pub fn available(&self) -> Units {
        let left = self.quantity.units().saturating_sub(self.allocated);
        left.saturating_sub(self.dispatched)
    }
}

/// That a product has more batches with something available than were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPageEnd {
    /// Which product.
    pub sku: Sku,
    /// The last batch that was read for having something available; others follow it in preference order.
    pub after: Preference,
}

/// How far a product's backlog was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogRead {
    /// Of which product.
    pub sku: Sku,
    /// `None`: to its end. Otherwise the turn of the last line read, with more waiting behind it.
    pub until: Option<ServicePosition>,
}

/// When the next hold on a product's stock ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHold {
    /// Of which product.
    pub sku: Sku,
    /// The earliest deadline of its lines that are held, or wait in an order that is, but for those of the scope's
    /// orders. `None`: there is none.
    pub at: Option<Timestamp>,
}

/// What a store read for a scope. What is not there does not exist, as far as the scope reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The products of the scope that exist, locked against every other change.
    pub products: Vec<ProductRecord>,
    /// Their batches with something available, as far as the scope asks; the batches named in the scope; the batches
    /// that loaded lines lie in.
    pub batches: Vec<BatchRecord>,
    /// The products of which not all batches with something available were read.
    pub batch_pages_cut: Vec<BatchPageEnd>,
    /// The headers of the scope's orders.
    pub orders: Vec<OrderRecord>,
    /// The lines named in the scope; all lines of its orders; the page of the backlog; the lines to release.
    pub lines: Vec<LineRecord>,
    /// All allocations of these lines.
    pub allocations: Vec<AllocationRecord>,
    /// What these lines had dispatched, where the scope asks for it.
    pub dispatches: Vec<DispatchRecord>,
    /// When the next hold of a product ends, where the scope asks for it.
    pub next_holds: Vec<NextHold>,
    /// How far each product's backlog was read, where the scope asks for it.
    pub backlog: Vec<BacklogRead>,
    /// Those of the scope's messages that were processed before.
    pub processed: BTreeSet<MessageId>,
}

/// A product to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductChange {
    /// The version that was read; `None`: the product is new.
    pub read_version: Option<u64>,
    /// The product as it is to stand.
    pub record: ProductRecord,
    /// What has to be so when it is stored.
    pub precondition: Precondition,
}

/// A value that is new, or that takes the place of one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// Was not there before.
    New(T),
    /// Takes the place of what was there.
    Changed(T),
}

impl<T> Change<T> {
    /// The value, whichever way it came.
    pub const fn value(&self) -> &T {
        match self {
            Self::New(value) | Self::Changed(value) => value,
        }
    }
}

/// All that a transaction stores. Either all of it is stored, or nothing.
///
/// Of a batch `quantity`, `eta` and `closed` change here: `allocated` and `dispatched` follow from the allocations and
/// the dispatches, and the store derives them from those. Stored in this order no batch ever holds more than its quantity
/// on the way: take `released` and `returned` away, store the batches, add `earmarked` and `dispatched`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// Products, each with the version that the decision was taken on.
    pub products: Vec<ProductChange>,
    /// Batches.
    pub batches: Vec<Change<BatchRecord>>,
    /// Orders.
    pub orders: Vec<Change<OrderRecord>>,
    /// Lines.
    pub lines: Vec<Change<LineRecord>>,
    /// Allocations that no longer stand.
    pub released: Vec<AllocationRecord>,
    /// Allocations that newly stand. An allocation is never altered: it is released and made anew.
    pub earmarked: Vec<AllocationRecord>,
    /// Units that have left the building.
    pub dispatched: Vec<DispatchRecord>,
    /// Units that have not left the building after all.
    pub returned: Vec<DispatchRecord>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Messages that are processed by this, to be stored in the inbox: a message that stands there already is a conflict.
    pub inbox: Vec<MessageId>,
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

    /// The products whose backlog could not be served to its end in this transaction.
    pub fn pending_backlogs(&self) -> impl Iterator<Item = &Sku> {
        self.products
            .iter()
            .filter(|change| change.record.resume_after.is_some())
            .map(|change| &change.record.sku)
    }
}
