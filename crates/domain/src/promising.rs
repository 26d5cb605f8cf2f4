//! The rules of promising, each written once: which batches are offered, how much of them, and for which day.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::language::quantity::{Count, Units};

/// The shop's settings for promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promising {
    /// An inbound batch that is overdue by more days than this is not offered for new promises. `None`: every overdue
    /// batch is offered, and counts as arriving today.
    pub overdue_grace_days: Option<u16>,
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

/// Which batches are too long overdue to be offered for new promises on a given day.
///
/// The limit is computed once for a decision: it is asked of every batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverdueLimit {
    /// The earliest ETA that is offered; `None`: every ETA is.
    earliest_eta: Option<Date>,
}

impl OverdueLimit {
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

/// When units in a batch with this ETA can leave: today for stock in the warehouse or overdue, else on the ETA.
pub(crate) fn leaves_on(eta: Option<Date>, today: Date) -> Date {
    eta.map_or(today, |eta| eta.max(today))
}

/// When a line can leave whose units are in batches with these ETAs: on the day of the last of them. `None` for a line
/// without units.
pub fn promise_date(etas: impl IntoIterator<Item = Option<Date>>, today: Date) -> Option<Date> {
    etas.into_iter().map(|eta| leaves_on(eta, today)).max()
}

/// The day of an instant, in UTC.
#[must_use]
pub fn day_of(instant: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(instant).date()
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
            }
            .overdue_limit(TODAY)
        };
        assert!(limit(Some(2)).offers(Some(date(2030, 6, 8))));
        assert!(!limit(Some(2)).offers(Some(date(2030, 6, 7))));
        assert!(limit(None).offers(Some(date(2020, 1, 1))));
        assert!(limit(Some(0)).offers(None), "stock in the warehouse");
    }

    #[test]
    fn a_promise_is_for_the_latest_eta_and_never_for_a_day_that_has_passed() {
        let (overdue, inbound) = (Some(date(2030, 6, 1)), Some(date(2030, 6, 20)));
        assert_eq!(promise_date([None, overdue], TODAY), Some(TODAY));
        assert_eq!(promise_date([inbound, None], TODAY), inbound);
        assert_eq!(promise_date([], TODAY), None);
    }

    #[test]
    fn the_safety_stock_is_not_promised() {
        let safety_stock = Count::new(4).expect("a count");
        assert_eq!(promisable(Units::new(10), safety_stock), Units::new(6));
        assert_eq!(promisable(Units::new(3), safety_stock), Units::ZERO);
    }
}
