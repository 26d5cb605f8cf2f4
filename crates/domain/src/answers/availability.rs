//! Availability: how many units of a product can be promised by which date.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::language::name::Location;
use crate::language::quantity::{Count, Units};
use crate::promising::{Promising, leaves_on, promisable};
use crate::records::batch::{BatchRecord, BatchStatus};

/// Units that can be promised by a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvailableOn {
    /// The day.
    pub on: Date,
    /// Units that can leave on that day or before.
    pub available: Units,
}

/// Units of a product that can be promised, by date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Units that can leave today.
    pub available_now: Units,
    /// From today on, each day on which there are more units than before.
    pub timeline: Vec<AvailableOn>,
}

/// What can be promised of a product with these batches for a line that may be split: an order on the same state would
/// get it. The safety stock is taken from the units that leave last, and so is what is `owed` to lines that wait and have
/// not all been tried. `location`: only units from there.
#[must_use]
pub fn availability<'b>(
    batches: impl IntoIterator<Item = &'b BatchRecord>,
    safety_stock: Count,
    location: Option<&Location>,
    owed: Units,
    promising: Promising,
    today: Date,
) -> Availability {
    let overdue_limit = promising.overdue_limit(today);
    let mut by_day: BTreeMap<Date, Units> = BTreeMap::from([(today, Units::ZERO)]);
    let mut total = Units::ZERO;
    for batch in batches {
        if !overdue_limit.offers(batch.eta) || batch.status() == BatchStatus::Closed {
            continue;
        }
        total = total.plus(batch.available());
        if location.is_none_or(|location| *location == batch.location) {
            let units = by_day.entry(leaves_on(batch.eta, today)).or_default();
            *units = units.plus(batch.available());
        }
    }
    let most = promisable(total, safety_stock).saturating_sub(owed);
    let mut so_far = Units::ZERO;
    let mut timeline: Vec<AvailableOn> = Vec::with_capacity(by_day.len());
    for (on, units) in by_day {
        so_far = so_far.plus(units);
        let available = so_far.min(most);
        if timeline.last().is_none_or(|before| before.available < available) {
            timeline.push(AvailableOn { on, available });
        }
    }
    Availability {
        available_now: timeline.first().map_or(Units::ZERO, |today| today.available),
        timeline,
    }
}
