//! Values as PostgreSQL stores them: instants, days, units and arrays.

use diesel::data_types::{PgDate, PgTimestamp};
use earmark_application::StoreError;
use earmark_domain::Locations;
use jiff::{SignedDuration, Timestamp, civil};

use crate::sql::decode::RowContext;

/// PostgreSQL counts days and microseconds from here, in its wire format as well.
const EPOCH: civil::Date = civil::date(2000, 1, 1);
const EPOCH_IN_UNIX_MICROSECONDS: i64 = 946_684_800_000_000;

/// The earliest instant that it can store, in the year 4714 before our era.
const EARLIEST: i64 = -211_813_488_000_000_000;

/// Before and after all its instants: `-infinity` and `infinity`.
const BEFORE_ALL: PgTimestamp = PgTimestamp(i64::MIN);

/// Reads instants and days.
pub(in crate::postgres) trait Times {
    fn instant(&self, column: &str, value: PgTimestamp) -> Result<Timestamp, StoreError>;
    fn date(&self, column: &str, value: PgDate) -> Result<civil::Date, StoreError>;

    fn instant_if_any(&self, column: &str, value: Option<PgTimestamp>) -> Result<Option<Timestamp>, StoreError> {
        value.map(|value| self.instant(column, value)).transpose()
    }

    fn date_if_any(&self, column: &str, value: Option<PgDate>) -> Result<Option<civil::Date>, StoreError> {
        value.map(|value| self.date(column, value)).transpose()
    }
}

impl Times for RowContext<'_> {
    fn instant(&self, column: &str, value: PgTimestamp) -> Result<Timestamp, StoreError> {
        let unix = value.0.checked_add(EPOCH_IN_UNIX_MICROSECONDS);
        unix.and_then(|microseconds| Timestamp::from_microsecond(microseconds).ok())
            .ok_or_else(|| self.corrupt(format_args!("{column} is out of range")))
    }

    fn date(&self, column: &str, value: PgDate) -> Result<civil::Date, StoreError> {
        let since_epoch = SignedDuration::from_hours(i64::from(value.0) * 24);
        self.read(column, EPOCH.checked_add(since_epoch))
    }
}

/// A deadline of a line of a product.
pub(in crate::postgres) fn deadline(sku: &str, deadline: PgTimestamp) -> Result<Timestamp, StoreError> {
    let at = RowContext {
        table: "lines",
        key: &sku,
    };
    at.instant("hold_until", deadline)
}

/// An instant as it is stored: whole microseconds, the finest that PostgreSQL has.
pub(in crate::postgres) fn pg_instant(instant: Timestamp) -> PgTimestamp {
    PgTimestamp(instant.as_microsecond().saturating_sub(EPOCH_IN_UNIX_MICROSECONDS))
}

/// An instant to compare rows with. One that PostgreSQL can't store comes before all rows.
pub(in crate::postgres) fn pg_bound(instant: Timestamp) -> PgTimestamp {
    let stored = pg_instant(instant);
    if stored.0 < EARLIEST { BEFORE_ALL } else { stored }
}

/// A day as it is stored.
pub(in crate::postgres) fn pg_date(date: civil::Date) -> PgDate {
    let days = date.duration_since(EPOCH).as_hours() / 24;
    PgDate(i32::try_from(days).expect("the calendar's days fit 32 bits"))
}

/// The units of one quantity as they are stored.
pub(in crate::postgres) fn pg_units(units: u32) -> i32 {
    i32::try_from(units).expect("a quantity is at most a thousand million")
}

/// Locations as one text, written as an array; `None`: any location. An array of arrays would have to be rectangular.
pub(in crate::postgres) fn pg_array(locations: &Locations) -> Option<String> {
    let names = locations.as_slice();
    if names.is_empty() {
        return None;
    }
    let mut array = String::from("{");
    for (index, name) in names.iter().enumerate() {
        array.push_str(if index == 0 { "\"" } else { ",\"" });
        for character in name.as_str().chars() {
            if matches!(character, '"' | '\\') {
                array.push('\\');
            }
            array.push(character);
        }
        array.push('"');
    }
    array.push('}');
    Some(array)
}

#[cfg(test)]
mod tests {
    use earmark_domain::Location;

    use super::*;

    #[test]
    fn an_instant_is_read_as_it_was_stored_to_the_microsecond() {
        let at = RowContext {
            table: "lines",
            key: &"1/1",
        };
        for text in [
            "1969-07-20T20:17:40.000001Z",
            "2000-01-01T00:00:00Z",
            "2031-05-06T07:08:09.123456Z",
        ] {
            let instant: Timestamp = text.parse().expect("an instant");
            assert_eq!(at.instant("placed_at", pg_instant(instant)).expect("in range"), instant);
        }
    }

    #[test]
    fn a_day_is_read_as_it_was_stored() {
        let at = RowContext {
            table: "batches",
            key: &"B1",
        };
        for day in [
            civil::date(1970, 1, 1),
            EPOCH,
            civil::date(2032, 2, 29),
            civil::Date::MAX,
        ] {
            assert_eq!(at.date("eta", pg_date(day)).expect("in range"), day);
        }
    }

    #[test]
    fn an_instant_that_is_too_early_to_be_stored_comes_before_all_rows() {
        assert_eq!(pg_bound(Timestamp::MIN), BEFORE_ALL);
        let year_one = "0001-01-01T00:00:00Z".parse().expect("an instant");
        assert_eq!(pg_bound(year_one), pg_instant(year_one));
    }

    #[test]
    fn locations_are_written_as_an_array() {
        let names = ["main", r#"it's "here""#, r"a\b", "{x,y}"];
        let names = names.map(|name| Location::new(name).expect("a location"));
        let locations = Locations::new(names.to_vec()).expect("a list");
        assert_eq!(
            pg_array(&locations).as_deref(),
            Some(r#"{"main","it's \"here\"","a\\b","{x,y}"}"#)
        );
        assert_eq!(pg_array(&Locations::ANY), None);
    }
}
