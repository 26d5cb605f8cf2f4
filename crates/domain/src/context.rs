//! The context of a decision: when it is taken, for whom, and by which settings of the shop.

use alloc::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::promising::{OverdueLimit, Promising};

/// When a command is decided, and for whom. The caller passes it in: the domain has no clock.
#[derive(Debug, Clone)]
pub struct DecisionContext {
    /// The instant of the decision, as the clock of this instance tells it. Deadlines are held against it; no order
    /// follows from it: it may be earlier than that of a decision before.
    pub now: Timestamp,
    /// The day of the decision, by the shop's calendar.
    pub today: Date,
    /// Who caused the command.
    pub actor: Arc<str>,
    /// The id of the request or message that caused it.
    pub correlation_id: Arc<str>,
    /// The shop's settings for promises.
    pub promising: Promising,
}

impl DecisionContext {
    /// The time of the decision.
    pub(crate) fn time(&self) -> DecisionTime {
        DecisionTime::of(self.now, self.today, self.promising)
    }
}

/// The time of a decision, with what follows from it for stock that is offered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecisionTime {
    /// The instant.
    pub(crate) now: Timestamp,
    /// The day.
    pub(crate) today: Date,
    /// Which batches are offered for new promises.
    pub(crate) overdue_limit: OverdueLimit,
}

impl DecisionTime {
    /// An instant of a day, by the settings of a shop.
    pub(crate) fn of(now: Timestamp, today: Date, promising: Promising) -> Self {
        Self {
            now,
            today,
            overdue_limit: promising.overdue_limit(today),
        }
    }

    /// The same time, at which every batch is offered, however long it is overdue.
    pub(crate) fn without_grace(self) -> Self {
        Self {
            overdue_limit: OverdueLimit::NONE,
            ..self
        }
    }

    /// Whether a batch with this ETA is offered for new promises.
    pub(crate) fn offers(self, eta: Option<Date>) -> bool {
        self.overdue_limit.offers(eta)
    }

    /// Whether a deadline has been reached.
    pub(crate) fn is_past(self, deadline: Option<Timestamp>) -> bool {
        deadline.is_some_and(|deadline| deadline <= self.now)
    }
}
