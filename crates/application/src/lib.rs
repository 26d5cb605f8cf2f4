//! Earmark's application layer: the use cases, the ports they need, and the engine that runs commands.
//!
//! Nothing here knows HTTP, SQL or JSON, and nothing here starts a thread or a timer: the binary hands in the adapters
//! and runs the futures. Commands go through the [`Engine`]; questions go through the read ports ([`Views`],
//! [`EventFeed`], [`Exports`]) and never touch an aggregate.

mod access;
mod access_recorder;
mod answer;
mod background;
mod backoff;
mod books;
mod bounded;
mod consumer;
mod decision;
mod delivery;
mod digest;
mod engine;
mod envelope;
mod key_ring;
mod lists;
mod outlook;
mod ports;
mod read_models;
mod signed_in;
mod store_error;
mod verify;

pub use access::{
    AccessDecision, AccessEntry, AccessKey, AccessToken, Action, BoundedAdministrator, Bounds, Caller, Denied, EntryId,
    Forbidden, KeyHash, KeyName, KeyNameError, MAX_KEY_NAME_CHARS, MAX_PREFIXES, MAX_SESSIONS_OF_A_HOLDER, OutOfBounds,
    Person, PersonName, PersonNameError, Prefix, Prefixes, Principal, Role, Roles, SESSION_LIFETIME, Session,
    SessionHash, SessionHolder, TooManyPrefixes, UnknownDecision, UnknownRole, may,
};
pub use access_recorder::{AccessRecorder, MAX_OPEN_ENTRIES, MAX_OPEN_OF_STRANGERS};
pub use answer::{Answer, CommandError};
pub use background::{ProductJob, ProductWork, forget_old_access_entries, forget_old_messages, purge_expired_keys};
pub use books::{Books, BooksId, CursorGone, Epoch, EventId, IdentityError, LogPosition};
pub use bounded::{events_for, knows_of, views_for};
pub use consumer::{Consumer, ConsumerPorts, decide_on_dead_messages};
pub use decision::{Decide, Decided, Undecided};
pub use delivery::{AfterRefusal, Chunk, Encode, EventTail, Follower, Relay, RelayPorts, TailError};
pub use digest::{
    BrokenPromise, Digest, DigestPorts, DigestRelay, Inbound, OverdueBatch, RenderDigest, Section, ShortProduct,
    Waiter, Worst,
};
pub use engine::{Engine, EngineSettings, Lane, OrderedStream, QueueDepth, Ticket};
pub use envelope::{Envelope, is_correlation_id, is_trace_context};
pub use key_ring::{KEY_CACHED_FOR, KeyRing, NotAdmitted, RefusedKey, Shown, TOKEN_CACHED_FOR};
pub use lists::{BatchFilter, OrderFilter, list_batches, list_orders};
pub use outlook::{
    AgeClass, BatchInTime, HOLDS_END_WITHIN, Hits, LateBatch, LineAtRisk, LineChange, LineOfBatch, MAX_LINES_COUNTED,
    MAX_LINES_LOOKED_AT, ProductInTime, RiskPlace, WaitingLine, backlog_by_age, changes_since, ending_holds,
    late_batches, lines_at_risk, lines_of_batch, product_in_time, waiting_lines,
};
pub use ports::{
    ACCESS_LOG_DAYS, ACCESS_LOG_PURGE_BATCH, ACCESS_LOG_REFUSALS, AccessLog, Audit, BODY_BEGINNING_BYTES,
    BatchSelection, Body, Clock, CommandSource, ConsumerMeter, Counted, DEAD_MESSAGE_BATCH, DeadLetter,
    DeadLetterAction, DeadMessage, DeadMessageAction, DeadMessagesDecided, DeliveryId, DeliveryLimits, DeliveryMeter,
    DueList, DueOrder, DuePlace, EncodedEvent, EndingHolds, EtaPlace, EventFeed, EventFilter, EventMessage, EventPage,
    Exports, Failing, Fingerprint, Health, INBOX_LIFETIME, INBOX_PURGE_BATCH, IdempotencyKey, IdempotencyKeyError,
    IdempotencyStore, IdentityProvider, Ids, InFlight, InFlightSender, Inbox, JobMeter, KEY_LIFETIME_SECONDS, Keys,
    LEASE_SECONDS, LastPublished, LeaseClaim, LeaseHolder, LeaseOutcome, LeaseRequest, LeaseToken, LetterState,
    LineFilter, LoggedEntry, MAX_DEAD_BODY_BYTES, MAX_DEAD_LETTERS, MAX_DEAD_MESSAGES, MAX_DEAD_REASON_CHARS,
    MAX_IDEMPOTENCY_KEY_CHARS, MAX_KEYS, MAX_LIST_ROWS, Mail, MailError, Mailer, Message, MessageFormat,
    MessagesForgotten, Meter, NoMeter, OrderSelection, Outlook, PURGE_BATCH, Page, PlacedBetween, PlacedPlace,
    Progress, PublishError, Publisher, RECEIVED_BYTES, REPLAYED_BYTES, Reply, Retried, RetryPolicy,
    SHOWN_DEAD_BODY_BYTES, Sessions, SignInAttempt, SignInError, SourceError, SourceName, SourceStatus, Store,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions, TokenHolder, Views, Worklist,
};
pub use read_models::{BatchRead, LineRead, OrderRead, ProductRead, ProductSummary, ProductView};
pub use signed_in::sessions_in_force;
pub use store_error::StoreError;
pub use verify::{Report, VerifyPorts, verify};
