//! From text to domain types. The error is the reason in the report of a row.

use std::str::FromStr;

use earmark_domain::{Count, Location, Locations, MAX_QUANTITY, Priority, Quantity, Rest};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use crate::wire::reading::values;

/// The separator of locations; the preferred location comes first.
const BETWEEN_LOCATIONS: char = '|';

/// A whole number. `parse` would accept a leading plus sign too.
fn whole_number(text: &str) -> Option<i128> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain.then(|| i128::from_str(text).ok()).flatten()
}

pub(super) fn quantity(text: &str) -> Result<Quantity, String> {
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from 1 to {MAX_QUANTITY}, is {text:?}"))?;
    Quantity::new(number).map_err(|error| error.to_string())
}

pub(super) fn count(text: &str) -> Result<Count, String> {
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from 0 to {MAX_QUANTITY}, is {text:?}"))?;
    Count::new(number).map_err(|error| error.to_string())
}

pub(super) fn priority(text: &str) -> Result<Priority, String> {
    let most = Priority::MOST;
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from -{most} to {most}, is {text:?}"))?;
    Priority::new(number).map_err(|error| error.to_string())
}

pub(super) fn locations(text: &str) -> Result<Locations, String> {
    let names = text.split(BETWEEN_LOCATIONS).map(|name| {
        name.parse::<Location>()
            .map_err(|error| format!("{name:?} {error}; several are separated by {BETWEEN_LOCATIONS}"))
    });
    Locations::new(names.collect::<Result<_, _>>()?).map_err(|error| error.to_string())
}

/// A date, by the rules for those in JSON. `or`: the end of the message, with what else is accepted.
pub(super) fn date(text: &str, or: &str) -> Result<Date, String> {
    values::date(text).map_err(|_| format!("must be a date as in 2030-01-31{or}, is {text:?}"))
}

/// What becomes of the rest of a delivery: the day on which it is expected; `None`: nothing more comes of it.
pub(super) fn rest(text: &str) -> Result<Option<Rest>, String> {
    if text == "close" {
        return Ok(None);
    }
    let eta = Some(date(text, ", or \"close\" if nothing more is expected")?);
    Ok(Some(Rest { reference: None, eta }))
}

pub(super) fn instant(text: &str) -> Result<(), String> {
    let read = text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok();
    read.then_some(())
        .ok_or_else(|| format!("must be a date or a time as in 2030-01-31T12:00:00, is {text:?}"))
}
