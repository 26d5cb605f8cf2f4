//! A change of the terms of an order.

use jiff::civil::Date;

use super::line_terms::LineTerms;
use super::locations::Locations;
use super::precedence::{Precedence, Priority};

/// What becomes of the terms of an order. `None` leaves a term unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TermsChange {
    /// Its priority.
    pub priority: Option<Priority>,
    /// The day it is required by; `None` within: any day will do.
    pub required_by: Option<Option<Date>>,
    /// Where the units of its open lines may come from.
    pub locations: Option<Locations>,
}

impl TermsChange {
    /// Whether it leaves all terms unchanged.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.priority.is_none() && self.required_by.is_none() && self.locations.is_none()
    }

    /// The precedence after the change of one that was this `before`.
    #[must_use]
    pub fn precedence(&self, before: Precedence) -> Precedence {
        Precedence::of(
            self.priority.unwrap_or(before.priority()),
            self.required_by.unwrap_or(before.required_by()),
        )
    }

    /// The terms after the change of an open line that had these `before`.
    pub(crate) fn of_open_line(&self, before: &LineTerms) -> LineTerms {
        LineTerms {
            precedence: self.precedence(before.precedence),
            locations: self.locations.as_ref().unwrap_or(&before.locations).clone(),
            ..before.clone()
        }
    }
}
