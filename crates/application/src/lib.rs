//! Earmark's application layer: the use cases, the ports they need, and the engine that runs commands.
//!
//! Nothing here knows HTTP, SQL or JSON, and nothing here starts a thread: the binary hands in the adapters and runs
//! the futures. Commands go through the [`Engine`]; queries go through [`Queries`] and never touch an aggregate.

mod backlog;
mod engine;
mod error;
mod group;
mod holds;
mod lane;
mod port;
mod remember;
mod verify;

pub use backlog::serve_backlogs;
pub use engine::{Answer, Engine, EngineSettings, Envelope, Mode, OrderedStream, Ticket};
pub use error::{CommandError, StoreError};
pub use holds::sweep_holds;
pub use lane::Lane;
pub use port::{
    Announce, BatchRead, Clock, Decide, Decided, EventFilter, EventPage, LineFilter, LineProof, LineRead, Meter,
    OrderRead, ProductRead, ProductSummary, Queries, Store, Undecided, UnderWay, Unmetered, WrittenEvent,
};
pub use remember::{
    CallKey, CallKeyError, Claim, Claimant, Claimed, FORGOTTEN_AT_ONCE, Fingerprint, KEPT_SECONDS, LEASE_SECONDS,
    MAX_CALL_KEY_CHARS, RememberedAnswers, forget_some,
};
pub use verify::{Report, verify};
