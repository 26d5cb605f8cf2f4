//! Ports: what the application needs of the world outside, one trait a role. Adapters implement them; the binary wires
//! them in, and gives each driving adapter the ports it needs and no other.

mod audit;
mod clock;
mod event_feed;
mod exports;
mod health;
mod idempotency;
mod ids;
mod meter;
mod publisher;
mod store;
mod subscriptions;
mod views;
mod worklist;

pub use audit::Audit;
pub use clock::Clock;
pub use event_feed::{EncodedEvent, EventFeed, EventFilter, EventPage};
pub use exports::{Exports, LineFilter};
pub use health::Health;
pub use idempotency::{
    Fingerprint, IdempotencyKey, IdempotencyKeyError, IdempotencyStore, KEY_LIFETIME_SECONDS, LEASE_SECONDS,
    LeaseOutcome, LeaseRequest, LeaseToken, MAX_IDEMPOTENCY_KEY_CHARS, PURGE_BATCH,
};
pub use ids::Ids;
pub use meter::{DeliveryMeter, Meter, NoMeter};
pub use publisher::{DeliveryLimits, EventMessage, LastPublished, PublishError, Publisher, RetryPolicy};
pub use store::{InFlight, InFlightSender, Store};
pub use subscriptions::{
    DeadLetter, DeadLetterAction, Failing, LeaseClaim, LeaseHolder, LetterState, MAX_DEAD_LETTERS, Progress,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
pub use views::{BatchSelection, MAX_LIST_ROWS, OrderSelection, Page, Views};
pub use worklist::{DueOrder, Worklist};
