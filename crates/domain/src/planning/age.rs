//! How long lines have waited, in classes.

use jiff::{SignedDuration, Timestamp};

/// A class of age of lines that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// Up to a day.
    Day,
    /// More than a day, up to seven.
    Week,
    /// More than seven days, up to thirty.
    Month,
    /// More than thirty days.
    Older,
}

impl Age {
    /// All classes, the youngest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Older];

    /// The word used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Older => "older",
        }
    }

    /// The most hours that a line of this class has waited; `None`: there is no limit.
    const fn most_hours(self) -> Option<i64> {
        match self {
            Self::Day => Some(24),
            Self::Week => Some(7 * 24),
            Self::Month => Some(30 * 24),
            Self::Older => None,
        }
    }

    /// The class before this one, whose lines are younger.
    fn younger(self) -> Option<Self> {
        Self::ALL.into_iter().rfind(|age| *age < self)
    }

    /// The instants at which lines were placed that have this age: from the first one on, and before the other.
    /// `None`: there is no such bound. A line that seems to come from the future has waited up to a day.
    #[must_use]
    pub fn placed_at(self, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let ago = |hours| {
            now.saturating_sub(SignedDuration::from_hours(hours))
                .unwrap_or(Timestamp::MIN)
        };
        let from = self.most_hours().map(ago);
        let before = self.younger().and_then(Self::most_hours).map(ago);
        (from, before)
    }

    /// The class of a line that was placed at an instant.
    #[must_use]
    pub fn of(placed_at: Timestamp, now: Timestamp) -> Self {
        let is_in = |age: &Self| {
            let (from, before) = age.placed_at(now);
            from.is_none_or(|from| placed_at >= from) && before.is_none_or(|before| placed_at < before)
        };
        Self::ALL.into_iter().find(is_in).unwrap_or(Self::Older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_is_of_one_class() {
        let now: Timestamp = "2030-06-10T12:00:00Z".parse().expect("an instant");
        for (hours, age) in [
            (-5, Age::Day),
            (0, Age::Day),
            (24, Age::Day),
            (25, Age::Week),
            (168, Age::Week),
            (169, Age::Month),
            (720, Age::Month),
            (721, Age::Older),
        ] {
            let placed_at = now - SignedDuration::from_hours(hours);
            assert_eq!(Age::of(placed_at, now), age, "{hours}");
            let classes = Age::ALL.into_iter().filter(|age| {
                let (from, before) = age.placed_at(now);
                from.is_none_or(|from| placed_at >= from) && before.is_none_or(|before| placed_at < before)
            });
            assert_eq!(classes.count(), 1, "{hours}");
        }
        assert_eq!(Age::of(Timestamp::MIN, Timestamp::MIN), Age::Day);
    }
}
