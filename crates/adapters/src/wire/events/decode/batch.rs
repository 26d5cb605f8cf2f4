//! Facts about batches.

use earmark_domain::{Count, Fact, Location, Quantity, Receipt, Reference};
use jiff::civil::Date;

use super::values::{count, optional_text, quantity, text};

/// A batch was created: stock was bought, or the rest of a delivery became a batch of its own.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchCreated {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// Where it lies or will lie.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "main", min_length = 1, max_length = 64))]
    location: Location,
    /// Its number among the batches of the product, in the order of creation.
    #[cfg_attr(feature = "schema", schema(example = 1))]
    ordinal: u32,
    /// Its quantity, in units.
    #[serde(deserialize_with = "quantity")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 1, maximum = 1_000_000_000))]
    quantity: Quantity,
    /// When it arrives; null: it is in the warehouse.
    #[serde(deserialize_with = "optional_text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Date, required))]
    eta: Option<Date>,
}

impl From<BatchCreated> for Fact {
    fn from(data: BatchCreated) -> Self {
        Self::BatchCreated {
            reference: data.reference,
            location: data.location,
            ordinal: data.ordinal,
            quantity: data.quantity,
            eta: data.eta,
        }
    }
}

/// A batch was counted, and has another quantity.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchQuantityChanged {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// Its quantity before, in units.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    from: Count,
    /// Its quantity now, in units.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    to: Count,
}

impl From<BatchQuantityChanged> for Fact {
    fn from(BatchQuantityChanged { reference, from, to }: BatchQuantityChanged) -> Self {
        Self::BatchQuantityChanged { reference, from, to }
    }
}

/// A batch was cancelled: what of it has not left the building is no longer stock.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchCancelled {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// Its quantity before, in units.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    from: Count,
    /// Its quantity now, in units: what had left the building.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    to: Count,
}

impl From<BatchCancelled> for Fact {
    fn from(BatchCancelled { reference, from, to }: BatchCancelled) -> Self {
        Self::BatchCancelled { reference, from, to }
    }
}

/// An inbound batch arrives on another day.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchEtaChanged {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// When it was to arrive.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    from: Date,
    /// When it arrives.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    to: Date,
}

impl From<BatchEtaChanged> for Fact {
    fn from(BatchEtaChanged { reference, from, to }: BatchEtaChanged) -> Self {
        Self::BatchEtaChanged { reference, from, to }
    }
}

/// A batch has arrived: it is in the warehouse.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchReceived {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// When it was to arrive.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    eta: Date,
    /// The units that were expected in it: of a delivery in parts those that arrived, as the rest is a batch of its own.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    expected: Count,
    /// The units that arrived.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(feature = "schema", schema(value_type = u32, minimum = 0, maximum = 1_000_000_000))]
    counted: Count,
}

impl From<BatchReceived> for Fact {
    fn from(data: BatchReceived) -> Self {
        Self::BatchReceived {
            reference: data.reference,
            receipt: Receipt {
                eta: data.eta,
                expected: data.expected,
                counted: data.counted,
            },
        }
    }
}

/// A batch has not arrived after all: its receipt was undone.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchReceiptUndone {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// When it arrives.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    eta: Date,
}

impl From<BatchReceiptUndone> for Fact {
    fn from(BatchReceiptUndone { reference, eta }: BatchReceiptUndone) -> Self {
        Self::BatchReceiptUndone { reference, eta }
    }
}

/// A batch has not arrived: its ETA has passed.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(super) struct BatchOverdue {
    /// The reference of the batch.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "PO-1042", min_length = 1, max_length = 64))]
    reference: Reference,
    /// When it was to arrive.
    #[serde(deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date))]
    eta: Date,
}

impl From<BatchOverdue> for Fact {
    fn from(BatchOverdue { reference, eta }: BatchOverdue) -> Self {
        Self::BatchOverdue { reference, eta }
    }
}
