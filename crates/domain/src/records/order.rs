//! Orders, lines, allocations and dispatches as stored.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::language::asked::AskedOrder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{LineKey, OrderId, Reference, Sku};
use crate::language::precedence::{Precedence, ReleaseRank, ServicePosition};
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::promising::is_at_risk;
use crate::records::expiry_step::ExpiryStep;

/// The header of an order: of one that was placed with all of its lines at once, or whose terms changed.
///
/// Lines that were allocated one by one need no header before that: their order is the lines that name it. Which lines
/// were placed with their order, each of them says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Which order.
    pub id: OrderId,
    /// When it was placed: the first of its lines, if they were allocated one by one.
    pub placed_at: Timestamp,
    /// The precedence of its lines.
    pub precedence: Precedence,
    /// What was first asked for; `None`: its lines were placed one by one, and each has it.
    pub asked: Option<AskedOrder>,
    /// Until when it is or was held; `None`: it was firm at once. Its lines say whether it still is held.
    pub hold_until: Option<Timestamp>,
    /// Its versions before and after its hold ended, if it did.
    pub expiry_step: Option<ExpiryStep>,
}

/// An order line as stored, without its allocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRecord {
    /// The product it wants.
    pub sku: Sku,
    /// Its state.
    pub state: LineState,
    /// The version of its product whose event placed it: its place in the order of service, after its precedence.
    pub placed_version: u64,
    /// What it was promised.
    pub promise: Promise,
    /// Its units that have left the building.
    pub dispatched: Units,
    /// The terms it was placed on, or was changed to. `hold_until` is set while the line is held, or waits in a held
    /// order: from that deadline on it does not count.
    pub terms: LineTerms,
}

impl LineRecord {
    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> &LineKey {
        &self.terms.key
    }

    /// All units its customer gets, those that have left the building among them.
    #[must_use]
    pub fn total(&self) -> Quantity {
        total(self.state, self.terms.quantity, self.dispatched)
    }

    /// Its position in the order of service.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        ServicePosition {
            precedence: self.terms.precedence,
            placed_version: self.placed_version,
            key: self.terms.key.clone(),
        }
    }

    /// Whether it is at risk today: it is promised for later than it is required by, or rests on an overdue batch, or
    /// waits although it is due.
    ///
    /// `etas`: those of the batches it has units in.
    #[must_use]
    pub fn is_at_risk(&self, etas: impl IntoIterator<Item = Option<Date>>, today: Date) -> bool {
        let required_by = self.terms.precedence.required_by();
        is_at_risk(self.state, self.promise, required_by, etas, today)
    }

    /// Whether it may be at risk although it has units, as far as stored records tell without knowing the day.
    ///
    /// `on_overdue`: whether it rests on a batch of which it was told that it is overdue.
    #[must_use]
    pub const fn may_be_at_risk(&self, on_overdue: bool) -> bool {
        on_overdue || (self.terms.precedence.required_by().is_some() && self.promise.due_by.is_none())
    }

    /// Its state at an instant: a deadline that has passed counts, whether or not the background job has recorded it.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> LineState {
        match self.terms.hold_until {
            Some(deadline) if deadline <= now => LineState::Expired,
            _ => self.state,
        }
    }
}

/// Units of one line, allocated in one batch, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationRecord {
    /// The line that has the units.
    pub key: LineKey,
    /// The batch they are in.
    pub batch: Reference,
    /// How many.
    pub quantity: Quantity,
    /// Which lines leave the batch first: the lowest rank.
    pub release_rank: ReleaseRank,
    /// The version of the product whose event allocated them there: among equal ranks the latest leave first.
    pub allocated_version: u64,
}

/// Units of one line that have left the building, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchRecord {
    /// The line that had the units.
    pub key: LineKey,
    /// The batch they left.
    pub batch: Reference,
    /// How many.
    pub quantity: Quantity,
    /// The version of the product whose event allocated them there: the allocation gets it back if the dispatch is
    /// undone.
    pub allocated_version: u64,
    /// The version of the product whose event tells that they left. A line may leave in parts.
    pub dispatched_version: u64,
    /// When they left.
    pub dispatched_at: Timestamp,
}

/// All units that the customer of a line gets: those that have left the building, and those it still wants.
pub(crate) fn total(state: LineState, quantity: Quantity, dispatched: Units) -> Quantity {
    match state {
        LineState::Dispatched => quantity,
        _ => Quantity::new(i128::from(dispatched.get())).map_or(quantity, |dispatched| dispatched.plus(quantity)),
    }
}
