//! Rows and the domain's values: each way through the domain's own constructors.

use earmark_application::{EncodedEvent, StoreError};
use earmark_domain::{
    AllocationRecord, BatchRecord, Count, DispatchRecord, Event, LineKey, LineRecord, LineState, LineTerms, Location,
    Locations, OrderId, OrderRecord, Part, Precedence, Priority, ProductName, ProductRecord, Quantity, Reference,
    SequencedEvent, ServicePosition, Sku,
};
use jiff::{Timestamp, civil};

use super::columns::{AllocationRow, BatchRow, DispatchRow, EventRow, LineRow, OrderRow, ProductRow};
use crate::sql::decode::RowContext;
pub(super) use crate::sql::decode::{counter, ended, order_id, units};
use crate::wire;

/// Instants and days as SQLite has them.
trait Times {
    fn instant(&self, column: &str, microseconds: i64) -> Result<Timestamp, StoreError>;
    fn date(&self, column: &str, text: &str) -> Result<civil::Date, StoreError>;
}

impl Times for RowContext<'_> {
    fn instant(&self, column: &str, microseconds: i64) -> Result<Timestamp, StoreError> {
        self.read(column, Timestamp::from_microsecond(microseconds))
    }

    fn date(&self, column: &str, text: &str) -> Result<civil::Date, StoreError> {
        self.read(column, text.parse())
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
        depleted: depleted != 0,
        next_expiry: next_expiry
            .map(|at_last| at.instant("next_expiry", at_last))
            .transpose()?,
        sku: at.read("sku", Sku::new(&sku))?,
    })
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
        created_eta: created_eta.map(|eta| at.date("created_eta", &eta)).transpose()?,
        quantity: at.read("quantity", Count::new(quantity))?,
        allocated: at.units("allocated", allocated)?,
        dispatched: at.units("dispatched", dispatched)?,
        eta: eta.map(|eta| at.date("eta", &eta)).transpose()?,
        closed: closed != 0,
        reference: at.read("reference", Reference::new(&reference))?,
    })
}

pub(super) fn line(row: LineRow) -> Result<LineRecord, StoreError> {
    let (order, line, sku, quantity, state, split, placed_at, placed_with_order, rank, locations, hold_until) = row;
    let at = RowContext {
        table: "lines",
        key: &format_args!("{order}/{line}"),
    };
    Ok(LineRecord {
        sku: at.read("sku", Sku::new(sku))?,
        state: LineState::parse(&state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?,
        terms: LineTerms {
            key: at.line_key(&order, &line)?,
            quantity: at.read("quantity", Quantity::new(quantity))?,
            split: split != 0,
            placed_at: at.instant("placed_at", placed_at)?,
            placed_with_order: placed_with_order != 0,
            precedence: at.precedence("rank", rank)?,
            locations: locations.map_or(Ok(Locations::ANY), |names| {
                at.locations(at.read("locations", serde_json::from_str(&names))?)
            })?,
            hold_until: hold_until.map(|until| at.instant("hold_until", until)).transpose()?,
        },
    })
}

pub(super) fn allocation(row: AllocationRow) -> Result<AllocationRecord, StoreError> {
    let (order, line, batch, quantity, release_rank, allocated_at) = row;
    let at = RowContext {
        table: "allocations",
        key: &format_args!("{order}/{line} in {batch}"),
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
    let at = RowContext {
        table: "dispatches",
        key: &format_args!("{order}/{line} from {batch}"),
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
    let required_by = required_by.map(|day| at.date("required_by", &day)).transpose()?;
    Ok(OrderRecord {
        placed_at: at.instant("placed_at", placed_at)?,
        precedence: Precedence::of(at.read("priority", Priority::new(priority))?, required_by),
        hold_until: hold_until.map(|until| at.instant("hold_until", until)).transpose()?,
        id: at.read("order_id", OrderId::new(&id))?,
    })
}

/// Locations as a column keeps them: as a JSON array of their names; NULL where any will do.
pub(super) fn location_names(locations: &Locations) -> Option<String> {
    let names: Vec<&str> = locations.as_slice().iter().map(Location::as_str).collect();
    (!names.is_empty()).then(|| serde_json::to_string(&names).expect("names are always JSON"))
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

/// The deadline of a line of a product.
pub(super) fn deadline(sku: &Sku, microseconds: i64) -> Result<Timestamp, StoreError> {
    let at = RowContext {
        table: "lines",
        key: sku,
    };
    at.instant("hold_until", microseconds)
}

/// A part of a line's stock, with the batch's ETA, as a query reads it.
pub(super) fn part(
    line: &LineKey,
    batch: &str,
    quantity: i64,
    eta: Option<&str>,
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
