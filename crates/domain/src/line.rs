//! Order lines: a customer's wish, where it stands, and its place in the order of service.

use alloc::vec::Vec;

use jiff::Timestamp;

use crate::event::LineTerms;
use crate::name::{LineKey, Reference, Sku};
use crate::quantity::{Quantity, Units};
use crate::record::{AllocationRecord, Change, Changes, LineRecord};

/// What a customer wants: one line of an order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
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
    /// Its units are earmarked, all of them.
    Allocated,
    /// It waits for stock.
    Backordered,
    /// It did not fit, and its order was placed without it.
    Refused,
    /// The customer does not want it any more.
    Cancelled,
}

impl LineState {
    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::Backordered => "backordered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Allocated, Self::Backordered, Self::Refused, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A line's place in the order of service: the earlier turn is served first.
///
/// The fields are compared in the order they stand in; a rule that outranks the time of first placing goes above it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
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
    fn record(self, key: &LineKey) -> AllocationRecord {
        AllocationRecord {
            key: key.clone(),
            batch: self.part.batch,
            quantity: self.part.quantity,
            allocated_at: self.allocated_at,
        }
    }
}

/// Where a line stands, with what it holds: the part of a line that commands change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: LineState,
    pub(crate) allocations: Vec<Allocation>,
}

impl Standing {
    /// A standing without stock.
    pub(crate) const fn empty_handed(state: LineState) -> Self {
        Self {
            state,
            allocations: Vec::new(),
        }
    }

    /// Allocated, with these units earmarked.
    pub(crate) const fn allocated(allocations: Vec<Allocation>) -> Self {
        Self {
            state: LineState::Allocated,
            allocations,
        }
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        self.allocations.iter().map(|a| a.part.clone()).collect()
    }
}

/// An order line: an entity of its product's aggregate.
#[derive(Debug, Clone)]
pub struct Line {
    terms: LineTerms,
    standing: Standing,
    /// As it was read; `None` for a line made in this transaction.
    stored: Option<Standing>,
    /// Whether the command that is being decided has touched it.
    touched: bool,
}

impl Line {
    /// A line seen for the first time.
    pub(crate) const fn new(terms: LineTerms, standing: Standing) -> Self {
        Self {
            terms,
            standing,
            stored: None,
            touched: false,
        }
    }

    /// A line as read from a store, with its allocations.
    pub(crate) fn stored(record: LineRecord, allocations: Vec<Allocation>) -> Self {
        let standing = Standing {
            state: record.state,
            allocations,
        };
        Self {
            terms: LineTerms {
                key: record.key,
                quantity: record.quantity,
                split: record.split,
                placed_at: record.placed_at,
                placed_with_order: record.placed_with_order,
            },
            stored: Some(standing.clone()),
            standing,
            touched: false,
        }
    }

    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> &LineKey {
        &self.terms.key
    }

    /// The terms it was placed on.
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
    pub fn turn(&self) -> Turn {
        self.terms.turn()
    }

    pub(crate) const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Puts the line where it is to stand; the caller moves the units.
    pub(crate) fn stand(&mut self, standing: Standing) -> Standing {
        core::mem::replace(&mut self.standing, standing)
    }

    /// The units it holds in the batch at a place, and since when.
    pub(crate) fn held_in(&self, place: usize) -> Option<&Allocation> {
        self.standing.allocations.iter().find(|a| a.place == place)
    }

    /// Marks it as touched by the command that is being decided; whether it was not so before.
    pub(crate) const fn touch(&mut self) -> bool {
        !core::mem::replace(&mut self.touched, true)
    }

    /// The command that touched it has been told.
    pub(crate) const fn settle(&mut self) {
        self.touched = false;
    }

    /// Adds what changed of it since it was read: the line itself, and the allocations that differ.
    pub(crate) fn close(self, sku: &Sku, changes: &mut Changes) {
        let Self {
            terms,
            standing,
            stored,
            ..
        } = self;
        let (state, held) = (standing.state, standing.allocations);
        let record = |key: LineKey| LineRecord {
            key,
            sku: sku.clone(),
            quantity: terms.quantity,
            state,
            split: terms.split,
            placed_at: terms.placed_at,
            placed_with_order: terms.placed_with_order,
        };
        let Some(before) = stored else {
            changes
                .earmarked
                .extend(held.into_iter().map(|allocation| allocation.record(&terms.key)));
            changes.lines.push(Change::New(record(terms.key)));
            return;
        };
        changes.released.extend(
            before
                .allocations
                .iter()
                .filter(|allocation| !held.contains(allocation))
                .map(|allocation| allocation.clone().record(&terms.key)),
        );
        changes.earmarked.extend(
            held.into_iter()
                .filter(|allocation| !before.allocations.contains(allocation))
                .map(|allocation| allocation.record(&terms.key)),
        );
        if before.state != state {
            changes.lines.push(Change::Changed(record(terms.key)));
        }
    }

    /// Whether what it holds is what its state says: all of its units when allocated, else none.
    pub(crate) fn is_whole(&self) -> bool {
        let held: Units = self.standing.allocations.iter().map(|a| a.part.quantity.units()).sum();
        match self.standing.state {
            LineState::Allocated => held == self.terms.quantity.units(),
            LineState::Backordered | LineState::Refused | LineState::Cancelled => held.is_zero(),
        }
    }
}
