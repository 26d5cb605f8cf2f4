//! Facts about whole orders.

use earmark_domain::{AskedOrder, Fact, LineId, Locations, Priority, TermsChange};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::Deserializer;

use super::values::{PrecedenceJson, line_ids, locations, optional_text, priority, text};

/// An order was placed, with all of its lines at once.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderPlaced {
    /// The ids of its lines, in the order given.
    #[serde(deserialize_with = "line_ids")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    /// What was asked for, as a short text that is not for reading: by it the same request is known.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    asked: AskedOrder,
}

impl From<OrderPlaced> for Fact {
    fn from(data: OrderPlaced) -> Self {
        Self::OrderPlaced {
            lines: data.lines,
            precedence: data.precedence.precedence(),
            asked: data.asked,
        }
    }
}

/// A held order was placed again, with other lines or terms.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderReplaced {
    /// The ids of its lines, in the order given.
    #[serde(deserialize_with = "line_ids")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    /// What was asked for, as a short text that is not for reading: by it the same request is known.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    asked: AskedOrder,
}

impl From<OrderReplaced> for Fact {
    fn from(data: OrderReplaced) -> Self {
        Self::OrderReplaced {
            lines: data.lines,
            precedence: data.precedence.precedence(),
            asked: data.asked,
        }
    }
}

/// The terms of an order changed: those that are left out are as before. `LineChanged` says which of its lines have them.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderChanged {
    /// Its priority.
    #[serde(default, deserialize_with = "given_priority")]
    #[cfg_attr(
        feature = "schema",
        schema(value_type = i32, minimum = -1_000_000, maximum = 1_000_000, required = false)
    )]
    priority: Option<Priority>,
    /// The day it is required by; null: any day will do.
    #[serde(default, deserialize_with = "given_day")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date))]
    required_by: Option<Option<Date>>,
    /// Where the units of its open lines may come from; none: from anywhere.
    #[serde(default, deserialize_with = "given_locations")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>, required = false))]
    locations: Option<Locations>,
}

fn given_priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Priority>, D::Error> {
    priority(deserializer).map(Some)
}

fn given_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Date>>, D::Error> {
    optional_text(deserializer).map(Some)
}

fn given_locations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Locations>, D::Error> {
    locations(deserializer).map(Some)
}

impl From<OrderChanged> for Fact {
    fn from(changed: OrderChanged) -> Self {
        Self::OrderChanged {
            change: TermsChange {
                priority: changed.priority,
                required_by: changed.required_by,
                locations: changed.locations,
            },
        }
    }
}

/// An order is held until a deadline.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct HoldPlaced {
    /// The deadline: from then on the order does not count, unless it is confirmed before.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    until: Timestamp,
}

impl From<HoldPlaced> for Fact {
    fn from(HoldPlaced { until }: HoldPlaced) -> Self {
        Self::HoldPlaced { until }
    }
}

/// A held order was not confirmed before its deadline.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct HoldExpired {
    /// The deadline that has passed.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    deadline: Timestamp,
}

impl From<HoldExpired> for Fact {
    fn from(HoldExpired { deadline }: HoldExpired) -> Self {
        Self::HoldExpired { deadline }
    }
}

/// A held order was confirmed, and is firm: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct HoldConfirmed {}

impl From<HoldConfirmed> for Fact {
    fn from(HoldConfirmed {}: HoldConfirmed) -> Self {
        Self::HoldConfirmed
    }
}

/// The last open line of an order was cancelled: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderCancelled {}

impl From<OrderCancelled> for Fact {
    fn from(OrderCancelled {}: OrderCancelled) -> Self {
        Self::OrderCancelled
    }
}
