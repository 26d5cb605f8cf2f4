//! Ports: what the application needs of the world outside, one trait a role. Adapters implement them; the binary wires
//! them in, and gives each driving adapter the ports it needs and no other.

mod access;
mod clock;
mod delivery;
mod health;
mod idempotency;
mod ids;
mod messages;
mod meter;
mod reading;
mod store;

pub use access::{
    ACCESS_LOG_DAYS, ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_REFUSALS, AccessLog, IdentityProvider, Keys, LoggedEntry,
    MAX_KEYS, Sessions, SignInAttempt, SignInError, TokenHolder,
};
pub use clock::Clock;
pub use delivery::{
    DeadLetter, DeadLetterAction, DeliveryLimits, EventMessage, Failing, LastPublished, LeaseClaim, LeaseHolder,
    LetterState, MAX_DEAD_LETTERS, Mail, MailError, Mailer, Progress, PublishError, Publisher, Retried, RetryPolicy,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
pub use health::Health;
pub use idempotency::{
    Fingerprint, IdempotencyKey, IdempotencyKeyError, IdempotencyStore, KEY_LIFETIME_SECONDS, LEASE_SECONDS,
    LeaseOutcome, LeaseRequest, LeaseToken, MAX_IDEMPOTENCY_KEY_CHARS, PURGE_BATCH,
};
pub use ids::Ids;
pub use messages::{
    BODY_BEGINNING_BYTES, Body, CommandSource, DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided,
    DeliveryId, INBOX_LIFETIME, INBOX_PURGE_BATCH, Inbox, MAX_DEAD_BODY_BYTES, MAX_DEAD_MESSAGES,
    MAX_DEAD_REASON_CHARS, Message, MessageFormat, MessagesForgotten, RECEIVED_BYTES, REPLAYED_BYTES, Reply,
    SHOWN_DEAD_BODY_BYTES, SourceError, SourceName, SourceStatus,
};
pub use meter::{ConsumerMeter, DeliveryMeter, JobMeter, Meter, NoMeter};
pub use reading::{
    Audit, BatchSelection, Counted, DueList, DueOrder, DuePlace, EncodedEvent, EndingHolds, EtaPlace, EventFeed,
    EventFilter, EventPage, Exports, LineFilter, MAX_LIST_ROWS, OrderSelection, Outlook, Page, PlacedBetween,
    PlacedPlace, Views, Worklist,
};
pub use store::{InFlight, InFlightSender, Store};
