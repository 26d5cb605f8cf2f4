//! Rows and the domain's values: each way through the domain's own constructors.

use std::fmt::Display;

use diesel::sql_types::{BigInt, Nullable, Text};
use earmark_application::{StoreError, WrittenEvent};
use earmark_domain::{
    AllocationRecord, BatchRecord, Count, Event, LineId, LineKey, LineRecord, LineState, Location, OrderId,
    OrderRecord, Part, ProductName, ProductRecord, Quantity, Reference, SequencedEvent, Sku, Subject, Turn, Units,
};
use jiff::{Timestamp, civil};

use crate::wire;

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
        "lines.order_id, lines.line_id, lines.sku, lines.quantity, lines.state, lines.split, lines.placed_at, \
         lines.placed_with_order"
    };
}
/// The columns of [`AllocationRow`].
macro_rules! allocation_columns {
    () => {
        "allocations.order_id, allocations.line_id, allocations.batch, allocations.quantity, allocations.allocated_at"
    };
}
/// The columns of [`EventRow`].
macro_rules! event_columns {
    () => {
        "sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data"
    };
}
pub(super) use {allocation_columns, batch_columns, event_columns, line_columns, product_columns};

pub(super) type ProductTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Text>,
);
pub(super) type ProductRow = (
    String,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
);

pub(super) type BatchTypes = (Text, Text, Text, BigInt, BigInt, BigInt, BigInt, BigInt, Nullable<Text>);
pub(super) type BatchRow = (String, String, String, i64, i64, i64, i64, i64, Option<String>);

pub(super) type LineTypes = (Text, Text, Text, BigInt, Text, BigInt, BigInt, BigInt);
pub(super) type LineRow = (String, String, String, i64, String, i64, i64, i64);

pub(super) type AllocationTypes = (Text, Text, Text, BigInt, BigInt);
pub(super) type AllocationRow = (String, String, String, i64, i64);

pub(super) type OrderTypes = (Text, BigInt);
pub(super) type OrderRow = (String, i64);

pub(super) type EventTypes = (
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Text,
    BigInt,
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
    i64,
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

    fn instant(&self, column: &str, microseconds: i64) -> Result<Timestamp, StoreError> {
        self.read(column, Timestamp::from_microsecond(microseconds))
    }

    fn date(&self, column: &str, text: &str) -> Result<civil::Date, StoreError> {
        self.read(column, text.parse())
    }

    fn units(&self, column: &str, units: i64) -> Result<Units, StoreError> {
        self.read(column, u64::try_from(units)).map(Units::new)
    }

    fn line_key(&self, order: &str, line: &str) -> Result<LineKey, StoreError> {
        Ok(LineKey {
            order: self.read("order_id", OrderId::new(order))?,
            line: self.read("line_id", LineId::new(line))?,
        })
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
            key: at.line_key(&order, &line)?,
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
        allocated: at.units("allocated", allocated)?,
        dispatched: at.units("dispatched", dispatched)?,
        eta: eta.map(|eta| at.date("eta", &eta)).transpose()?,
        reference: at.read("reference", Reference::new(&reference))?,
    })
}

pub(super) fn line(row: LineRow) -> Result<LineRecord, StoreError> {
    let (order, line, sku, quantity, state, split, placed_at, placed_with_order) = row;
    let at = In {
        table: "lines",
        key: &format_args!("{order}/{line}"),
    };
    Ok(LineRecord {
        key: at.line_key(&order, &line)?,
        sku: at.read("sku", Sku::new(sku))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        state: LineState::parse(&state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?,
        split: split != 0,
        placed_at: at.instant("placed_at", placed_at)?,
        placed_with_order: placed_with_order != 0,
    })
}

pub(super) fn allocation(row: AllocationRow) -> Result<AllocationRecord, StoreError> {
    let (order, line, batch, quantity, allocated_at) = row;
    let at = In {
        table: "allocations",
        key: &format_args!("{order}/{line} in {batch}"),
    };
    Ok(AllocationRecord {
        key: at.line_key(&order, &line)?,
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
    at.units(column, sum)
}

/// A part of a line's stock, with the batch's ETA, as a query reads it.
pub(super) fn part(
    line: &LineKey,
    batch: &str,
    quantity: i64,
    eta: Option<&str>,
) -> Result<(Part, Option<civil::Date>), StoreError> {
    let at = In {
        table: "allocations",
        key: line,
    };
    let part = Part {
        batch: at.read("batch", Reference::new(batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
    };
    Ok((part, eta.map(|eta| at.date("eta", eta)).transpose()?))
}

/// A counter that only grows by ones, such as a version or a sequence, as a column keeps it.
pub(super) fn counter(count: u64) -> i64 {
    i64::try_from(count).expect("nobody counts to 2^63 by ones")
}
