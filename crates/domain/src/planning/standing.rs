//! Where a line stands after each of its events, and what has become of it between two of them.

use jiff::civil::Date;

use crate::events::fact::Fact;
use crate::language::promise::Promise;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It was not placed yet, or was refused.
    #[default]
    Absent,
    /// It waits for stock.
    Waiting,
    /// It is promised for a day.
    Promised(Date),
    /// All that it gets has left the building.
    Left,
    /// It was cancelled, or its hold has expired.
    Ended,
}

impl Standing {
    /// Where the line of an event stands after it.
    #[must_use]
    pub fn after(self, fact: &Fact) -> Self {
        let before = match self {
            Self::Promised(on) => Promise {
                on: Some(on),
                ..Promise::NONE
            },
            _ => Promise::NONE,
        };
        match fact {
            Fact::Backordered { .. } => Self::Waiting,
            Fact::Dispatched { left: None, .. } => Self::Left,
            Fact::Deallocated {
                left: None,
                promised_on: None,
                ..
            } => Self::Ended,
            // It is rid of the units that had not left.
            Fact::Deallocated {
                left: None,
                promised_on: Some(_),
                ..
            } => Self::Left,
            // A line that waits wants less.
            Fact::Deallocated { promised_on: None, .. } => self,
            Fact::OutOfStock { .. } => self,
            fact => fact.promise(before, None).on.map_or(self, Self::Promised),
        }
    }

    /// What has become of a line that stood like this, and now stands otherwise; `None`: nothing that its customer waits
    /// for has changed.
    #[must_use]
    pub fn change_to(self, now: Self) -> Option<NetChange> {
        match (self, now) {
            (Self::Absent | Self::Ended, Self::Waiting | Self::Promised(_)) => Some(NetChange::New),
            (Self::Waiting, Self::Promised(_)) => Some(NetChange::Improved),
            (Self::Promised(from), Self::Promised(to)) if to < from => Some(NetChange::Improved),
            (Self::Promised(from), Self::Promised(to)) if to > from => Some(NetChange::Delayed),
            (Self::Promised(_), Self::Waiting) => Some(NetChange::Lost),
            _ => None,
        }
    }

    /// The day it is promised for, if it is.
    #[must_use]
    pub const fn promised_on(self) -> Option<Date> {
        match self {
            Self::Promised(on) => Some(on),
            Self::Absent | Self::Waiting | Self::Left | Self::Ended => None,
        }
    }
}

/// What has become of a line, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetChange {
    /// It was placed, and is open.
    New,
    /// It is promised for an earlier day, or no longer waits.
    Improved,
    /// It is promised for a later day.
    Delayed,
    /// It had a promise and waits now.
    Lost,
}

impl NetChange {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::New, Self::Improved, Self::Delayed, Self::Lost];

    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Improved => "improved",
            Self::Delayed => "delayed",
            Self::Lost => "lost",
        }
    }
}
