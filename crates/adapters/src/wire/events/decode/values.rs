//! Values of the domain, each read through its constructor.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use earmark_domain::{
    Count, LineId, Location, Locations, MoveReason, Part, Precedence, Priority, ProductName, Quantity, Reference,
};
use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error};

/// Why a line moved, or had to wait again: one member, with the batch that caused it; or a word, where none did.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MoveReason))]
pub(super) enum MoveReasonJson {
    /// The batch was counted and has fewer units.
    #[serde(rename = "batch_quantity_changed")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    Counted(#[serde(deserialize_with = "text")] Reference),
    /// The batch arrives on another day.
    #[serde(rename = "batch_eta_changed")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    PutOff(#[serde(deserialize_with = "text")] Reference),
    /// The batch has arrived.
    #[serde(rename = "batch_received")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    Received(#[serde(deserialize_with = "text")] Reference),
    /// The receipt of the batch was undone.
    #[serde(rename = "batch_receipt_undone")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    ReceiptUndone(#[serde(deserialize_with = "text")] Reference),
    /// The batch was cancelled.
    #[serde(rename = "batch_cancelled")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    Cancelled(#[serde(deserialize_with = "text")] Reference),
    /// The batch has not arrived on its day.
    #[serde(rename = "batch_overdue")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    Overdue(#[serde(deserialize_with = "text")] Reference),
    /// Better stock is available.
    #[serde(rename = "improved")]
    Improved,
    /// The terms of the order changed.
    #[serde(rename = "order_changed")]
    OrderChanged,
}

impl From<MoveReasonJson> for MoveReason {
    fn from(reason: MoveReasonJson) -> Self {
        match reason {
            MoveReasonJson::Counted(batch) => Self::BatchQuantityChanged(batch),
            MoveReasonJson::PutOff(batch) => Self::BatchEtaChanged(batch),
            MoveReasonJson::Received(batch) => Self::BatchReceived(batch),
            MoveReasonJson::ReceiptUndone(batch) => Self::BatchReceiptUndone(batch),
            MoveReasonJson::Cancelled(batch) => Self::BatchCancelled(batch),
            MoveReasonJson::Overdue(batch) => Self::BatchOverdue(batch),
            MoveReasonJson::Improved => Self::Improved,
            MoveReasonJson::OrderChanged => Self::OrderChanged,
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
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct PrecedenceJson {
    /// The priority of the order: the higher is served first; left out: 0.
    #[serde(default, deserialize_with = "priority")]
    #[cfg_attr(feature = "schema", schema(value_type = i32, minimum = -1_000_000, maximum = 1_000_000))]
    priority: Priority,
    /// The day it is required by; null or left out: none was given.
    #[serde(default, deserialize_with = "optional_text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date))]
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

/// Units of a line, allocated in one batch.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Allocation))]
pub(super) struct PartJson {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    batch: Reference,
    /// Units of it.
    #[serde(deserialize_with = "quantity")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, example = 3, minimum = 1, maximum = 1_000_000_000))]
    quantity: Quantity,
}

pub(super) fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
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
