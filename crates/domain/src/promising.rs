//! The rules of promising, each written once: which batches are offered, how much of them, for which day, and which lines
//! are at risk.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::language::line_terms::LineState;
use crate::language::promise::Promise;
use crate::language::quantity::{Count, Units};

/// Which lines move to better stock when a product gains some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Improve {
    /// None.
    Off,
    /// Those at risk: promised for later than they are required by, or resting on overdue stock.
    #[default]
    AtRisk,
    /// Every line that gets an earlier date.
    All,
}

impl Improve {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Off, Self::AtRisk, Self::All];

    /// The word used in settings and in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::AtRisk => "at_risk",
            Self::All => "all",
        }
    }

    /// The choice with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }
}

/// The shop's settings for promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promising {
    /// An inbound batch that is overdue by more days than this is not offered for new promises. `None`: every overdue
    /// batch is offered.
    pub overdue_grace_days: Option<u16>,
    /// Which lines move to better stock.
    pub improve: Improve,
}

impl Default for Promising {
    fn default() -> Self {
        Self {
            overdue_grace_days: Some(7),
            improve: Improve::default(),
        }
    }
}

impl Promising {
    /// The earliest ETA of a batch that is offered; `None`: every batch is.
    #[must_use]
    pub fn earliest_eta(self, today: Date) -> Option<Date> {
        let days = i64::from(self.overdue_grace_days?);
        Some(today.saturating_sub(jiff::SignedDuration::from_hours(24 * days)))
    }

    /// The limit for overdue batches on a day.
    pub(crate) fn overdue_limit(self, today: Date) -> OverdueLimit {
        OverdueLimit {
            earliest_eta: self.earliest_eta(today),
        }
    }
}

/// The shop's calendar: it says which day it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar(TimeZone);

impl Calendar {
    /// The calendar of UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The calendar of a time zone.
    #[must_use]
    pub const fn new(zone: TimeZone) -> Self {
        Self(zone)
    }

    /// Its time zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.0
    }

    /// The day of an instant.
    #[must_use]
    pub fn day_of(&self, instant: Timestamp) -> Date {
        self.0.to_datetime(instant).date()
    }
}

/// Which batches are too long overdue to be offered for new promises on a given day.
///
/// The limit is computed once for a decision: it is asked of every batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverdueLimit {
    /// The earliest ETA that is offered; `None`: every ETA is.
    earliest_eta: Option<Date>,
}

impl OverdueLimit {
    /// Every batch is offered.
    pub(crate) const NONE: Self = Self { earliest_eta: None };

    /// Whether a batch with this ETA is offered. Stock in the warehouse always is.
    #[inline]
    pub(crate) fn offers(self, eta: Option<Date>) -> bool {
        match (eta, self.earliest_eta) {
            (Some(eta), Some(earliest)) => eta >= earliest,
            _ => true,
        }
    }
}

/// Units that may be promised to new lines, of those that are available: all but the safety stock.
#[must_use]
pub const fn promisable(available: Units, safety_stock: Count) -> Units {
    available.saturating_sub(safety_stock.units())
}

/// Whether a batch with this ETA is overdue: it should have arrived before today.
#[must_use]
pub fn is_overdue(eta: Option<Date>, today: Date) -> bool {
    eta.is_some_and(|eta| eta < today)
}

/// Whether an open line is at risk today: it is promised for later than it is required by, or rests on an overdue batch,
/// or waits although it is due. `etas`: those of the batches it has units in.
pub(crate) fn is_at_risk(
    state: LineState,
    promise: Promise,
    required_by: Option<Date>,
    etas: impl IntoIterator<Item = Option<Date>>,
    today: Date,
) -> bool {
    match state {
        LineState::Held | LineState::Allocated => {
            promise.is_late(required_by) || etas.into_iter().any(|eta| is_overdue(eta, today))
        }
        LineState::Backordered => required_by.is_some_and(|day| day <= today),
        LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched => false,
    }
}

/// The day for which units in a batch with this ETA are promised: today for stock in the warehouse, tomorrow for a batch
/// that is overdue, else its ETA.
#[must_use]
pub fn leaves_on(eta: Option<Date>, today: Date) -> Date {
    match eta {
        None => today,
        Some(eta) if eta < today => today.saturating_add(jiff::SignedDuration::from_hours(24)),
        Some(eta) => eta,
    }
}

/// The day for which a line is promised today whose units are in batches with these ETAs: that of the last of them.
/// `None` for a line without units.
pub(crate) fn promise_date(etas: impl IntoIterator<Item = Option<Date>>, today: Date) -> Option<Date> {
    etas.into_iter().map(|eta| leaves_on(eta, today)).max()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2030, 6, 10);

    #[test]
    fn an_overdue_batch_is_offered_within_the_days_of_grace() {
        let limit = |days| {
            Promising {
                overdue_grace_days: days,
                ..Promising::default()
            }
            .overdue_limit(TODAY)
        };
        assert!(limit(Some(2)).offers(Some(date(2030, 6, 8))));
        assert!(!limit(Some(2)).offers(Some(date(2030, 6, 7))));
        assert!(limit(None).offers(Some(date(2020, 1, 1))));
        assert!(limit(Some(0)).offers(None), "stock in the warehouse");
    }

    #[test]
    fn a_promise_is_for_the_latest_eta() {
        let inbound = Some(date(2030, 6, 20));
        assert_eq!(promise_date([inbound, None], TODAY), inbound);
        assert_eq!(promise_date([None], TODAY), Some(TODAY));
        assert_eq!(promise_date([Some(TODAY)], TODAY), Some(TODAY));
        assert_eq!(promise_date([], TODAY), None);
    }

    #[test]
    fn an_overdue_batch_is_promised_for_tomorrow_and_never_for_today() {
        assert_eq!(
            promise_date([Some(date(2030, 6, 9)), None], TODAY),
            Some(date(2030, 6, 11))
        );
        assert_eq!(promise_date([Some(date(2029, 1, 1))], TODAY), Some(date(2030, 6, 11)));
    }

    #[test]
    fn the_day_is_the_day_of_the_shop() {
        let instant: Timestamp = "2030-06-10T23:30:00Z".parse().expect("an instant");
        let east = Calendar::new(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(Calendar::UTC.day_of(instant), date(2030, 6, 10));
        assert_eq!(east.day_of(instant), date(2030, 6, 11));
    }

    #[test]
    fn the_safety_stock_is_not_promised() {
        let safety_stock = Count::new(4).expect("a count");
        assert_eq!(promisable(Units::new(10), safety_stock), Units::new(6));
        assert_eq!(promisable(Units::new(3), safety_stock), Units::ZERO);
    }
}
