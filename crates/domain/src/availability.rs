//! Availability: what can be promised of a product by which date.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::batch::BatchStatus;
use crate::context::Promising;
use crate::name::Location;
use crate::quantity::{Count, Units};
use crate::record::BatchRecord;

/// What can be promised by a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvailableOn {
    /// The day.
    pub on: Date,
    /// Units that can leave on that day or before.
    pub available: Units,
}

/// What can be promised of a product, by date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Units that can leave today.
    pub available_now: Units,
    /// From today on, each day on which there are more than before.
    pub timeline: Vec<AvailableOn>,
}

/// What can be promised of a product with these batches, for a line that may be split: as an order on the same state would
/// get it. Units that are kept back are those that would be taken last. `location`: only from there.
#[must_use]
pub fn availability<'b>(
    batches: impl IntoIterator<Item = &'b BatchRecord>,
    safety_stock: Count,
    location: Option<&Location>,
    promising: Promising,
    today: Date,
) -> Availability {
    let earliest = promising.earliest_eta(today);
    let mut by_day: BTreeMap<Date, Units> = BTreeMap::from([(today, Units::ZERO)]);
    let mut total = Units::ZERO;
    let add = |sum: Units, units: Units| sum.checked_add(units).expect("a product's units are a sum");
    for batch in batches {
        let too_late = batch.eta.is_some_and(|eta| Some(eta) < earliest);
        if too_late || batch.status(today) == BatchStatus::Closed {
            continue;
        }
        total = add(total, batch.available());
        if location.is_none_or(|location| *location == batch.location) {
            let on = batch.eta.map_or(today, |eta| eta.max(today));
            let units = by_day.entry(on).or_default();
            *units = add(*units, batch.available());
        }
    }
    let promised = total.saturating_sub(safety_stock.units());
    let mut so_far = Units::ZERO;
    let mut timeline: Vec<AvailableOn> = Vec::with_capacity(by_day.len());
    for (on, units) in by_day {
        so_far = add(so_far, units);
        let available = so_far.min(promised);
        if timeline.last().is_none_or(|before| before.available < available) {
            timeline.push(AvailableOn { on, available });
        }
    }
    Availability {
        available_now: timeline.first().map_or(Units::ZERO, |today| today.available),
        timeline,
    }
}
