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

/// Every type of event, with what its `data` is read as: a type that is missing here can't be read back.
macro_rules! event_types {
    ($($event_type:literal => $data:ty,)+) => {
        /// The fact that an event states, from its type and `data`: the inverse of
        /// [`fact_to_json`](super::fact_to_json).
        ///
        /// Unknown fields are ignored, since a later release may write more.
        ///
        /// # Errors
        /// [`WireError`] when the type is unknown, a field is missing, or a value breaks a rule of the domain.
        pub fn fact_from_json(event_type: &str, data: &str) -> Result<Fact, WireError> {
            match event_type {
                $($event_type => read::<$data>(event_type, data),)+
                unknown => Err(WireError::UnknownType(unknown.to_owned())),
            }
        }

        /// The schema of each type's `data`, with those it refers to.
        #[cfg(feature = "schema")]
        #[must_use]
        pub fn data_schemas() -> Vec<super::schema::DataSchema> {
            vec![$(super::schema::DataSchema::of::<$data>($event_type)),+]
        }
    };
}

event_types! {
    "ProductNamed" => product::ProductNamed,
    "SafetyStockChanged" => product::SafetyStockChanged,
    "BatchCreated" => batch::BatchCreated,
    "BatchQuantityChanged" => batch::BatchQuantityChanged,
    "BatchEtaChanged" => batch::BatchEtaChanged,
    "BatchReceived" => batch::BatchReceived,
    "BatchReceiptUndone" => batch::BatchReceiptUndone,
    "BatchOverdue" => batch::BatchOverdue,
    "BatchCancelled" => batch::BatchCancelled,
    "StockDepleted" => product::StockDepleted,
    "StockReplenished" => product::StockReplenished,
    "Allocated" => line::Allocated,
    "Deallocated" => line::Deallocated,
    "Reallocated" => line::Reallocated,
    "OutOfStock" => line::OutOfStock,
    "Backordered" => line::Backordered,
    "PromiseChanged" => line::PromiseChanged,
    "PromiseBroken" => line::PromiseBroken,
    "Confirmed" => line::Confirmed,
    "LineChanged" => line::LineChanged,
    "Dispatched" => line::Dispatched,
    "DispatchUndone" => line::DispatchUndone,
    "OrderPlaced" => order::OrderPlaced,
    "OrderReplaced" => order::OrderReplaced,
    "OrderChanged" => order::OrderChanged,
    "HoldPlaced" => order::HoldPlaced,
    "HoldConfirmed" => order::HoldConfirmed,
    "HoldExpired" => order::HoldExpired,
    "OrderCancelled" => order::OrderCancelled,
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
