//! Rows and the domain's values: each way through the domain's own constructors.

use std::fmt::Display;

use diesel::sql_types::{BigInt, Nullable, Text};
use earmark_application::{StoreError, WrittenEvent};
use earmark_domain::{
    AllocationRecord, BatchRecord, Claim, Count, DispatchRecord, Event, LineId, LineKey, LineRecord, LineState,
    Location, Locations, OrderId, OrderRecord, Part, Precedence, Priority, ProductName, ProductRecord, Quantity,
    Reference, SequencedEvent, Sku, Subject, Turn, Units,
};
use jiff::{Timestamp, civil};

use crate::wire;

/// The columns of [`ProductRow`].
macro_rules! product_columns {
    () => {
        "products.sku, products.name, products.version, products.batches_created, products.resume_rank, \
         products.resume_placed_at, products.resume_order_id, products.resume_line_id, products.safety_stock, \
         products.depleted, products.next_expiry"
    };
}
/// The columns of [`BatchRow`].
macro_rules! batch_columns {
    () => {
        "batches.reference, batches.sku, batches.location, batches.ordinal, batches.created_quantity, \
         batches.created_eta, batches.quantity, batches.allocated, batches.dispatched, batches.eta, batches.closed"
    };
}
/// The columns of [`LineRow`].
macro_rules! line_columns {
    () => {
        "lines.order_id, lines.line_id, lines.sku, lines.quantity, lines.state, lines.split, lines.placed_at, \
         lines.placed_with_order, lines.rank, lines.locations, lines.hold_until"
    };
}
/// The columns of [`AllocationRow`].
macro_rules! allocation_columns {
    () => {
        "held.order_id, held.line_id, held.batch, held.quantity, held.claim, held.allocated_at"
    };
}
/// The columns of [`AllocationRow`], of the units that a line was placed with.
macro_rules! first_units_columns {
    () => {
        "lines.order_id, lines.line_id, lines.batch, lines.units, lines.claim, lines.placed_at"
    };
}
/// The columns of [`DispatchRow`].
macro_rules! dispatch_columns {
    () => {
        "dispatches.order_id, dispatches.line_id, dispatches.batch, dispatches.quantity, dispatches.allocated_at"
    };
}
/// The columns of [`OrderRow`].
macro_rules! order_columns {
    () => {
        "orders.order_id, orders.placed_at, orders.priority, orders.required_by, orders.hold_until"
    };
}
/// The columns of [`EventRow`].
macro_rules! event_columns {
    () => {
        "sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data"
    };
}
pub(super) use {
    allocation_columns, batch_columns, dispatch_columns, event_columns, first_units_columns, line_columns,
    order_columns, product_columns,
};

pub(super) type ProductTypes = (
    Text,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Text>,
    BigInt,
    BigInt,
    Nullable<BigInt>,
);
pub(super) type ProductRow = (
    String,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    i64,
    i64,
    Option<i64>,
);

pub(super) type BatchTypes = (
    Text,
    Text,
    Text,
    BigInt,
    BigInt,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    Nullable<Text>,
    BigInt,
);
pub(super) type BatchRow = (
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
);

pub(super) type LineTypes = (
    Text,
    Text,
    Text,
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
);
pub(super) type LineRow = (
    String,
    String,
    String,
    i64,
    String,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    Option<i64>,
);

pub(super) type AllocationTypes = (Text, Text, Text, BigInt, BigInt, BigInt);
pub(super) type AllocationRow = (String, String, String, i64, i64, i64);

pub(super) type DispatchTypes = (Text, Text, Text, BigInt, BigInt);
pub(super) type DispatchRow = (String, String, String, i64, i64);

pub(super) type OrderTypes = (Text, BigInt, BigInt, Nullable<Text>, Nullable<BigInt>);
pub(super) type OrderRow = (String, i64, i64, Option<String>, Option<i64>);

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

    fn precedence(&self, column: &str, rank: i64) -> Result<Precedence, StoreError> {
        Precedence::from_rank(rank).ok_or_else(|| self.corrupt(format_args!("{column} {rank} is none")))
    }

    fn locations(&self, names: &str) -> Result<Locations, StoreError> {
        let names: Vec<String> = self.read("locations", serde_json::from_str(names))?;
        let locations = names
            .into_iter()
            .map(|name| self.read("locations", Location::new(name)))
            .collect::<Result<_, _>>()?;
        self.read("locations", Locations::new(locations))
    }

    fn line_key(&self, order: &str, line: &str) -> Result<LineKey, StoreError> {
        Ok(LineKey {
            order: self.read("order_id", OrderId::new(order))?,
            line: self.read("line_id", LineId::new(line))?,
        })
    }

    /// The order that an event concerns. Of one that is found by its line it stands in the data alone.
    fn order(&self, order: Option<String>, kind: &str, data: &str) -> Result<Option<OrderId>, StoreError> {
        let order = match order {
            None if kind == "Allocated" => Some(self.read("data", wire::allocated_order(data))?),
            order => order,
        };
        order
            .map(|order| self.read("order_id", OrderId::new(order)))
            .transpose()
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
    let (sku, name, version, batches_created, rank, placed_at, order, line, safety_stock, depleted, next_expiry) = row;
    let at = In {
        table: "products",
        key: &sku,
    };
    let resume_after = match (rank, placed_at, order, line) {
        (None, None, None, None) => None,
        (Some(rank), Some(placed_at), Some(order), Some(line)) => Some(Turn {
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
    let at = In {
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
        precedence: at.precedence("rank", rank)?,
        locations: locations.map_or(Ok(Locations::ANY), |names| at.locations(&names))?,
        hold_until: hold_until.map(|until| at.instant("hold_until", until)).transpose()?,
    })
}

pub(super) fn allocation(row: AllocationRow) -> Result<AllocationRecord, StoreError> {
    let (order, line, batch, quantity, claim, allocated_at) = row;
    let at = In {
        table: "allocations",
        key: &format_args!("{order}/{line} in {batch}"),
    };
    Ok(AllocationRecord {
        key: at.line_key(&order, &line)?,
        batch: at.read("batch", Reference::new(&batch))?,
        quantity: at.read("quantity", Quantity::new(quantity))?,
        claim: Claim::new(claim),
        allocated_at: at.instant("allocated_at", allocated_at)?,
    })
}

pub(super) fn dispatch(row: DispatchRow) -> Result<DispatchRecord, StoreError> {
    let (order, line, batch, quantity, allocated_at) = row;
    let at = In {
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
    let at = In {
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
    let order = at.order(order, &kind, &data)?;
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

/// The deadline of a line of a product.
pub(super) fn deadline(sku: &Sku, microseconds: i64) -> Result<Timestamp, StoreError> {
    let at = In {
        table: "lines",
        key: sku,
    };
    at.instant("hold_until", microseconds)
}

/// An order id that stands with a line.
pub(super) fn order_id(id: &str) -> Result<OrderId, StoreError> {
    let at = In {
        table: "lines",
        key: &id,
    };
    at.read("order_id", OrderId::new(id))
}

/// Units of a product in a batch, as the database made a sum of them.
pub(super) fn ended((sku, batch, sum): (String, String, i64)) -> Result<(Sku, Reference, Units), StoreError> {
    let at = In {
        table: "allocations",
        key: &batch,
    };
    Ok((
        at.read("sku", Sku::new(sku))?,
        at.read("batch", Reference::new(&batch))?,
        at.units("quantity", sum)?,
    ))
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
