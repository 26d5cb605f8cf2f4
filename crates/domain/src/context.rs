//! The occasion of a decision: when it is taken, for whom, and by which rules of the shop.

use alloc::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

/// When a command is decided, and for whom. Handed in: the domain has no clock of its own.
#[derive(Debug, Clone)]
pub struct DecisionContext {
    /// The instant of the decision. No two commands of one engine share one.
    pub now: Timestamp,
    /// Who asks.
    pub actor: Arc<str>,
    /// The id of the request or message that asks.
    pub correlation_id: Arc<str>,
    /// The shop's rules of promising.
    pub promising: Promising,
}

/// What a shop has settled about its promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promising {
    /// An inbound batch that is overdue by more days than these is not offered for new promises. `None`: it is, and
    /// counts as arriving today.
    pub overdue_grace_days: Option<u16>,
}

impl Promising {
    /// The earliest ETA of a batch that is offered; `None`: every batch is.
    #[must_use]
    pub fn earliest_eta(self, today: Date) -> Option<Date> {
        let days = i64::from(self.overdue_grace_days?);
        Some(today.saturating_sub(jiff::SignedDuration::from_hours(24 * days)))
    }
}

impl DecisionContext {
    /// The day of the decision, in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        day_of(self.now)
    }
}

/// The day of an instant, in UTC.
#[must_use]
pub fn day_of(instant: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(instant).date()
}

/// When a decision is taken, as those who find room for lines need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecisionTime {
    /// The instant.
    pub(crate) now: Timestamp,
    /// The day.
    pub(crate) today: Date,
    /// The earliest ETA of a batch that is offered for new promises; `None`: every batch is.
    pub(crate) earliest_eta: Option<Date>,
}

impl DecisionContext {
    pub(crate) fn moment(&self) -> DecisionTime {
        let today = self.today();
        DecisionTime {
            now: self.now,
            today,
            earliest_eta: self.promising.earliest_eta(today),
        }
    }
}
