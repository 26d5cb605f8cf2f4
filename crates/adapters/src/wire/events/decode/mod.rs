//! Reading an event's `data` back. Every value passes the domain's own constructors, so data that breaks a rule is
//! refused with the domain's message.

mod batch;
mod line;
mod order;
mod product;
mod values;

use earmark_domain::Fact;
use serde::de::DeserializeOwned;

use super::error::WireError;

/// The order that an `Allocated` event concerns, from its `data` alone.
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

/// The fact that an event states, from its type and `data`: the inverse of [`fact_to_json`](super::fact_to_json).
///
/// Unknown fields are ignored, since a later release may write more.
///
/// # Errors
/// [`WireError`] when the type is unknown, a field is missing, or a value breaks a rule of the domain.
pub fn fact_from_json(event_type: &str, data: &str) -> Result<Fact, WireError> {
    match event_type {
        "ProductNamed" => read::<product::ProductNamed>(event_type, data),
        "BatchCreated" => read::<batch::BatchCreated>(event_type, data),
        "SafetyStockChanged" => read::<product::SafetyStockChanged>(event_type, data),
        "BatchQuantityChanged" => read::<batch::BatchQuantityChanged>(event_type, data),
        "BatchEtaChanged" => read::<batch::BatchEtaChanged>(event_type, data),
        "BatchReceived" => read::<batch::BatchReceived>(event_type, data),
        "BatchCancelled" => read::<batch::BatchCancelled>(event_type, data),
        "StockDepleted" => without_fields(event_type, data, Fact::StockDepleted),
        "StockReplenished" => without_fields(event_type, data, Fact::StockReplenished),
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
        "HoldConfirmed" => without_fields(event_type, data, Fact::HoldConfirmed),
        "HoldExpired" => read::<order::HoldExpired>(event_type, data),
        "OrderCancelled" => without_fields(event_type, data, Fact::OrderCancelled),
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

/// An event without fields of its own: an empty object.
fn without_fields(event_type: &str, data: &str, fact: Fact) -> Result<Fact, WireError> {
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
