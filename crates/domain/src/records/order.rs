//! Orders, lines, allocations and dispatches as stored.

use jiff::Timestamp;

use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{LineKey, OrderId, Reference, Sku};
use crate::language::precedence::{Precedence, ReleaseRank, ServicePosition};
use crate::language::quantity::Quantity;

/// The header of an order that was placed with all of its lines at once.
///
/// Lines that were allocated one by one need no header: their order is the lines that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Which order.
    pub id: OrderId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// The precedence of its lines.
    pub precedence: Precedence,
    /// Until when it is or was held; `None`: it was firm at once. Its lines say whether it still is held.
    pub hold_until: Option<Timestamp>,
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

    /// Its position in the order of service.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        ServicePosition {
            precedence: self.terms.precedence,
            placed_version: self.placed_version,
            key: self.terms.key.clone(),
        }
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
}
