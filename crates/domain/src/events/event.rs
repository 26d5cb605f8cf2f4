//! Events: facts with what they are about, when they occurred, and who caused them.
//!
//! An event is stored with the change that caused it. Events are never altered and never removed, and they are enough
//! to rebuild every balance.

use alloc::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::fact::Fact;
use crate::language::name::{OrderId, Sku};

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A product, at the version the event raised it to: the versions of a SKU's events are 1, 2, 3, … without a gap.
    Product {
        /// Which product.
        sku: Sku,
        /// The product's version with this event.
        version: u64,
    },
    /// An order as a whole, which may span products.
    Order(OrderId),
}

impl Subject {
    /// The product, if it is one.
    #[must_use]
    pub const fn sku(&self) -> Option<&Sku> {
        match self {
            Self::Product { sku, .. } => Some(sku),
            Self::Order(_) => None,
        }
    }
}

/// One event, before it has a position in the global sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub subject: Subject,
    /// The instant of the decision.
    pub occurred_at: Timestamp,
    /// The day of the decision, by the shop's calendar at the time.
    pub decided_on: Date,
    /// Who caused it.
    pub actor: Arc<str>,
    /// The id of the request or message that caused it.
    pub correlation_id: Arc<str>,
    /// What happened.
    pub fact: Fact,
}

/// An event with its position in the order of all events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencedEvent {
    /// Rises in the order of commits; may have gaps.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

impl Event {
    /// The order the event concerns, if any.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match (&self.subject, self.fact.line()) {
            (Subject::Order(id), _) => Some(id),
            (_, Some(key)) => Some(&key.order),
            _ => None,
        }
    }

    /// The product the event concerns, with its version; `None` for an event about a whole order.
    #[must_use]
    pub const fn product(&self) -> Option<(&Sku, u64)> {
        match &self.subject {
            Subject::Product { sku, version } => Some((sku, *version)),
            Subject::Order(_) => None,
        }
    }
}
