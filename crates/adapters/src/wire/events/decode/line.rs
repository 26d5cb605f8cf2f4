//! Facts about lines.

use std::borrow::Cow;

use earmark_domain::{
    AskedLine, DeallocationReason, Fact, LineId, LineKey, LineTerms, Locations, OrderId, Part, Quantity, Units,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error};

#[cfg(feature = "schema")]
use super::values::PartJson;
use super::values::{MoveReasonJson, PrecedenceJson, locations, optional_text, parts, quantity, text};
#[cfg(feature = "schema")]
use crate::wire::words::DeallocationReasonJson;
use crate::wire::words::ShortageOutcomeJson;

/// A line got its units, or more of them.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Allocated {
    #[serde(flatten)]
    line: TermsJson,
    /// The units it got, by batch: all of its units, or the additional ones.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    allocations: Vec<Part>,
    /// Whether it waited in the backlog before.
    from_backlog: bool,
    /// The day that all of its units are promised for.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    promised_on: Date,
}

impl From<Allocated> for Fact {
    fn from(data: Allocated) -> Self {
        Self::Allocated {
            line: data.line.into(),
            allocations: data.allocations,
            from_backlog: data.from_backlog,
            promised_on: data.promised_on,
        }
    }
}

/// The terms of a line changed with those of its order: its precedence, or where its units may come from.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct LineChanged {
    #[serde(flatten)]
    line: TermsJson,
}

impl From<LineChanged> for Fact {
    fn from(data: LineChanged) -> Self {
        Self::LineChanged { line: data.line.into() }
    }
}

/// A line moved to other batches.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Reallocated {
    #[serde(flatten)]
    key: KeyJson,
    /// Its units before, by batch.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    from: Vec<Part>,
    /// Its units now, by batch.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    to: Vec<Part>,
    /// Why it moved.
    why: MoveReasonJson,
    /// The date it was promised for before.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    promised_from: Date,
    /// The date it is promised for now.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    promised_to: Date,
}

impl From<Reallocated> for Fact {
    fn from(data: Reallocated) -> Self {
        Self::Reallocated {
            key: data.key.into(),
            from: data.from,
            to: data.to,
            why: data.why.into(),
            promised_from: data.promised_from,
            promised_to: data.promised_to,
        }
    }
}

/// A line did not fit.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OutOfStock {
    #[serde(flatten)]
    line: TermsJson,
    /// The units of the product that were available to it.
    available: u64,
    /// What happens to the line.
    kept: ShortageOutcomeJson,
}

impl From<OutOfStock> for Fact {
    fn from(data: OutOfStock) -> Self {
        Self::OutOfStock {
            line: data.line.into(),
            available: Units::new(data.available),
            kept: data.kept.into(),
        }
    }
}

/// A line joined the backlog.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Backordered {
    #[serde(flatten)]
    line: TermsJson,
    /// The units it lost, by batch; empty for a line that had none.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    from: Vec<Part>,
    /// Why it lost its units; null for a line that had none.
    #[cfg_attr(feature = "schema", schema(required))]
    why: Option<MoveReasonJson>,
}

impl From<Backordered> for Fact {
    fn from(data: Backordered) -> Self {
        Self::Backordered {
            line: data.line.into(),
            from: data.from,
            why: data.why.map(Into::into),
        }
    }
}

/// A line lost units, or left the backlog.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Deallocated {
    #[serde(flatten)]
    key: KeyJson,
    /// The units it lost, by batch; empty for a line that waited.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    from: Vec<Part>,
    /// Why it lost them.
    #[serde(deserialize_with = "deallocation_reason")]
    #[cfg_attr(feature = "schema", schema(value_type = DeallocationReasonJson))]
    why: DeallocationReason,
    /// The units it still wants; left out: none, but for those that have left the building.
    #[serde(default, deserialize_with = "left")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 1_000_000_000))]
    left: Option<Quantity>,
    /// The day that the units it still has, or that have left, are promised for; left out: there are none.
    #[serde(default, deserialize_with = "optional_text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date, nullable = false))]
    promised_on: Option<Date>,
}

fn deallocation_reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeallocationReason, D::Error> {
    let word = Cow::<'de, str>::deserialize(deserializer)?;
    DeallocationReason::parse(&word).ok_or_else(|| D::Error::custom(format_args!("{word:?} is not a reason")))
}

fn left<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Quantity>, D::Error> {
    quantity(deserializer).map(Some)
}

impl From<Deallocated> for Fact {
    fn from(data: Deallocated) -> Self {
        Self::Deallocated {
            key: data.key.into(),
            from: data.from,
            why: data.why,
            left: data.left,
            promised_on: data.promised_on,
        }
    }
}

/// A line keeps its batches and is promised for another date.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct PromiseChanged {
    #[serde(flatten)]
    key: KeyJson,
    /// The date it was promised for before.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    from: Date,
    /// The date it is promised for now.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    to: Date,
    /// Why.
    why: MoveReasonJson,
}

impl From<PromiseChanged> for Fact {
    fn from(data: PromiseChanged) -> Self {
        Self::PromiseChanged {
            key: data.key.into(),
            from: data.from,
            to: data.to,
            why: data.why.into(),
        }
    }
}

/// A line can't leave by the day it is required by, and was promised to.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct PromiseBroken {
    #[serde(flatten)]
    key: KeyJson,
    /// The day it is required by.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    required_by: Date,
    /// The date it was promised for before.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    from: Date,
    /// The day on which it can leave at the earliest: the date it is promised for now, unless a batch is merely
    /// overdue.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    to: Date,
    /// Why.
    why: MoveReasonJson,
}

impl From<PromiseBroken> for Fact {
    fn from(data: PromiseBroken) -> Self {
        Self::PromiseBroken {
            key: data.key.into(),
            required_by: data.required_by,
            from: data.from,
            to: data.to,
            why: data.why.into(),
        }
    }
}

/// A line of a held order became firm, with all the units it wants now.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Confirmed {
    #[serde(flatten)]
    key: KeyJson,
}

impl From<Confirmed> for Fact {
    fn from(Confirmed { key }: Confirmed) -> Self {
        Self::Confirmed { key: key.into() }
    }
}

/// Units of a line left the building.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct Dispatched {
    #[serde(flatten)]
    key: KeyJson,
    /// The units that left, by the batches they were in.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    from: Vec<Part>,
    /// The units that the line still wants; left out when all have left.
    #[serde(default, deserialize_with = "left")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 1_000_000_000))]
    left: Option<Quantity>,
}

impl From<Dispatched> for Fact {
    fn from(Dispatched { key, from, left }: Dispatched) -> Self {
        let key = key.into();
        Self::Dispatched { key, from, left }
    }
}

/// What had left of a line came back: its units are allocated again.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct DispatchUndone {
    #[serde(flatten)]
    key: KeyJson,
    /// The units, by the batches they are in again.
    #[serde(deserialize_with = "parts")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PartJson>))]
    to: Vec<Part>,
    /// The day that all of its units are promised for.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    promised_on: Date,
}

impl From<DispatchUndone> for Fact {
    fn from(DispatchUndone { key, to, promised_on }: DispatchUndone) -> Self {
        let key = key.into();
        Self::DispatchUndone { key, to, promised_on }
    }
}

/// Which line.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
struct KeyJson {
    /// The order.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "order-7", min_length = 1, max_length = 64))]
    order_id: OrderId,
    /// The line.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "1", min_length = 1, max_length = 64))]
    line_id: LineId,
}

impl From<KeyJson> for LineKey {
    fn from(KeyJson { order_id, line_id }: KeyJson) -> Self {
        Self {
            order: order_id,
            line: line_id,
        }
    }
}

/// The terms of a line.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
struct TermsJson {
    #[serde(flatten)]
    key: KeyJson,
    /// The units it wants.
    #[serde(deserialize_with = "quantity")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 1, maximum = 1_000_000_000))]
    quantity: Quantity,
    /// Whether it may be spread over several batches.
    split: bool,
    /// When it was first placed, by the clock of the instance that placed it.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    placed_at: Timestamp,
    /// Whether it was placed with its order; `false`: later, or alone.
    placed_with_order: bool,
    /// What was first asked for, as a short text that is not for reading: by it the same request is known. Left out for a
    /// line that was placed with its order.
    #[serde(default, deserialize_with = "optional_text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, nullable = false, example = "3 reject"))]
    asked: Option<AskedLine>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    /// Where its units may come from, the preferred location first; left out: from anywhere.
    #[serde(default, deserialize_with = "locations")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    locations: Locations,
    /// The deadline of its order; left out: it is firm.
    #[serde(default, deserialize_with = "optional_text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    hold_until: Option<Timestamp>,
}

impl From<TermsJson> for LineTerms {
    fn from(data: TermsJson) -> Self {
        Self {
            key: data.key.into(),
            quantity: data.quantity,
            split: data.split,
            placed_at: data.placed_at,
            placed_with_order: data.placed_with_order,
            asked: data.asked,
            precedence: data.precedence.precedence(),
            locations: data.locations,
            hold_until: data.hold_until,
        }
    }
}
