//! Precedence: which line is served first, and which line has to leave a batch first.

use core::cmp::{Ordering, Reverse};

use jiff::civil::Date;

use super::name::LineKey;

/// Why a number is not a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from -1000000 to 1000000, is {given}")]
pub struct PriorityError {
    given: i128,
}

/// How important an order is: −1,000,000 to 1,000,000, and 0 by default. The higher priority is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Priority(i32);

impl Priority {
    /// The largest absolute value of a priority.
    pub const MOST: i32 = 1_000_000;

    /// Checks a number.
    ///
    /// # Errors
    /// [`PriorityError`] when its absolute value is above [`Priority::MOST`].
    pub fn new(number: impl Into<i128>) -> Result<Self, PriorityError> {
        let given = number.into();
        i32::try_from(given)
            .ok()
            .filter(|number| (-Self::MOST..=Self::MOST).contains(number))
            .map(Self)
            .ok_or(PriorityError { given })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// The part of a line's position in the order of service that its order sets: the higher priority first, then the
/// earlier `required_by`, none last. The smaller value is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Precedence {
    priority: Priority,
    required_by: Option<Date>,
}

impl Precedence {
    /// The precedence of a line whose order has this priority and is required by this day.
    #[must_use]
    pub const fn of(priority: Priority, required_by: Option<Date>) -> Self {
        Self { priority, required_by }
    }

    /// The priority.
    #[must_use]
    pub const fn priority(self) -> Priority {
        self.priority
    }

    /// The day it is required by; `None`: any day.
    #[must_use]
    pub const fn required_by(self) -> Option<Date> {
        self.required_by
    }

    /// The fields in the order in which they are compared.
    fn sort_key(self) -> (Reverse<Priority>, bool, Option<Date>) {
        (Reverse(self.priority), self.required_by.is_none(), self.required_by)
    }
}

impl Ord for Precedence {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl PartialOrd for Precedence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A line's position in the order of service. The earlier position is served first.
///
/// The fields are compared in the order of their declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePosition {
    /// The precedence its order gives it.
    pub precedence: Precedence,
    /// The version of the product whose event first placed the line: lines are served in the order of those commits,
    /// whatever any clock said.
    pub placed_version: u64,
    /// Breaks ties: by order id, then by line id.
    pub key: LineKey,
}

/// Which lines leave a batch first when it no longer holds them all: held lines, then the lowest priority, then the
/// latest `required_by` (none counts as latest). The smaller rank leaves first; equal ranks leave in the
/// order of their allocation, the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseRank {
    // Compared in this order; `false` sorts before `true`.
    firm: bool,
    precedence: Reverse<Precedence>,
}

impl ReleaseRank {
    /// The rank of a line of this precedence that is `held`, or firm.
    #[must_use]
    pub const fn of(precedence: Precedence, held: bool) -> Self {
        Self {
            firm: !held,
            precedence: Reverse(precedence),
        }
    }

    /// Whether the line is held.
    #[must_use]
    pub const fn is_held(self) -> bool {
        !self.firm
    }

    /// The precedence of the line.
    #[must_use]
    pub const fn precedence(self) -> Precedence {
        self.precedence.0
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn of(priority: i32, required_by: Option<Date>) -> Precedence {
        Precedence::of(Priority(priority), required_by)
    }

    #[test]
    fn the_higher_priority_goes_first_whatever_the_required_day() {
        assert!(of(1, None) < of(0, Some(Date::MIN)));
        assert!(of(0, Some(Date::MAX)) < of(-1, Some(Date::MIN)));
    }

    #[test]
    fn among_equal_priorities_the_earlier_day_goes_first_and_none_goes_last() {
        assert!(of(0, Some(date(2030, 1, 1))) < of(0, Some(date(2030, 1, 2))));
        assert!(of(0, Some(Date::MAX)) < of(0, None));
        assert!(of(-7, Some(Date::MIN)) < of(-7, Some(date(1, 1, 1))));
    }

    #[test]
    fn a_held_line_leaves_a_batch_before_any_firm_line() {
        let strongest = of(Priority::MOST, Some(Date::MIN));
        let weakest = of(-Priority::MOST, None);
        assert!(ReleaseRank::of(strongest, true) < ReleaseRank::of(weakest, false));
        assert!(ReleaseRank::of(weakest, true) < ReleaseRank::of(strongest, true));
    }

    #[test]
    fn a_priority_has_bounds() {
        assert!(Priority::new(1_000_001).is_err());
        assert!(Priority::new(-1_000_001).is_err());
        assert_eq!(Priority::new(-5).map(Priority::get), Ok(-5));
    }
}
