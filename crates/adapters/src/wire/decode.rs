//! Reading back what happened. Every value goes through the domain's own constructors, so what breaks one of its rules
//! is refused in the domain's words.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use earmark_domain::{
    Count, DeallocationReason, Fact, Kept, LineId, LineKey, LineTerms, Location, MoveReason, OrderId, Part,
    ProductName, Quantity, Reference, Units,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};

/// Why a stored or received event can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No event bears this type.
    #[error("there is no event type {0:?}")]
    UnknownType(String),
    /// The data is not what an event of its type says.
    #[error("not the data of an event of type {event_type}: {reason}")]
    Malformed {
        /// The type the data was read as.
        event_type: String,
        /// What is wrong with it, and where.
        reason: String,
    },
}

/// What happened, from an event's type and `data`: the inverse of [`fact_to_json`](super::fact_to_json).
///
/// Fields it does not know are passed over: a later release may tell more.
///
/// # Errors
/// [`WireError`] when the type is unknown, a field is missing, or a value breaks a rule of the domain.
pub fn fact_from_json(event_type: &str, data: &str) -> Result<Fact, WireError> {
    match event_type {
        "ProductNamed" => read::<ProductNamed>(event_type, data),
        "BatchCreated" => read::<BatchCreated>(event_type, data),
        "BatchQuantityChanged" => read::<BatchQuantityChanged>(event_type, data),
        "Allocated" => read::<Allocated>(event_type, data),
        "Deallocated" => read::<Deallocated>(event_type, data),
        "Reallocated" => read::<Reallocated>(event_type, data),
        "OutOfStock" => read::<OutOfStock>(event_type, data),
        "Backordered" => read::<Backordered>(event_type, data),
        "OrderPlaced" => read::<OrderPlaced>(event_type, data),
        "OrderCancelled" => read::<OrderCancelled>(event_type, data),
        unknown => Err(WireError::UnknownType(unknown.to_owned())),
    }
}

fn read<T: DeserializeOwned + Into<Fact>>(event_type: &str, data: &str) -> Result<Fact, WireError> {
    match serde_json::from_str::<T>(data) {
        Ok(told) => Ok(told.into()),
        Err(error) => Err(WireError::Malformed {
            event_type: event_type.to_owned(),
            reason: error.to_string(),
        }),
    }
}

#[derive(serde::Deserialize)]
struct ProductNamed {
    #[serde(deserialize_with = "product_name")]
    name: ProductName,
}

impl From<ProductNamed> for Fact {
    fn from(ProductNamed { name }: ProductNamed) -> Self {
        Self::ProductNamed { name }
    }
}

#[derive(serde::Deserialize)]
struct BatchCreated {
    #[serde(deserialize_with = "text")]
    reference: Reference,
    #[serde(deserialize_with = "text")]
    location: Location,
    ordinal: u32,
    #[serde(deserialize_with = "quantity")]
    quantity: Quantity,
    #[serde(deserialize_with = "optional_text")]
    eta: Option<Date>,
}

impl From<BatchCreated> for Fact {
    fn from(told: BatchCreated) -> Self {
        Self::BatchCreated {
            reference: told.reference,
            location: told.location,
            ordinal: told.ordinal,
            quantity: told.quantity,
            eta: told.eta,
        }
    }
}

#[derive(serde::Deserialize)]
struct BatchQuantityChanged {
    #[serde(deserialize_with = "text")]
    reference: Reference,
    #[serde(deserialize_with = "count")]
    from: Count,
    #[serde(deserialize_with = "count")]
    to: Count,
}

impl From<BatchQuantityChanged> for Fact {
    fn from(BatchQuantityChanged { reference, from, to }: BatchQuantityChanged) -> Self {
        Self::BatchQuantityChanged { reference, from, to }
    }
}

#[derive(serde::Deserialize)]
struct Allocated {
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
struct Deallocated {
    #[serde(flatten)]
    key: KeyJson,
    #[serde(deserialize_with = "parts")]
    from: Vec<Part>,
    why: DeallocationWord,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeallocationWord {
    Cancelled,
}

impl From<Deallocated> for Fact {
    fn from(told: Deallocated) -> Self {
        Self::Deallocated {
            key: told.key.into(),
            from: told.from,
            why: match told.why {
                DeallocationWord::Cancelled => DeallocationReason::Cancelled,
            },
        }
    }
}

#[derive(serde::Deserialize)]
struct Reallocated {
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
struct OutOfStock {
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
                KeptWord::Nothing => Kept::Nothing,
                KeptWord::Refused => Kept::Refused,
                KeptWord::Backordered => Kept::Backordered,
            },
        }
    }
}

#[derive(serde::Deserialize)]
struct Backordered {
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
struct OrderPlaced {
    #[serde(deserialize_with = "line_ids")]
    lines: Vec<LineId>,
}

impl From<OrderPlaced> for Fact {
    fn from(OrderPlaced { lines }: OrderPlaced) -> Self {
        Self::OrderPlaced { lines }
    }
}

/// An object without a field of its own.
#[derive(serde::Deserialize)]
struct OrderCancelled {}

impl From<OrderCancelled> for Fact {
    fn from(OrderCancelled {}: OrderCancelled) -> Self {
        Self::OrderCancelled
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
}

impl From<TermsJson> for LineTerms {
    fn from(told: TermsJson) -> Self {
        Self {
            key: told.key.into(),
            quantity: told.quantity,
            split: told.split,
            placed_at: told.placed_at,
            placed_with_order: told.placed_with_order,
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    BatchQuantityChanged(#[serde(deserialize_with = "text")] Reference),
}

impl From<Why> for MoveReason {
    fn from(Why::BatchQuantityChanged(reference): Why) -> Self {
        Self::BatchQuantityChanged(reference)
    }
}

/// A value spelt as text: names, dates, instants.
fn text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// The same, or `null`. The field must be there: data without it is not whole.
fn optional_text<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Option::<Cow<'de, str>>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

fn product_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProductName, D::Error> {
    ProductName::new(Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
    Quantity::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
    Count::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(serde::Deserialize)]
    struct PartJson {
        #[serde(deserialize_with = "text")]
        batch: Reference,
        #[serde(deserialize_with = "quantity")]
        quantity: Quantity,
    }
    let told = Vec::<PartJson>::deserialize(deserializer)?;
    Ok(told
        .into_iter()
        .map(|PartJson { batch, quantity }| Part { batch, quantity })
        .collect())
}

fn line_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LineId>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct LineIdJson(#[serde(deserialize_with = "text")] LineId);
    let told = Vec::<LineIdJson>::deserialize(deserializer)?;
    Ok(told.into_iter().map(|LineIdJson(line)| line).collect())
}
