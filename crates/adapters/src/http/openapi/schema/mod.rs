//! The bodies of requests as a client writes them, and the answers that are no views.
//!
//! The OpenAPI document is made from these types, and a client can serialise them. The service itself reads requests
//! field by field, so that it reports every fault; a test checks the document against the readers.

mod batches;
mod book;
mod bulk;
mod bulk_commands;
mod health;
mod keys;
mod nothing;
mod orders;
mod problem;
mod products;
mod sources;
mod subscriptions;

pub use batches::{ChangeBatch, CreateBatch, ExpectedRest, Receipt, Rest, RestWord};
pub use book::{AddBatch, AllocateLine, BookAllocation, BookError};
pub use bulk::{BulkAnswer, BulkBody, BulkCommand};
pub use bulk_commands::{
    BatchNamed, ChangeBatchOf, ChangeLineOf, ChangeOrderOf, ConfirmationOf, LineNamed, LinesNamedOf, OrderContentOf,
    OrderNamed, ProductNamed, PutProductOf, ReceiptOf,
};
pub use health::{Health, HealthStatus};
pub use keys::{KeyRotation, NewKey};
pub use nothing::NoFields;
pub use orders::{
    Allocate, ChangeLine, ChangeOrder, Confirmation, ConfirmedLine, Dispatch, DispatchedLine, LineOf, LinesNamed,
    OnOrderShortage, OnShortage, OrderContent, OrderLine, PlaceOrder, Quote,
};
pub use problem::Problem;
pub use products::PutProduct;
pub use sources::DeadMessages;
pub use subscriptions::{ChangeSubscription, DeadLetters};
