//! Ports: what the application needs of the world outside, one trait a role. Adapters implement them; the binary wires
//! them in, and gives each driving adapter the ports it needs and no other.

mod access_log;
mod audit;
mod clock;
mod command_source;
mod event_feed;
mod exports;
mod health;
mod idempotency;
mod ids;
mod inbox;
mod keys;
mod mailer;
mod meter;
mod publisher;
mod store;
mod subscriptions;
mod views;
mod worklist;

pub use access_log::{ACCESS_LOG_DAYS, ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_REFUSALS, AccessLog, LoggedEntry};
pub use audit::Audit;
pub use clock::Clock;
pub use command_source::{
    BODY_BEGINNING_BYTES, Body, CommandSource, DeliveryId, Message, MessageFormat, RECEIVED_BYTES, Reply, SourceError,
};
pub use event_feed::{EncodedEvent, EventFeed, EventFilter, EventPage};
pub use exports::{Exports, LineFilter};
pub use health::Health;
pub use idempotency::{
    Fingerprint, IdempotencyKey, IdempotencyKeyError, IdempotencyStore, KEY_LIFETIME_SECONDS, LEASE_SECONDS,
    LeaseOutcome, LeaseRequest, LeaseToken, MAX_IDEMPOTENCY_KEY_CHARS, PURGE_BATCH,
};
pub use ids::Ids;
pub use inbox::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_LIFETIME, INBOX_PURGE_BATCH, Inbox,
    MAX_DEAD_BODY_BYTES, MAX_DEAD_MESSAGES, MAX_DEAD_REASON_CHARS, MessagesForgotten, REPLAYED_BYTES,
    SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus,
};
pub use keys::{Keys, MAX_KEYS};
pub use mailer::{Mail, MailError, Mailer};
pub use meter::{ConsumerMeter, DeliveryMeter, JobMeter, Meter, NoMeter};
pub use publisher::{DeliveryLimits, EventMessage, LastPublished, PublishError, Publisher, RetryPolicy};
pub use store::{InFlight, InFlightSender, Store};
pub use subscriptions::{
    DeadLetter, DeadLetterAction, Failing, LeaseClaim, LeaseHolder, LetterState, MAX_DEAD_LETTERS, Progress,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
pub use views::{BatchSelection, MAX_LIST_ROWS, OrderSelection, Page, Views};
pub use worklist::{DueOrder, Worklist};
