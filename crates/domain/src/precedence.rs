//! Precedence: which of two lines is served first, and which has to leave a batch first.

use jiff::civil::{Date, date};

/// Why a number is not a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from -1000000 to 1000000, is {given}")]
pub struct PriorityError {
    given: i128,
}

/// How important an order is: from −1,000,000 to 1,000,000, and 0 where nobody says otherwise. The higher goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Priority(i32);

impl Priority {
    /// The farthest from 0 that a priority may be.
    pub const MOST: i32 = 1_000_000;

    /// Takes a number.
    ///
    /// # Errors
    /// [`PriorityError`] when it is farther from 0 than [`Priority::MOST`].
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

/// A line's place in the order of service before the time of placing is looked at: the higher priority first, then the
/// earlier day it is required by, none last. The smaller is served first.
///
/// It is one number, the [rank](Precedence::rank), so that books can keep an index in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Precedence(i64);

/// The part of a rank that a day takes.
const DAYS: i64 = 1 << 32;
/// From here the days are counted down, so that the earlier is the more urgent; every day of the calendar is more urgent
/// than none, which is 0.
const LAST_DAY: i64 = 1 << 31;
const EPOCH: Date = date(1970, 1, 1);

impl Precedence {
    /// That of a line of an order with this priority, which is required by this day.
    #[must_use]
    pub fn of(priority: Priority, required_by: Option<Date>) -> Self {
        let days = |day: Date| day.duration_since(EPOCH).as_hours() / 24;
        let urgency = required_by.map_or(0, |day| LAST_DAY - days(day));
        Self(-(i64::from(priority.0) * DAYS + urgency))
    }

    /// The priority in it.
    #[must_use]
    pub fn priority(self) -> Priority {
        let number = (-self.0).div_euclid(DAYS);
        Priority(i32::try_from(number).expect("a precedence is made of a priority"))
    }

    /// The day in it, if there is one.
    #[must_use]
    pub fn required_by(self) -> Option<Date> {
        match (-self.0).rem_euclid(DAYS) {
            0 => None,
            urgency => {
                let since = jiff::SignedDuration::from_hours((LAST_DAY - urgency) * 24);
                EPOCH.checked_add(since).ok()
            }
        }
    }

    /// The number to sort by: 0 for the usual, below it what is served earlier.
    #[must_use]
    pub const fn rank(self) -> i64 {
        self.0
    }

    /// The precedence with a rank, if there is one.
    #[must_use]
    pub fn from_rank(rank: i64) -> Option<Self> {
        let found = Self(rank);
        let priority = rank.checked_neg().map(|rank| rank.div_euclid(DAYS))?;
        let whole = Priority::new(priority).is_ok() && Self::of(found.priority(), found.required_by()) == found;
        whole.then_some(found)
    }
}

/// How strong the claim of a line is to the units it holds, before the time of allocation is looked at. The weaker leaves
/// a batch first: held lines, then the lowest priority, then the latest day required by, none counting as latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim(i64);

/// Weaker than any precedence can make a claim.
const OF_A_HOLD: i64 = -(1 << 60);

impl Claim {
    /// The claim of a line.
    #[must_use]
    pub const fn of(precedence: Precedence, held: bool) -> Self {
        Self(if held { OF_A_HOLD } else { 0 } - precedence.0)
    }

    /// The number to sort by: 0 for the usual, below it what leaves earlier.
    #[must_use]
    pub const fn strength(self) -> i64 {
        self.0
    }

    /// A claim read back from storage.
    #[must_use]
    pub const fn new(strength: i64) -> Self {
        Self(strength)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(priority: i32, required_by: Option<Date>) -> Precedence {
        Precedence::of(Priority(priority), required_by)
    }

    #[test]
    fn the_higher_priority_goes_first_whatever_the_day() {
        assert!(of(1, None) < of(0, Some(Date::MIN)));
        assert!(of(0, Some(Date::MAX)) < of(-1, Some(Date::MIN)));
    }

    #[test]
    fn among_equals_the_earlier_day_goes_first_and_none_goes_last() {
        assert!(of(0, Some(date(2030, 1, 1))) < of(0, Some(date(2030, 1, 2))));
        assert!(of(0, Some(Date::MAX)) < of(0, None));
        assert!(of(-7, Some(Date::MIN)) < of(-7, Some(date(1, 1, 1))));
    }

    #[test]
    fn a_precedence_comes_back_from_its_rank() {
        for priority in [-Priority::MOST, -1, 0, 1, 17, Priority::MOST] {
            for day in [None, Some(Date::MIN), Some(date(2026, 11, 24)), Some(Date::MAX)] {
                let precedence = of(priority, day);
                assert_eq!((precedence.priority().get(), precedence.required_by()), (priority, day));
                assert_eq!(Precedence::from_rank(precedence.rank()), Some(precedence));
            }
        }
    }

    #[test]
    fn a_rank_of_nothing_is_no_precedence() {
        assert_eq!(Precedence::from_rank(i64::MIN), None);
        assert_eq!(Precedence::from_rank(i64::MAX), None);
        assert_eq!(Precedence::from_rank(1), None);
    }

    #[test]
    fn a_held_line_leaves_before_any_firm_one() {
        let strongest = of(Priority::MOST, Some(Date::MIN));
        let weakest = of(-Priority::MOST, None);
        assert!(Claim::of(strongest, true) < Claim::of(weakest, false));
        assert!(Claim::of(weakest, true) < Claim::of(strongest, true));
        assert_eq!(Claim::of(Precedence::default(), false).strength(), 0);
    }

    #[test]
    fn a_priority_has_bounds() {
        assert!(Priority::new(1_000_001).is_err());
        assert!(Priority::new(-1_000_001).is_err());
        assert_eq!(Priority::new(-5).map(Priority::get), Ok(-5));
    }
}
