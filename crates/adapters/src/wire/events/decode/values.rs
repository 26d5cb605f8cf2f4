//! Values of the domain, each read through its constructor.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use earmark_domain::{
    Count, LineId, Location, Locations, MoveReason, Part, Precedence, Priority, ProductName, Quantity, Reference,
};
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error};

/// The reason of a move, with the batch that caused it.
#[derive(serde::Deserialize)]
pub(super) enum MoveReasonJson {
    #[serde(rename = "batch_quantity_changed")]
    Counted(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_eta_changed")]
    PutOff(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_received")]
    Received(#[serde(deserialize_with = "text")] Reference),
    #[serde(rename = "batch_cancelled")]
    Cancelled(#[serde(deserialize_with = "text")] Reference),
}

impl From<MoveReasonJson> for MoveReason {
    fn from(reason: MoveReasonJson) -> Self {
        match reason {
            MoveReasonJson::Counted(batch) => Self::BatchQuantityChanged(batch),
            MoveReasonJson::PutOff(batch) => Self::BatchEtaChanged(batch),
            MoveReasonJson::Received(batch) => Self::BatchReceived(batch),
            MoveReasonJson::Cancelled(batch) => Self::BatchCancelled(batch),
        }
    }
}

/// A value written as text: a name, a date, an instant.
pub(super) fn text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<'de, str>::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// The same, or `null`. The field must be present.
pub(super) fn optional_text<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Option::<Cow<'de, str>>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

/// The locations that a line's units may come from.
pub(super) fn locations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Locations, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct LocationJson(#[serde(deserialize_with = "text")] Location);
    let list = Vec::<LocationJson>::deserialize(deserializer)?;
    let list = list.into_iter().map(|LocationJson(location)| location).collect();
    Locations::new(list).map_err(D::Error::custom)
}

/// The precedence of an order or a line: the default where it is left out.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct PrecedenceJson {
    #[serde(deserialize_with = "priority")]
    priority: Priority,
    #[serde(deserialize_with = "optional_text")]
    required_by: Option<Date>,
}

impl PrecedenceJson {
    pub(super) fn precedence(self) -> Precedence {
        Precedence::of(self.priority, self.required_by)
    }
}

pub(super) fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Priority, D::Error> {
    Priority::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn product_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProductName, D::Error> {
    ProductName::new(Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
    Quantity::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
    Count::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub(super) fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(serde::Deserialize)]
    struct PartJson {
        #[serde(deserialize_with = "text")]
        batch: Reference,
        #[serde(deserialize_with = "quantity")]
        quantity: Quantity,
    }
    let list = Vec::<PartJson>::deserialize(deserializer)?;
    Ok(list
        .into_iter()
        .map(|PartJson { batch, quantity }| Part { batch, quantity })
        .collect())
}

pub(super) fn line_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LineId>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct LineIdJson(#[serde(deserialize_with = "text")] LineId);
    let list = Vec::<LineIdJson>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|LineIdJson(line)| line).collect())
}
