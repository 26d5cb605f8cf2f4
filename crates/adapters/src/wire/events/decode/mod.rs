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

/// Every type of event, with what it is about and what its `data` is read as: a type that is missing here can't be read
/// back.
macro_rules! event_types {
    ($($event_type:literal, about $about:ident => $data:ty,)+) => {
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
            use super::schema::{About, DataSchema};
            vec![$(DataSchema::of::<$data>($event_type, About::$about)),+]
        }
    };
}

event_types! {
    "ProductNamed", about Product => product::ProductNamed,
    "SafetyStockChanged", about Product => product::SafetyStockChanged,
    "BatchCreated", about Product => batch::BatchCreated,
    "BatchQuantityChanged", about Product => batch::BatchQuantityChanged,
    "BatchEtaChanged", about Product => batch::BatchEtaChanged,
    "BatchReceived", about Product => batch::BatchReceived,
    "BatchReceiptUndone", about Product => batch::BatchReceiptUndone,
    "BatchOverdue", about Product => batch::BatchOverdue,
    "BatchCancelled", about Product => batch::BatchCancelled,
    "StockDepleted", about Product => product::StockDepleted,
    "StockReplenished", about Product => product::StockReplenished,
    "Allocated", about Line => line::Allocated,
    "Deallocated", about Line => line::Deallocated,
    "Reallocated", about Line => line::Reallocated,
    "OutOfStock", about Line => line::OutOfStock,
    "Backordered", about Line => line::Backordered,
    "PromiseChanged", about Line => line::PromiseChanged,
    "PromiseBroken", about Line => line::PromiseBroken,
    "Confirmed", about Line => line::Confirmed,
    "LineChanged", about Line => line::LineChanged,
    "Dispatched", about Line => line::Dispatched,
    "DispatchUndone", about Line => line::DispatchUndone,
    "OrderPlaced", about Order => order::OrderPlaced,
    "OrderReplaced", about Order => order::OrderReplaced,
    "OrderChanged", about Order => order::OrderChanged,
    "HoldPlaced", about Order => order::HoldPlaced,
    "HoldConfirmed", about Order => order::HoldConfirmed,
    "HoldExpired", about Order => order::HoldExpired,
    "OrderCancelled", about Order => order::OrderCancelled,
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
