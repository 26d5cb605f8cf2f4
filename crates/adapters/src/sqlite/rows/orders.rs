//! Orders, their lines, and the units that these hold or have dispatched.

use diesel::prelude::{AsChangeset, Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, DispatchRecord, LineKey, LineRecord, LineState, LineTerms, Location, Locations, OrderId,
    OrderRecord, Part, Precedence, Priority, Promise, Quantity, Reference, Sku, Units,
};
use jiff::{Timestamp, civil};

use super::super::schema::{dispatches, further_allocations, lines, orders};
use super::Times;
use crate::sql::decode::{RowContext, counter};
use crate::sql::rank;

/// An order as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct OrderRow {
    order_id: String,
    placed_at: i64,
    priority: i64,
    required_by: Option<String>,
    hold_until: Option<i64>,
    asked: Option<String>,
    expired_from: Option<i64>,
    expired_to: Option<i64>,
}

/// An order's record.
pub(in crate::sqlite) fn order(row: OrderRow) -> Result<OrderRecord, StoreError> {
    let at = RowContext {
        table: "orders",
        key: &row.order_id,
    };
    let required_by = row.required_by.map(|day| at.date("required_by", &day)).transpose()?;
    let hold_until = row.hold_until.map(|until| at.instant("hold_until", until));
    let asked = row.asked.as_ref().map(|asked| at.read("asked", asked.parse()));
    Ok(OrderRecord {
        placed_at: at.instant("placed_at", row.placed_at)?,
        precedence: Precedence::of(at.read("priority", Priority::new(row.priority))?, required_by),
        asked: asked.transpose()?,
        hold_until: hold_until.transpose()?,
        expiry_step: at.expiry_step(row.expired_from, row.expired_to)?,
        id: at.read("order_id", OrderId::new(&row.order_id))?,
    })
}

/// An order as it is written, whole: `None` is NULL.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = orders, primary_key(order_id), treat_none_as_null = true)]
pub(in crate::sqlite) struct OrderValues<'a> {
    pub(in crate::sqlite) order_id: &'a str,
    pub(in crate::sqlite) placed_at: i64,
    pub(in crate::sqlite) priority: i64,
    pub(in crate::sqlite) required_by: Option<String>,
    pub(in crate::sqlite) hold_until: Option<i64>,
    pub(in crate::sqlite) asked: Option<String>,
    pub(in crate::sqlite) expired_from: Option<i64>,
    pub(in crate::sqlite) expired_to: Option<i64>,
}

/// An order's row.
pub(in crate::sqlite) fn order_values(order: &OrderRecord) -> OrderValues<'_> {
    OrderValues {
        order_id: order.id.as_str(),
        placed_at: order.placed_at.as_microsecond(),
        priority: i64::from(order.precedence.priority().get()),
        required_by: order.precedence.required_by().map(|day| day.to_string()),
        hold_until: order.hold_until.map(Timestamp::as_microsecond),
        asked: order.asked.map(|asked| asked.to_string()),
        expired_from: order.expiry_step.map(|step| counter(step.before)),
        expired_to: order.expiry_step.map(|step| counter(step.after)),
    }
}

/// A line as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = lines, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct LineRow {
    order_id: String,
    line_id: String,
    sku: String,
    quantity: i64,
    state: String,
    split: bool,
    placed_at: i64,
    placed_version: i64,
    placed_with_order: bool,
    rank: i64,
    locations: Option<String>,
    hold_until: Option<i64>,
    promised_on: Option<String>,
    first_promised_on: Option<String>,
    due_by: Option<String>,
    dispatched: i64,
    asked: Option<String>,
}

/// A line as it is read, with the units it was placed with.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = lines, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct PlacedLineRow {
    #[diesel(embed)]
    line: LineRow,
    #[diesel(embed)]
    units: PlacedUnits,
}

/// The units that a line was placed with, for as long as it holds them.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = lines, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct PlacedUnits {
    batch: Option<String>,
    units: Option<i64>,
    release_rank: i64,
}

impl PlacedLineRow {
    /// Its order and its id.
    pub(in crate::sqlite) fn key(&self) -> [&str; 2] {
        [&self.line.order_id, &self.line.line_id]
    }

    /// Its position in the order of service, as the columns have it.
    pub(in crate::sqlite) fn service_key(&self) -> (i64, i64, &str, &str) {
        (
            self.line.rank,
            self.line.placed_version,
            &self.line.order_id,
            &self.line.line_id,
        )
    }
}

/// The units of a line in a batch.
pub(in crate::sqlite) fn units_in_batch(line: &PlacedLineRow, units: i64) -> Result<Units, StoreError> {
    let at = RowContext {
        table: "allocations",
        key: &format_args!("{}/{}", line.line.order_id, line.line.line_id),
    };
    Ok(at.read("quantity", Quantity::new(units))?.units())
}

/// The deadline of a line of a product.
pub(in crate::sqlite) fn deadline(sku: &Sku, microseconds: i64) -> Result<Timestamp, StoreError> {
    let at = RowContext {
        table: "lines",
        key: sku,
    };
    at.instant("hold_until", microseconds)
}

/// A line's record.
/// The order of a line, and the state that the line is in, with its deadline.
pub(in crate::sqlite) fn joined_line(
    order: &str,
    state: &str,
    hold_until: Option<i64>,
) -> Result<(OrderId, (LineState, Option<Timestamp>)), StoreError> {
    let at = RowContext {
        table: "lines",
        key: &order,
    };
    let found = LineState::parse(state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?;
    let hold_until = hold_until.map(|until| at.instant("hold_until", until));
    Ok((
        at.read("order_id", OrderId::new(order))?,
        (found, hold_until.transpose()?),
    ))
}

fn line(row: &LineRow) -> Result<LineRecord, StoreError> {
    let at = RowContext {
        table: "lines",
        key: &format_args!("{}/{}", row.order_id, row.line_id),
    };
    let locations = match &row.locations {
        None => Locations::ANY,
        Some(names) => at.locations(at.read("locations", serde_json::from_str(names))?)?,
    };
    let hold_until = row.hold_until.map(|until| at.instant("hold_until", until));
    let day = |column, day: &Option<String>| day.as_deref().map(|day| at.date(column, day)).transpose();
    let promised_on = day("promised_on", &row.promised_on)?;
    let state = LineState::parse(&row.state);
    let asked = row.asked.as_ref().map(|asked| at.read("asked", asked.parse()));
    Ok(LineRecord {
        sku: at.read("sku", Sku::new(&row.sku))?,
        state: state.ok_or_else(|| at.corrupt(format_args!("state {:?} is none", row.state)))?,
        placed_version: at.read("placed_version", u64::try_from(row.placed_version))?,
        promise: Promise {
            on: promised_on,
            // Left out where it is the same.
            first_on: day("first_promised_on", &row.first_promised_on)?.or(promised_on),
            due_by: day("due_by", &row.due_by)?,
        },
        dispatched: Units::new(at.read("dispatched", u64::try_from(row.dispatched))?),
        terms: LineTerms {
            key: at.line_key(&row.order_id, &row.line_id)?,
            quantity: at.read("quantity", Quantity::new(row.quantity))?,
            split: row.split,
            placed_at: at.instant("placed_at", row.placed_at)?,
            placed_with_order: row.placed_with_order,
            asked: asked.transpose()?,
            precedence: at.precedence("rank", row.rank)?,
            locations,
            hold_until: hold_until.transpose()?,
        },
    })
}

/// A line's record, with the allocation it was placed with.
pub(in crate::sqlite) fn placed_line(
    row: &PlacedLineRow,
) -> Result<(LineRecord, Option<AllocationRecord>), StoreError> {
    let line = line(&row.line)?;
    let (Some(batch), Some(units)) = (&row.units.batch, row.units.units) else {
        return Ok((line, None));
    };
    let at = RowContext {
        table: "lines",
        key: &line.terms.key,
    };
    let allocation = AllocationRecord {
        key: line.terms.key.clone(),
        batch: at.read("batch", Reference::new(batch))?,
        quantity: at.read("units", Quantity::new(units))?,
        release_rank: at.release_rank("release_rank", row.units.release_rank)?,
        allocated_version: line.placed_version,
    };
    Ok((line, Some(allocation)))
}

/// What of a line may change, as it is written: `None` is NULL.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = lines, primary_key(order_id, line_id), treat_none_as_null = true)]
pub(in crate::sqlite) struct LineValues<'a> {
    pub(in crate::sqlite) order_id: &'a str,
    pub(in crate::sqlite) line_id: &'a str,
    pub(in crate::sqlite) quantity: i64,
    pub(in crate::sqlite) state: &'static str,
    pub(in crate::sqlite) split: bool,
    pub(in crate::sqlite) placed_at: i64,
    pub(in crate::sqlite) placed_version: i64,
    pub(in crate::sqlite) placed_with_order: bool,
    pub(in crate::sqlite) rank: i64,
    pub(in crate::sqlite) locations: Option<String>,
    pub(in crate::sqlite) hold_until: Option<i64>,
    pub(in crate::sqlite) promised_on: Option<String>,
    pub(in crate::sqlite) first_promised_on: Option<String>,
    pub(in crate::sqlite) due_by: Option<String>,
    pub(in crate::sqlite) dispatched: i64,
}

/// A line's row, but for its product and the units it was placed with.
pub(in crate::sqlite) fn line_values(line: &LineRecord) -> LineValues<'_> {
    let Promise { on, first_on, due_by } = line.promise;
    LineValues {
        order_id: line.terms.key.order.as_str(),
        line_id: line.terms.key.line.as_str(),
        quantity: i64::from(line.terms.quantity.get()),
        state: line.state.as_str(),
        split: line.terms.split,
        placed_at: line.terms.placed_at.as_microsecond(),
        placed_version: counter(line.placed_version),
        placed_with_order: line.terms.placed_with_order,
        rank: rank::rank(line.terms.precedence),
        locations: location_names(&line.terms.locations),
        hold_until: line.terms.hold_until.map(Timestamp::as_microsecond),
        promised_on: on.map(|day| day.to_string()),
        first_promised_on: first_on.filter(|_| first_on != on).map(|day| day.to_string()),
        due_by: due_by.map(|day| day.to_string()),
        dispatched: counter(line.dispatched.get()),
    }
}

/// Locations as a column has them: a JSON array of their names; NULL where any will do.
fn location_names(locations: &Locations) -> Option<String> {
    let names: Vec<&str> = locations.as_slice().iter().map(Location::as_str).collect();
    (!names.is_empty()).then(|| serde_json::to_string(&names).expect("names are always JSON"))
}

/// An allocation beyond those a line was placed with, as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = further_allocations, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct AllocationRow {
    order_id: String,
    line_id: String,
    batch: String,
    quantity: i64,
    release_rank: i64,
    allocated_version: i64,
}

/// An allocation's record.
pub(in crate::sqlite) fn allocation(row: &AllocationRow) -> Result<AllocationRecord, StoreError> {
    let at = RowContext {
        table: "allocations",
        key: &format_args!("{}/{} in {}", row.order_id, row.line_id, row.batch),
    };
    Ok(AllocationRecord {
        key: at.line_key(&row.order_id, &row.line_id)?,
        batch: at.read("batch", Reference::new(&row.batch))?,
        quantity: at.read("quantity", Quantity::new(row.quantity))?,
        release_rank: at.release_rank("release_rank", row.release_rank)?,
        allocated_version: at.read("allocated_version", u64::try_from(row.allocated_version))?,
    })
}

/// A dispatch as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dispatches, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct DispatchRow {
    order_id: String,
    line_id: String,
    batch: String,
    quantity: i64,
    allocated_version: i64,
    dispatched_version: i64,
    dispatched_at: i64,
}

/// A dispatch's record.
pub(in crate::sqlite) fn dispatch(row: &DispatchRow) -> Result<DispatchRecord, StoreError> {
    let at = RowContext {
        table: "dispatches",
        key: &format_args!("{}/{} from {}", row.order_id, row.line_id, row.batch),
    };
    Ok(DispatchRecord {
        key: at.line_key(&row.order_id, &row.line_id)?,
        batch: at.read("batch", Reference::new(&row.batch))?,
        quantity: at.read("quantity", Quantity::new(row.quantity))?,
        allocated_version: at.read("allocated_version", u64::try_from(row.allocated_version))?,
        dispatched_version: at.read("dispatched_version", u64::try_from(row.dispatched_version))?,
        dispatched_at: at.instant("dispatched_at", row.dispatched_at)?,
    })
}

/// A part of a line's units, with its batch's ETA.
pub(in crate::sqlite) fn part(
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
