//! Order lines: a customer's wish, where it stands, and its place in the order of service.

use alloc::vec::Vec;

use jiff::Timestamp;

use crate::event::LineTerms;
use crate::name::{LineKey, Reference, Sku};
use crate::precedence::{Precedence, ReleaseRank};
use crate::quantity::{Quantity, Units};
use crate::record::{AllocationRecord, Change, ChangeSet, DispatchRecord, LineRecord};

/// What a customer wants: one line of an order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRequest {
    /// Which line.
    pub key: LineKey,
    /// Which product.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

/// Where a line stands. It is in exactly one state at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineState {
    /// Its units are earmarked, all of them, until the deadline of its order.
    Held,
    /// Its units are earmarked, all of them.
    Allocated,
    /// It waits for stock.
    Backordered,
    /// It did not fit, and its order was placed without it.
    Refused,
    /// The customer does not want it any more.
    Cancelled,
    /// Its order was held, and nobody confirmed it in time.
    Expired,
    /// Its units have left the building.
    Dispatched,
}

impl LineState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Allocated,
        Self::Backordered,
        Self::Refused,
        Self::Cancelled,
        Self::Expired,
        Self::Dispatched,
    ];

    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Allocated => "allocated",
            Self::Backordered => "backordered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dispatched => "dispatched",
        }
    }

    /// The state a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether a line in this state has units earmarked.
    #[must_use]
    pub const fn holds_units(self) -> bool {
        matches!(self, Self::Held | Self::Allocated)
    }

    /// Whether a line in this state may still get its units, or has them and may lose them.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Allocated | Self::Backordered)
    }
}

/// A line's place in the order of service: the earlier turn is served first.
///
/// The fields are compared in the order they stand in; a rule that outranks the time of first placing goes above it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePosition {
    /// What its order says of it.
    pub precedence: Precedence,
    /// When the line was first placed.
    pub placed_at: Timestamp,
    /// Ties go by order id, then line id.
    pub key: LineKey,
}

/// Units in one batch: what a line gets from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The batch.
    pub batch: Reference,
    /// The units.
    pub quantity: Quantity,
}

/// Units of one line, earmarked in one batch, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) part: Part,
    /// The batch's place among those of its product that are at hand.
    pub(crate) place: usize,
    pub(crate) allocated_at: Timestamp,
}

impl Allocation {
    /// The same, as it is stored.
    fn record(self, key: &LineKey, release_rank: ReleaseRank) -> AllocationRecord {
        AllocationRecord {
            key: key.clone(),
            batch: self.part.batch,
            quantity: self.part.quantity,
            release_rank,
            allocated_at: self.allocated_at,
        }
    }

    /// The same, as it is stored once it has left the building.
    fn dispatch_record(self, key: &LineKey) -> DispatchRecord {
        DispatchRecord {
            key: key.clone(),
            batch: self.part.batch,
            quantity: self.part.quantity,
            allocated_at: self.allocated_at,
        }
    }
}

/// Where a line stands, with the units it has: in batches, or, once it is dispatched, gone from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineStatus {
    pub(crate) state: LineState,
    pub(crate) allocations: Vec<Allocation>,
}

impl LineStatus {
    /// A standing without stock.
    pub(crate) const fn empty_handed(state: LineState) -> Self {
        Self {
            state,
            allocations: Vec::new(),
        }
    }

    /// With these units earmarked: held until a deadline, or firm.
    pub(crate) const fn with(allocations: Vec<Allocation>, hold_until: Option<Timestamp>) -> Self {
        Self {
            state: if hold_until.is_some() {
                LineState::Held
            } else {
                LineState::Allocated
            },
            allocations,
        }
    }

    /// The units it has earmarked; none of those that have left the building.
    pub(crate) fn earmarked(&self) -> &[Allocation] {
        if self.state.holds_units() {
            &self.allocations
        } else {
            &[]
        }
    }

    /// The units of it that have left the building.
    fn gone(&self) -> &[Allocation] {
        if self.state == LineState::Dispatched {
            &self.allocations
        } else {
            &[]
        }
    }

    /// Where the units are that it has earmarked.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.earmarked().iter().map(|a| a.part.clone()).collect()
    }
}

/// A line as it was at some time: what it was to have, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineSnapshot {
    pub(crate) terms: LineTerms,
    pub(crate) standing: LineStatus,
}

/// An order line: an entity of its product's aggregate.
#[derive(Debug, Clone)]
pub struct Line {
    terms: LineTerms,
    standing: LineStatus,
    /// As it was read; `None` for a line made in this transaction.
    stored: Option<LineSnapshot>,
    /// Whether the command that is being decided has touched it.
    touched: bool,
}

impl Line {
    /// A line seen for the first time.
    pub(crate) const fn new(terms: LineTerms, standing: LineStatus) -> Self {
        Self {
            terms,
            standing,
            stored: None,
            touched: false,
        }
    }

    /// A line as read from a store, with its units.
    pub(crate) fn stored(record: LineRecord, allocations: Vec<Allocation>) -> Self {
        let was = LineSnapshot {
            standing: LineStatus {
                state: record.state,
                allocations,
            },
            terms: record.terms,
        };
        Self {
            terms: was.terms.clone(),
            standing: was.standing.clone(),
            stored: Some(was),
            touched: false,
        }
    }

    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> &LineKey {
        &self.terms.key
    }

    /// The terms it stands on.
    #[must_use]
    pub const fn terms(&self) -> &LineTerms {
        &self.terms
    }

    /// The units it wants.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        self.terms.quantity
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> LineState {
        self.standing.state
    }

    /// Its place in the order of service.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        self.terms.service_position()
    }

    pub(crate) const fn standing(&self) -> &LineStatus {
        &self.standing
    }

    /// Puts the line where it is to stand, and says what it was; the caller moves the units.
    pub(crate) fn stand(&mut self, terms: LineTerms, standing: LineStatus) -> LineSnapshot {
        LineSnapshot {
            terms: core::mem::replace(&mut self.terms, terms),
            standing: core::mem::replace(&mut self.standing, standing),
        }
    }

    /// The line as it is.
    pub(crate) fn was(&self) -> LineSnapshot {
        LineSnapshot {
            terms: self.terms.clone(),
            standing: self.standing.clone(),
        }
    }

    /// Whether it is still what it was.
    pub(crate) fn is(&self, was: &LineSnapshot) -> bool {
        self.standing == was.standing && self.terms == was.terms
    }

    /// Where a line has its units that was placed in this transaction, if all of them are in one batch.
    pub(crate) fn placed_in(&self) -> Option<&Allocation> {
        match (&self.stored, self.standing.earmarked()) {
            (None, [held]) => Some(held),
            _ => None,
        }
    }

    /// The units it has earmarked in the batch at a place, and since when.
    pub(crate) fn held_in(&self, place: usize) -> Option<&Allocation> {
        self.standing.earmarked().iter().find(|a| a.place == place)
    }

    /// How strong its claim is to the units it holds.
    pub(crate) fn release_rank(&self) -> ReleaseRank {
        release_rank(&self.terms, &self.standing)
    }

    /// Marks it as touched by the command that is being decided; whether it was not so before.
    pub(crate) const fn touch(&mut self) -> bool {
        !core::mem::replace(&mut self.touched, true)
    }

    /// The command that touched it has been told.
    pub(crate) const fn settle(&mut self) {
        self.touched = false;
    }

    /// Adds what changed of it since it was read: the line itself, and the units that differ.
    pub(crate) fn close(self, sku: &Sku, changes: &mut ChangeSet) {
        let Self {
            terms,
            standing,
            stored,
            ..
        } = self;
        let now = release_rank(&terms, &standing);
        let key = &terms.key;
        let Some(before) = stored else {
            let held = standing.earmarked().iter().cloned();
            changes
                .earmarked
                .extend(held.map(|allocation| allocation.record(key, now)));
            let gone = standing.gone().iter().cloned();
            changes.dispatched.extend(gone.map(|part| part.dispatch_record(key)));
            changes.lines.push(Change::New(record(terms, sku, standing.state)));
            return;
        };
        let then = release_rank(&before.terms, &before.standing);
        // An allocation bears the claim of its line: with another claim it is another allocation.
        let stays = |allocation: &Allocation, other: &LineStatus| then == now && other.earmarked().contains(allocation);
        let leaving = before.standing.earmarked().iter().filter(|was| !stays(was, &standing));
        changes
            .released
            .extend(leaving.map(|was| was.clone().record(key, then)));
        let coming = standing
            .earmarked()
            .iter()
            .filter(|held| !stays(held, &before.standing));
        changes
            .earmarked
            .extend(coming.map(|held| held.clone().record(key, now)));
        let back = before
            .standing
            .gone()
            .iter()
            .filter(|was| !standing.gone().contains(was));
        changes
            .returned
            .extend(back.map(|was| was.clone().dispatch_record(key)));
        let gone = standing
            .gone()
            .iter()
            .filter(|part| !before.standing.gone().contains(part));
        changes
            .dispatched
            .extend(gone.map(|part| part.clone().dispatch_record(key)));
        if before.standing.state != standing.state || before.terms != terms {
            changes.lines.push(Change::Changed(record(terms, sku, standing.state)));
        }
    }

    /// Whether what it holds is what its state says: all of its units when held or allocated, else none.
    pub(crate) fn is_whole(&self) -> bool {
        let held: Units = self.standing.earmarked().iter().map(|a| a.part.quantity.units()).sum();
        if self.standing.state.holds_units() {
            held == self.terms.quantity.units()
        } else {
            held.is_zero()
        }
    }
}

fn release_rank(terms: &LineTerms, standing: &LineStatus) -> ReleaseRank {
    ReleaseRank::of(terms.precedence, standing.state == LineState::Held)
}

/// The record of a line with these terms in this state.
fn record(terms: LineTerms, sku: &Sku, state: LineState) -> LineRecord {
    LineRecord {
        sku: sku.clone(),
        state,
        terms,
    }
}
