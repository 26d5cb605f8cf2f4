//! Reading back what happened. Every value goes through the domain's own constructors, so what breaks one of its rules
//! is refused in the domain's words.

mod batch;
mod line;
mod order;

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use earmark_domain::{
    Count, Fact, LineId, Location, Locations, MoveReason, Part, Precedence, Priority, ProductName, Quantity, Reference,
};
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

/// The order that an `Allocated` event concerns, by its `data` alone.
///
/// # Errors
/// [`WireError`] when it names none.
pub fn allocated_order(data: &str) -> Result<String, WireError> {
    #[derive(serde::Deserialize)]
    struct Concerns {
        order_id: String,
    }
    parse::<Concerns>("Allocated", data).map(|concerns| concerns.order_id)
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
        "BatchCreated" => read::<batch::BatchCreated>(event_type, data),
        "SafetyStockChanged" => read::<SafetyStockChanged>(event_type, data),
        "BatchQuantityChanged" => read::<batch::BatchQuantityChanged>(event_type, data),
        "BatchEtaChanged" => read::<batch::BatchEtaChanged>(event_type, data),
        "BatchReceived" => read::<batch::BatchReceived>(event_type, data),
        "BatchCancelled" => read::<batch::BatchCancelled>(event_type, data),
        "StockDepleted" => bare(event_type, data, Fact::StockDepleted),
        "StockReplenished" => bare(event_type, data, Fact::StockReplenished),
        "Allocated" => read::<line::Allocated>(event_type, data),
        "Deallocated" => read::<line::Deallocated>(event_type, data),
        "Reallocated" => read::<line::Reallocated>(event_type, data),
        "OutOfStock" => read::<line::OutOfStock>(event_type, data),
        "Backordered" => read::<line::Backordered>(event_type, data),
        "PromiseChanged" => read::<line::PromiseChanged>(event_type, data),
        "PromiseBroken" => read::<line::PromiseBroken>(event_type, data),
        "Confirmed" => read::<line::Confirmed>(event_type, data),
        "Dispatched" => read::<line::Dispatched>(event_type, data),
        "DispatchUndone" => read::<line::DispatchUndone>(event_type, data),
        "OrderPlaced" => read::<order::OrderPlaced>(event_type, data),
        "OrderReplaced" => read::<order::OrderReplaced>(event_type, data),
        "HoldPlaced" => read::<order::HoldPlaced>(event_type, data),
        "HoldConfirmed" => bare(event_type, data, Fact::HoldConfirmed),
        "HoldExpired" => read::<order::HoldExpired>(event_type, data),
        "OrderCancelled" => bare(event_type, data, Fact::OrderCancelled),
        unknown => Err(WireError::UnknownType(unknown.to_owned())),
    }
}

fn read<T: DeserializeOwned + Into<Fact>>(event_type: &str, data: &str) -> Result<Fact, WireError> {
    parse::<T>(event_type, data).map(Into::into)
}

fn parse<T: DeserializeOwned>(event_type: &str, data: &str) -> Result<T, WireError> {
    serde_json::from_str(data).map_err(|error| WireError::Malformed {
        event_type: event_type.to_owned(),
        reason: error.to_string(),
    })
}

/// An event without a field of its own: an empty object.
fn bare(event_type: &str, data: &str, fact: Fact) -> Result<Fact, WireError> {
    #[derive(serde::Deserialize)]
    struct Nothing {}
    match serde_json::from_str::<Nothing>(data) {
        Ok(Nothing {}) => Ok(fact),
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
struct SafetyStockChanged {
    #[serde(deserialize_with = "count")]
    from: Count,
    #[serde(deserialize_with = "count")]
    to: Count,
}

impl From<SafetyStockChanged> for Fact {
    fn from(SafetyStockChanged { from, to }: SafetyStockChanged) -> Self {
        Self::SafetyStockChanged { from, to }
    }
}

#[derive(serde::Deserialize)]
enum Why {
    #[serde(rename = "batch_quantity_changed")]
    Counted(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_eta_changed")]
    PutOff(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_received")]
    Received(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_cancelled")]
    Cancelled(#[serde(deserialize_with = "text")] Reference),
}

impl From<Why> for MoveReason {
    fn from(why: Why) -> Self {
        match why {
            Why::Counted(batch) => Self::BatchQuantityChanged(batch),
            Why::PutOff(batch) => Self::BatchEtaChanged(batch),
            Why::Received(batch) => Self::BatchReceived(batch),
            Why::Cancelled(batch) => Self::BatchCancelled(batch),
        }
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

/// The places where a line's units may come from, where they are told.
fn locations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Locations, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct LocationJson(#[serde(deserialize_with = "text")] Location);
    let told = Vec::<LocationJson>::deserialize(deserializer)?;
    let told = told.into_iter().map(|LocationJson(location)| location).collect();
    Locations::new(told).map_err(D::Error::custom)
}

/// The precedence of an order or a line: the usual where nothing is told.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct PrecedenceJson {
    #[serde(deserialize_with = "priority")]
    priority: Priority,
    #[serde(deserialize_with = "optional_text")]
    required_by: Option<Date>,
}

impl PrecedenceJson {
    fn precedence(self) -> Precedence {
        Precedence::of(self.priority, self.required_by)
    }
}

fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Priority, D::Error> {
    Priority::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
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
