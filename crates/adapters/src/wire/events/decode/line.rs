//! Facts about lines.

use std::borrow::Cow;

use earmark_domain::{
    DeallocationReason, Fact, LineId, LineKey, LineTerms, Locations, OrderId, Part, Quantity, ShortageOutcome, Units,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error};

use super::values::{MoveReasonJson, PrecedenceJson, locations, optional_text, parts, quantity, text};

#[derive(serde::Deserialize)]
pub(super) struct Allocated {
    #[serde(flatten)]
    line: TermsJson,
    #[serde(deserialize_with = "parts")]
    allocations: Vec<Part>,
    from_backlog: bool,
}

impl From<Allocated> for Fact {
    fn from(data: Allocated) -> Self {
        Self::Allocated {
            line: data.line.into(),
            allocations: data.allocations,
            from_backlog: data.from_backlog,
        }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Reallocated {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "parts")]
    from: Vec<Part>,
    #[serde(deserialize_with = "parts")]
    to: Vec<Part>,
    why: MoveReasonJson,
    #[serde(deserialize_with = "text")]
    promised_from: Date,
    #[serde(deserialize_with = "text")]
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

#[derive(serde::Deserialize)]
pub(super) struct OutOfStock {
    #[serde(flatten)]
    line: TermsJson,
    available: u64,
    kept: ShortageOutcomeJson,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShortageOutcomeJson {
    Nothing,
    Refused,
    Backordered,
}

impl From<OutOfStock> for Fact {
    fn from(data: OutOfStock) -> Self {
        Self::OutOfStock {
            line: data.line.into(),
            available: Units::new(data.available),
            kept: match data.kept {
                ShortageOutcomeJson::Nothing => ShortageOutcome::Nothing,
                ShortageOutcomeJson::Refused => ShortageOutcome::Refused,
                ShortageOutcomeJson::Backordered => ShortageOutcome::Backordered,
            },
        }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Backordered {
    #[serde(flatten)]
    line: TermsJson,
    #[serde(deserialize_with = "parts")]
    from: Vec<Part>,
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

#[derive(serde::Deserialize)]
pub(super) struct Deallocated {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "parts")]
    from: Vec<Part>,
    #[serde(deserialize_with = "deallocation_reason")]
    why: DeallocationReason,
    #[serde(default, deserialize_with = "left")]
    left: Option<Quantity>,
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
        }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct PromiseChanged {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "text")]
    from: Date,
    #[serde(deserialize_with = "text")]
    to: Date,
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

#[derive(serde::Deserialize)]
pub(super) struct PromiseBroken {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "text")]
    required_by: Date,
    #[serde(deserialize_with = "text")]
    from: Date,
    #[serde(deserialize_with = "text")]
    to: Date,
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

#[derive(serde::Deserialize)]
pub(super) struct Confirmed {
    #[serde(flatten)]
    key: KeyJson,
}

impl From<Confirmed> for Fact {
    fn from(Confirmed { key }: Confirmed) -> Self {
        Self::Confirmed { key: key.into() }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Dispatched {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "parts")]
    from: Vec<Part>,
}

impl From<Dispatched> for Fact {
    fn from(Dispatched { key, from }: Dispatched) -> Self {
        let key = key.into();
        Self::Dispatched { key, from }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct DispatchUndone {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "parts")]
    to: Vec<Part>,
}

impl From<DispatchUndone> for Fact {
    fn from(DispatchUndone { key, to }: DispatchUndone) -> Self {
        let key = key.into();
        Self::DispatchUndone { key, to }
    }
}

#[derive(serde::Deserialize)]
struct KeyJson {
    #[serde(deserialize_with = "text")]
    order_id: OrderId,
    #[serde(deserialize_with = "text")]
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

#[derive(serde::Deserialize)]
struct TermsJson {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "quantity")]
    quantity: Quantity,
    split: bool,
    #[serde(deserialize_with = "text")]
    placed_at: Timestamp,
    placed_with_order: bool,
    #[serde(flatten)]
    precedence: PrecedenceJson,
    #[serde(default, deserialize_with = "locations")]
    locations: Locations,
    #[serde(default, deserialize_with = "optional_text")]
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
            precedence: data.precedence.precedence(),
            locations: data.locations,
            hold_until: data.hold_until,
        }
    }
}
