//! Facts about whole orders.

use earmark_domain::{Fact, LineId};
use jiff::Timestamp;

use super::values::{PrecedenceJson, line_ids, text};

#[derive(serde::Deserialize)]
pub(super) struct OrderPlaced {
    #[serde(deserialize_with = "line_ids")]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
}

impl From<OrderPlaced> for Fact {
    fn from(OrderPlaced { lines, precedence }: OrderPlaced) -> Self {
        let precedence = precedence.precedence();
        Self::OrderPlaced { lines, precedence }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct OrderReplaced {
    #[serde(deserialize_with = "line_ids")]
    lines: Vec<LineId>,
    #[serde(flatten)]
    precedence: PrecedenceJson,
}

impl From<OrderReplaced> for Fact {
    fn from(OrderReplaced { lines, precedence }: OrderReplaced) -> Self {
        let precedence = precedence.precedence();
        Self::OrderReplaced { lines, precedence }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct HoldPlaced {
    #[serde(deserialize_with = "text")]
    until: Timestamp,
}

impl From<HoldPlaced> for Fact {
    fn from(HoldPlaced { until }: HoldPlaced) -> Self {
        Self::HoldPlaced { until }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct HoldExpired {
    #[serde(deserialize_with = "text")]
    deadline: Timestamp,
}

impl From<HoldExpired> for Fact {
    fn from(HoldExpired { deadline }: HoldExpired) -> Self {
        Self::HoldExpired { deadline }
    }
}
