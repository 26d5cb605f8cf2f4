//! What happened to lines.

use std::borrow::Cow;

use earmark_domain::{
    DeallocationReason, Fact, LineId, LineKey, LineTerms, Locations, OrderId, Part, Quantity, ShortageOutcome, Units,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error};

use super::{PrecedenceJson, Why, locations, optional_text, parts, quantity, text};

#[derive(serde::Deserialize)]
pub(super) struct Allocated {
    #[serde(flatten)]
    line: TermsJson,
    #[serde(deserialize_with = "parts")]
    allocations: Vec<Part>,
    from_backlog: bool,
}

impl From<Allocated> for Fact {
    fn from(told: Allocated) -> Self {
        Self::Allocated {
            line: told.line.into(),
            allocations: told.allocations,
            from_backlog: told.from_backlog,
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
    why: Why,
    #[serde(deserialize_with = "text")]
    promised_from: Date,
    #[serde(deserialize_with = "text")]
    promised_to: Date,
}

impl From<Reallocated> for Fact {
    fn from(told: Reallocated) -> Self {
        Self::Reallocated {
            key: told.key.into(),
            from: told.from,
            to: told.to,
            why: told.why.into(),
            promised_from: told.promised_from,
            promised_to: told.promised_to,
        }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct OutOfStock {
    #[serde(flatten)]
    line: TermsJson,
    available: u64,
    kept: KeptWord,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptWord {
    Nothing,
    Refused,
    Backordered,
}

impl From<OutOfStock> for Fact {
    fn from(told: OutOfStock) -> Self {
        Self::OutOfStock {
            line: told.line.into(),
            available: Units::new(told.available),
            kept: match told.kept {
                KeptWord::Nothing => ShortageOutcome::Nothing,
                KeptWord::Refused => ShortageOutcome::Refused,
                KeptWord::Backordered => ShortageOutcome::Backordered,
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
    why: Option<Why>,
}

impl From<Backordered> for Fact {
    fn from(told: Backordered) -> Self {
        Self::Backordered {
            line: told.line.into(),
            from: told.from,
            why: told.why.map(Into::into),
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
    DeallocationReason::parse(&word).ok_or_else(|| D::Error::custom(format_args!("{word:?} is no reason")))
}

fn left<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Quantity>, D::Error> {
    quantity(deserializer).map(Some)
}

impl From<Deallocated> for Fact {
    fn from(told: Deallocated) -> Self {
        Self::Deallocated {
            key: told.key.into(),
            from: told.from,
            why: told.why,
            left: told.left,
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
    why: Why,
}

impl From<PromiseChanged> for Fact {
    fn from(told: PromiseChanged) -> Self {
        Self::PromiseChanged {
            key: told.key.into(),
            from: told.from,
            to: told.to,
            why: told.why.into(),
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
    why: Why,
}

impl From<PromiseBroken> for Fact {
    fn from(told: PromiseBroken) -> Self {
        Self::PromiseBroken {
            key: told.key.into(),
            required_by: told.required_by,
            from: told.from,
            to: told.to,
            why: told.why.into(),
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
    fn from(told: TermsJson) -> Self {
        Self {
            key: told.key.into(),
            quantity: told.quantity,
            split: told.split,
            placed_at: told.placed_at,
            placed_with_order: told.placed_with_order,
            precedence: told.precedence.precedence(),
            locations: told.locations,
            hold_until: told.hold_until,
        }
    }
}
