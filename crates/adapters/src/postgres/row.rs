//! Rows and the domain's values: each way through the domain's own constructors.

use std::fmt::Display;

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use earmark_application::{StoreError, WrittenEvent};
use earmark_domain::{
    AllocationRecord, BatchRecord, Count, Event, LineId, LineKey, LineRecord, LineState, Location, OrderId,
    OrderRecord, ProductName, ProductRecord, Quantity, Reference, SequencedEvent, Sku, Subject, Turn, Units,
};
use jiff::{SignedDuration, Timestamp, civil};

use crate::wire;

/// PostgreSQL counts days and microseconds from here on, as does its wire format.
const EPOCH: civil::Date = civil::date(2000, 1, 1);
const EPOCH_IN_UNIX_MICROSECONDS: i64 = 946_684_800_000_000;

/// The columns of [`ProductRow`].
macro_rules! product_columns {
    () => {
        "sku, name, version, batches_created, resume_placed_at, resume_order_id, resume_line_id"
    };
}
/// The columns of [`BatchRow`].
macro_rules! batch_columns {
    () => {
        "reference, sku, location, ordinal, created_quantity, quantity, allocated, dispatched, eta"
    };
}
/// The columns of [`LineRow`].
macro_rules! line_columns {
    () => {
        "order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order"
    };
}
/// The columns of [`AllocationRow`].
macro_rules! allocation_columns {
    () => {
        "order_id, line_id, batch, quantity, allocated_at"
    };
}
/// The columns of [`EventRow`].
macro_rules! event_columns {
    () => {
        "sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data::text"
    };
}
pub(super) use {allocation_columns, batch_columns, event_columns, line_columns, product_columns};

pub(super) type ProductTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    Integer,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Text>,
);
pub(super) type ProductRow = (
    String,
    Option<String>,
    i64,
    i32,
    Option<PgTimestamp>,
    Option<String>,
    Option<String>,
);

pub(super) type BatchTypes = (
    Text,
    Text,
    Text,
    Integer,
    Integer,
    Integer,
    BigInt,
    BigInt,
    Nullable<Date>,
);
pub(super) type BatchRow = (String, String, String, i32, i32, i32, i64, i64, Option<PgDate>);

pub(super) type LineTypes = (Text, Text, Text, Integer, Text, Bool, Timestamptz, Bool);
pub(super) type LineRow = (String, String, String, i32, String, bool, PgTimestamp, bool);

pub(super) type AllocationTypes = (Text, Text, Text, Integer, Timestamptz);
pub(super) type AllocationRow = (String, String, String, i32, PgTimestamp);

pub(super) type OrderTypes = (Text, Timestamptz);
pub(super) type OrderRow = (String, PgTimestamp);

pub(super) type EventTypes = (
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Text,
    Timestamptz,
    Text,
    Text,
    Text,
);
pub(super) type EventRow = (
    i64,
    Option<String>,
    Option<i64>,
    Option<String>,
    String,
    PgTimestamp,
    String,
    String,
    String,
);

/// Names the row a value that can't be one stands in.
struct In<'a> {
    table: &'static str,
    key: &'a dyn Display,
}

impl In<'_> {
    fn corrupt(&self, why: impl Display) -> StoreError {
        StoreError::Corrupt(format!("{} {:?}: {why}", self.table, self.key.to_string()))
    }

    /// Takes a value through its constructor.
    fn read<T, E: Display>(&self, column: &str, value: Result<T, E>) -> Result<T, StoreError> {
        value.map_err(|why| self.corrupt(format_args!("{column} {why}")))
    }

    fn instant(&self, column: &str, value: PgTimestamp) -> Result<Timestamp, StoreError> {
        let unix = value.0.checked_add(EPOCH_IN_UNIX_MICROSECONDS);
        unix.and_then(|microseconds| Timestamp::from_microsecond(microseconds).ok())
            .ok_or_else(|| self.corrupt(format_args!("{column} is out of range")))
    }

    fn date(&self, column: &str, value: PgDate) -> Result<civil::Date, StoreError> {
        let since_epoch = SignedDuration::from_hours(i64::from(value.0) * 24);
        self.read(column, EPOCH.checked_add(since_epoch))
    }

    /// What an event is about.
    fn subject(
        &self,
        sku: Option<String>,
        version: Option<i64>,
        order: Option<&OrderId>,
    ) -> Result<Subject, StoreError> {
        match (sku, version, order) {
            (Some(sku), Some(version), _) => Ok(Subject::Product {
                sku: self.read("sku", Sku::new(sku))?,
                version: self.read("version", u64::try_from(version))?,
            }),
            (None, None, Some(order)) => Ok(Subject::Order(order.clone())),
            _ => Err(self.corrupt("is neither of a product nor of an order")),
        }
    }
}

pub(super) fn product(row: ProductRow) -> Result<ProductRecord, StoreError> {
    let (sku, name, version, batches_created, placed_at, order, line) = row;
    let at = In {
        table: "products",
        key: &sku,
    };
    let resume_after = match (placed_at, order, line) {
        (None, None, None) => None,
        (Some(placed_at), Some(order), Some(line)) => Some(Turn {
            placed_at: at.instant("resume_placed_at", placed_at)?,
            key: LineKey {
                order: at.read("resume_order_id", OrderId::new(order))?,
                line: at.read("resume_line_id", LineId::new(line))?,
            },
        }),
        _ => return Err(at.corrupt("the place to resume the backlog at is not whole")),
    };
    Ok(ProductRecord {
        name: at.read("name", name.map(ProductName::new).transpose())?,
        version: at.read("version", u64::try_from(version))?,
        batches_created: at.read("batches_created", u32::try_from(batches_created))?,
        resume_after,
        sku: at.read("sku", Sku::new(&sku))?,
    })
}

pub(super) fn batch(row: BatchRow) -> Result<BatchRecord, StoreError> {
    let (reference, sku, location, ordinal, created_quantity, quantity, allocated, dispatched, eta) = row;
    let at = In {
        table: "batches",
        key: &reference,
    };
    Ok(BatchRecord {
        sku: at.read("sku", Sku::new(sku))?,
        location: at.read("location", Location::new(location))?,
        ordinal: at.read("ordinal", u32::try_from(ordinal))?,
        created_quantity: at.read("created_quantity", Quantity::new(created_quantity))?,
        quantity: at.read("quantity", Count::new(quantity))?,
        allocated: Units::new(at.read("allocated", u64::try_from(allocated))?),
        dispatched: Units::new(at.read("dispatched", u64::try_from(dispatched))?),
        eta: eta.map(|eta| at.date("eta", eta)).transpose()?,
        reference: at.read("reference", Reference::new(&reference))?,
    })
}

pub(super) fn line(row: LineRow) -> Result<LineRecord, StoreError> {
    let (order, line, sku, quantity, state, split, placed_at, placed_with_order) = row;
    let shown = format!("{order}/{line}");
    let at = In {
        table: "lines",
        key: &shown,
    };
    Ok(LineRecord {
        key: line_key(&at, &order, &line)?,
        sku: at.read("sku", Sku::new(sku))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        state: LineState::parse(&state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?,
        split,
        placed_at: at.instant("placed_at", placed_at)?,
        placed_with_order,
    })
}

pub(super) fn allocation(row: AllocationRow) -> Result<AllocationRecord, StoreError> {
    let (order, line, batch, quantity, allocated_at) = row;
    let shown = format!("{order}/{line} in {batch}");
    let at = In {
        table: "allocations",
        key: &shown,
    };
    Ok(AllocationRecord {
        key: line_key(&at, &order, &line)?,
        batch: at.read("batch", Reference::new(&batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        allocated_at: at.instant("allocated_at", allocated_at)?,
    })
}

pub(super) fn order((id, placed_at): OrderRow) -> Result<OrderRecord, StoreError> {
    let at = In {
        table: "orders",
        key: &id,
    };
    Ok(OrderRecord {
        placed_at: at.instant("placed_at", placed_at)?,
        id: at.read("order_id", OrderId::new(&id))?,
    })
}

pub(super) fn event(row: EventRow) -> Result<SequencedEvent, StoreError> {
    let (sequence, sku, version, order, kind, occurred_at, actor, correlation_id, data) = row;
    let at = In {
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
pub(super) fn written_event(row: EventRow) -> Result<WrittenEvent, StoreError> {
    let (sequence, sku, version, order, kind, occurred_at, actor, correlation_id, data) = row;
    let at = In {
        table: "events",
        key: &sequence,
    };
    let order = order
        .map(|order| at.read("order_id", OrderId::new(order)))
        .transpose()?;
    Ok(WrittenEvent {
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

/// A sum the database made of units.
pub(super) fn units(sku: &Sku, column: &str, sum: i64) -> Result<Units, StoreError> {
    let at = In {
        table: "products",
        key: sku,
    };
    Ok(Units::new(at.read(column, u64::try_from(sum))?))
}

/// A part of a line's stock, as a query reads it.
pub(super) fn part(
    line: &LineKey,
    batch: &str,
    quantity: i32,
    eta: Option<PgDate>,
) -> Result<(earmark_domain::Part, Option<civil::Date>), StoreError> {
    let at = In {
        table: "allocations",
        key: line,
    };
    let part = earmark_domain::Part {
        batch: at.read("batch", Reference::new(batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
    };
    Ok((part, eta.map(|eta| at.date("eta", eta)).transpose()?))
}

fn line_key(at: &In<'_>, order: &str, line: &str) -> Result<LineKey, StoreError> {
    Ok(LineKey {
        order: at.read("order_id", OrderId::new(order))?,
        line: at.read("line_id", LineId::new(line))?,
    })
}

/// An instant as a column keeps it: whole microseconds, the finest that PostgreSQL knows.
pub(super) fn pg_instant(instant: Timestamp) -> PgTimestamp {
    PgTimestamp(instant.as_microsecond().saturating_sub(EPOCH_IN_UNIX_MICROSECONDS))
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

/// A counter that only grows by ones, such as a version, as a column keeps it.
pub(super) fn pg_counter(count: u64) -> i64 {
    i64::try_from(count).expect("nobody counts to 2^63 by ones")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_back_to_the_microsecond() {
        let at = In {
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
        let at = In {
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
    fn an_instant_that_is_none_is_told_with_table_and_key() {
        let infinity = PgTimestamp(i64::MAX);
        let told = order(("O1".into(), infinity)).expect_err("infinity is no instant");
        assert_eq!(
            told.to_string(),
            "the stored books are broken: orders \"O1\": placed_at is out of range"
        );
    }
}
