//! Facts about batches.

use earmark_domain::{Count, Fact, Location, Quantity, Reference};
use jiff::civil::Date;

use super::values::{count, optional_text, quantity, text};

#[derive(serde::Deserialize)]
pub(super) struct BatchCreated {
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

#[derive(serde::Deserialize)]
pub(super) struct BatchQuantityChanged {
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
pub(super) struct BatchCancelled {
    #[serde(deserialize_with = "text")]
    reference: Reference,
    #[serde(deserialize_with = "count")]
    from: Count,
    #[serde(deserialize_with = "count")]
    to: Count,
}

impl From<BatchCancelled> for Fact {
    fn from(BatchCancelled { reference, from, to }: BatchCancelled) -> Self {
        Self::BatchCancelled { reference, from, to }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct BatchEtaChanged {
    #[serde(deserialize_with = "text")]
    reference: Reference,
    #[serde(deserialize_with = "optional_text")]
    from: Option<Date>,
    #[serde(deserialize_with = "text")]
    to: Date,
}

impl From<BatchEtaChanged> for Fact {
    fn from(BatchEtaChanged { reference, from, to }: BatchEtaChanged) -> Self {
        Self::BatchEtaChanged { reference, from, to }
    }
}

#[derive(serde::Deserialize)]
pub(super) struct BatchReceived {
    #[serde(deserialize_with = "text")]
    reference: Reference,
    #[serde(deserialize_with = "optional_text")]
    eta: Option<Date>,
}

impl From<BatchReceived> for Fact {
    fn from(BatchReceived { reference, eta }: BatchReceived) -> Self {
        Self::BatchReceived { reference, eta }
    }
}
