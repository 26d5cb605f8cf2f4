//! Facts about whole orders.

use earmark_domain::{AskedOrder, Fact, LineId};
use jiff::Timestamp;

use super::values::{PrecedenceJson, line_ids, text};

/// An order was placed.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderPlaced {
    /// The lines that it has.
    #[serde(deserialize_with = "line_ids")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    /// What was asked for, as a short text: by it the same request is known.
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

/// A held order got other lines or terms.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderReplaced {
    /// The lines that it has.
    #[serde(deserialize_with = "line_ids")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    /// What was asked for, as a short text: by it the same request is known.
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

/// An order is held.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct HoldPlaced {
    /// The deadline.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    until: Timestamp,
}

impl From<HoldPlaced> for Fact {
    fn from(HoldPlaced { until }: HoldPlaced) -> Self {
        Self::HoldPlaced { until }
    }
}

/// The hold of an order was not confirmed in time.
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

/// A held order is firm: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct HoldConfirmed {}

impl From<HoldConfirmed> for Fact {
    fn from(HoldConfirmed {}: HoldConfirmed) -> Self {
        Self::HoldConfirmed
    }
}

/// An order was cancelled: an event without fields of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct OrderCancelled {}

impl From<OrderCancelled> for Fact {
    fn from(OrderCancelled {}: OrderCancelled) -> Self {
        Self::OrderCancelled
    }
}
