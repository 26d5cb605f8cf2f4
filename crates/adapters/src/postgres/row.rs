//! Rows and the domain's values: each way through the domain's own constructors.

use diesel::data_types::{PgDate, PgTimestamp};
use earmark_application::{EncodedEvent, StoreError};
use earmark_domain::{
    AllocationRecord, BatchRecord, Count, DispatchRecord, Event, LineKey, LineRecord, LineState, LineTerms, Location,
    Locations, OrderId, OrderRecord, Part, Precedence, Priority, ProductName, ProductRecord, Quantity, Reference,
    SequencedEvent, ServicePosition, Sku,
};
use jiff::{SignedDuration, Timestamp, civil};

use super::columns::{AllocationRow, BatchRow, DispatchRow, EventRow, LineRow, OrderRow, ProductRow};
use crate::sql::decode::RowContext;
pub(super) use crate::sql::decode::{counter, ended, order_id, units};
use crate::wire;

/// PostgreSQL counts days and microseconds from here on, as does its wire format.
const EPOCH: civil::Date = civil::date(2000, 1, 1);
const EPOCH_IN_UNIX_MICROSECONDS: i64 = 946_684_800_000_000;

/// The earliest instant that it knows, in the year 4714 before our era.
const EARLIEST: i64 = -211_813_488_000_000_000;

/// Where its instants begin and end: `-infinity` and `infinity`.
pub(super) const BEFORE_ALL: PgTimestamp = PgTimestamp(i64::MIN);
pub(super) const AFTER_ALL: PgTimestamp = PgTimestamp(i64::MAX);

/// Instants and days as PostgreSQL has them.
trait Times {
    fn instant(&self, column: &str, value: PgTimestamp) -> Result<Timestamp, StoreError>;
    fn date(&self, column: &str, value: PgDate) -> Result<civil::Date, StoreError>;
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

pub(super) fn product(row: ProductRow) -> Result<ProductRecord, StoreError> {
    let (sku, name, version, batches_created, rank, placed_at, order, line, safety_stock, depleted, next_expiry) = row;
    let at = RowContext {
        table: "products",
        key: &sku,
    };
    let resume_after = match (rank, placed_at, order, line) {
        (None, None, None, None) => None,
        (Some(rank), Some(placed_at), Some(order), Some(line)) => Some(ServicePosition {
            precedence: at.precedence("resume_rank", rank)?,
            placed_at: at.instant("resume_placed_at", placed_at)?,
            key: at.line_key(&order, &line)?,
        }),
        _ => return Err(at.corrupt("the place to resume the backlog at is not whole")),
    };
    Ok(ProductRecord {
        name: at.read("name", name.map(ProductName::new).transpose())?,
        version: at.read("version", u64::try_from(version))?,
        batches_created: at.read("batches_created", u32::try_from(batches_created))?,
        resume_after,
        safety_stock: at.read("safety_stock", Count::new(safety_stock))?,
        depleted,
        next_expiry: next_expiry
            .map(|deadline| at.instant("next_expiry", deadline))
            .transpose()?,
        sku: at.read("sku", Sku::new(&sku))?,
    })
}

/// The form of a product: its version less what `placed` counts.
pub(super) fn base_version(sku: &Sku, base_version: i64) -> Result<u64, StoreError> {
    let at = RowContext {
        table: "products",
        key: sku,
    };
    at.read("placed", u64::try_from(base_version))
}

pub(super) fn batch(row: BatchRow) -> Result<BatchRecord, StoreError> {
    let (
        reference,
        sku,
        location,
        ordinal,
        created_quantity,
        created_eta,
        quantity,
        allocated,
        dispatched,
        eta,
        closed,
    ) = row;
    let at = RowContext {
        table: "batches",
        key: &reference,
    };
    Ok(BatchRecord {
        sku: at.read("sku", Sku::new(sku))?,
        location: at.read("location", Location::new(location))?,
        ordinal: at.read("ordinal", u32::try_from(ordinal))?,
        created_quantity: at.read("created_quantity", Quantity::new(created_quantity))?,
        created_eta: created_eta.map(|eta| at.date("created_eta", eta)).transpose()?,
        quantity: at.read("quantity", Count::new(quantity))?,
        allocated: at.units("allocated", allocated)?,
        dispatched: at.units("dispatched", dispatched)?,
        eta: eta.map(|eta| at.date("eta", eta)).transpose()?,
        closed,
        reference: at.read("reference", Reference::new(&reference))?,
    })
}

pub(super) fn line(row: LineRow) -> Result<LineRecord, StoreError> {
    let (order, line, sku, quantity, state, split, placed_at, placed_with_order, rank, locations, hold_until) = row;
    let shown = format!("{order}/{line}");
    let at = RowContext {
        table: "lines",
        key: &shown,
    };
    Ok(LineRecord {
        sku: at.read("sku", Sku::new(sku))?,
        state: LineState::parse(&state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?,
        terms: LineTerms {
            key: at.line_key(&order, &line)?,
            quantity: at.read("quantity", Quantity::new(quantity))?,
            split,
            placed_at: at.instant("placed_at", placed_at)?,
            placed_with_order,
            precedence: at.precedence("rank", rank)?,
            locations: locations.map_or(Ok(Locations::ANY), |names| at.locations(names))?,
            hold_until: hold_until
                .map(|deadline| at.instant("hold_until", deadline))
                .transpose()?,
        },
    })
}

pub(super) fn allocation(row: AllocationRow) -> Result<AllocationRecord, StoreError> {
    let (order, line, batch, quantity, release_rank, allocated_at) = row;
    let shown = format!("{order}/{line} in {batch}");
    let at = RowContext {
        table: "allocations",
        key: &shown,
    };
    Ok(AllocationRecord {
        key: at.line_key(&order, &line)?,
        batch: at.read("batch", Reference::new(&batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        release_rank: at.release_rank("release_rank", release_rank)?,
        allocated_at: at.instant("allocated_at", allocated_at)?,
    })
}

pub(super) fn dispatch(row: DispatchRow) -> Result<DispatchRecord, StoreError> {
    let (order, line, batch, quantity, allocated_at) = row;
    let shown = format!("{order}/{line} from {batch}");
    let at = RowContext {
        table: "dispatches",
        key: &shown,
    };
    Ok(DispatchRecord {
        key: at.line_key(&order, &line)?,
        batch: at.read("batch", Reference::new(&batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        allocated_at: at.instant("allocated_at", allocated_at)?,
    })
}

pub(super) fn order((id, placed_at, priority, required_by, hold_until): OrderRow) -> Result<OrderRecord, StoreError> {
    let at = RowContext {
        table: "orders",
        key: &id,
    };
    let required_by = required_by.map(|day| at.date("required_by", day)).transpose()?;
    Ok(OrderRecord {
        placed_at: at.instant("placed_at", placed_at)?,
        precedence: Precedence::of(at.read("priority", Priority::new(priority))?, required_by),
        hold_until: hold_until
            .map(|deadline| at.instant("hold_until", deadline))
            .transpose()?,
        id: at.read("order_id", OrderId::new(&id))?,
    })
}

/// The deadline of a line of a product.
pub(super) fn deadline(sku: &Sku, deadline: PgTimestamp) -> Result<Timestamp, StoreError> {
    let at = RowContext {
        table: "lines",
        key: sku,
    };
    at.instant("hold_until", deadline)
}

pub(super) fn event(row: EventRow) -> Result<SequencedEvent, StoreError> {
    let (sequence, sku, version, order, kind, occurred_at, actor, correlation_id, data) = row;
    let at = RowContext {
        table: "events",
        key: &sequence,
    };
    let order = order
        .map(|order| at.read("order_id", OrderId::new(order)))
        .transpose()?;
    Ok(SequencedEvent {
        sequence: at.read("sequence", u64::try_from(sequence))?,
        event: Event {
            subject: at.subject(sku, version, order.as_ref())?,
            occurred_at: at.instant("occurred_at", occurred_at)?,
            actor: actor.into(),
            correlation_id: correlation_id.into(),
            fact: at.read("data", wire::fact_from_json(&kind, &data))?,
        },
    })
}

/// An event whose data is handed on as it is stored.
pub(super) fn encoded_event(row: EventRow) -> Result<EncodedEvent, StoreError> {
    let (sequence, sku, version, order, kind, occurred_at, actor, correlation_id, data) = row;
    let at = RowContext {
        table: "events",
        key: &sequence,
    };
    let order = at.order(order, &kind, &data)?;
    Ok(EncodedEvent {
        sequence: at.read("sequence", u64::try_from(sequence))?,
        subject: at.subject(sku, version, order.as_ref())?,
        order,
        event_type: at.read("type", wire::event_type(&kind))?,
        occurred_at: at.instant("occurred_at", occurred_at)?,
        actor,
        correlation_id,
        data,
    })
}

/// A part of a line's stock, as a query reads it.
pub(super) fn part(
    line: &LineKey,
    batch: &str,
    quantity: i32,
    eta: Option<PgDate>,
) -> Result<(Part, Option<civil::Date>), StoreError> {
    let at = RowContext {
        table: "allocations",
        key: line,
    };
    let part = Part {
        batch: at.read("batch", Reference::new(batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
    };
    Ok((part, eta.map(|eta| at.date("eta", eta)).transpose()?))
}

/// An instant as a column keeps it: whole microseconds, the finest that PostgreSQL knows.
pub(super) fn pg_instant(instant: Timestamp) -> PgTimestamp {
    PgTimestamp(instant.as_microsecond().saturating_sub(EPOCH_IN_UNIX_MICROSECONDS))
}

/// An instant as rows are held against it. What comes before all that PostgreSQL knows comes before all rows.
pub(super) fn pg_moment(instant: Timestamp) -> PgTimestamp {
    let known = pg_instant(instant);
    if known.0 < EARLIEST { BEFORE_ALL } else { known }
}

/// Locations as one text, in the way that an array is written; `None` where any will do.
pub(super) fn pg_array(locations: &Locations) -> Option<String> {
    let names = locations.as_slice();
    if names.is_empty() {
        return None;
    }
    let mut array = String::from("{");
    for (place, name) in names.iter().enumerate() {
        array.push_str(if place == 0 { "\"" } else { ",\"" });
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

/// A day as a column keeps it.
pub(super) fn pg_date(date: civil::Date) -> PgDate {
    let days = date.duration_since(EPOCH).as_hours() / 24;
    PgDate(i32::try_from(days).expect("the calendar's days fit 32 bits"))
}

/// Units of one quantity as a column keeps them.
pub(super) fn pg_units(units: u32) -> i32 {
    i32::try_from(units).expect("a quantity is at most a thousand million")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_back_to_the_microsecond() {
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
    fn a_day_comes_back() {
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
    fn an_instant_before_all_comes_before_all() {
        assert_eq!(pg_moment(Timestamp::MIN), BEFORE_ALL);
        let year_one = "0001-01-01T00:00:00Z".parse().expect("an instant");
        assert_eq!(pg_moment(year_one), pg_instant(year_one));
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

    #[test]
    fn an_instant_that_is_none_is_told_with_table_and_key() {
        let infinity = PgTimestamp(i64::MAX);
        let placing_event = order(("O1".into(), infinity, 0, None, None)).expect_err("infinity is no instant");
        assert_eq!(
            placing_event.to_string(),
            "the stored books are broken: orders \"O1\": placed_at is out of range"
        );
    }
}
