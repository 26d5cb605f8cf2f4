//! Earmark's domain: the rules of stock and promises.
//!
//! A shop has stock in batches, in the warehouse or on its way with a date. Order lines get units of those batches:
//! stock in the warehouse first, then the earliest date. No unit is promised twice. This crate decides what a command
//! does, in the words of the shop. It has no I/O, no clock and no randomness, and it is `no_std`, so none of them can
//! slip in.
//!
//! A transaction is load, decide, store. A store reads what the [`Scope`] of a command names into [`Loaded`].
//! [`UnitOfWork::open`] makes aggregates of it, [`UnitOfWork::decide`] decides one [`Command`] after the other, and
//! [`UnitOfWork::close`] returns the [`ChangeSet`] to store.
//!
//! # Layers
//!
//! The modules stand in layers, the lowest first. A file uses files of the layers above it in this list, and no two
//! files use each other:
//!
//! 1. `language`: the shop's words as values. Names, quantities and messages; precedence, locations and reasons; the
//!    terms of a line.
//! 2. `promising`: which batches are offered, how much of them, and for which day.
//! 3. `context`: when and for whom a command is decided.
//! 4. `events`: facts, events, and the recorder that collects them.
//! 5. `records`: what a store loads and stores.
//! 6. `answers`: outcomes, refusals, explanations, views.
//! 7. `commands`: what can be asked, and the scope of it.
//! 8. `stock`: the product aggregate. Batches, lines, the backlog, drafts of new promises, then the product itself.
//! 9. `unit_of_work`: the aggregates of a transaction, and the decision of each command.
//! 10. `replay`: the audit of records against events.
//! 11. `planning`: what planners ask.
#![no_std]

extern crate alloc;

mod answers;
mod commands;
mod context;
mod events;
mod language;
mod planning;
mod promising;
mod records;
mod replay;
mod stock;
mod unit_of_work;

pub use answers::availability::{Availability, AvailableOn, availability};
pub use answers::explain::{QuotedLine, Remedy, Tried, TriedOutcome};
pub use answers::outcome::{Effects, Hindrance, LeftBehind, Moved, Outcome, PromiseMoved};
pub use answers::refusal::{MAX_REFUSAL_CHARS, Refusal, Shortage};
pub use answers::view::{BatchView, DispatchedPart, LineView, OrderStatus, OrderView};
pub use commands::command::{
    Allocate, ChangeBatch, ChangeOrder, Command, ConfirmOrder, ConfirmedLine, CreateBatch, Dispatch, DispatchedLine,
    ExpireHolds, LineRequest, PassDay, PutProduct, Quote,
};
pub use commands::delivery::{Delivery, Rest};
pub use commands::place_order::{MAX_LINES_PER_ORDER, OrderLine, OrderLinesError, OrderTerms, PlaceOrder};
pub use commands::scope::{
    BACKLOG_PAGE, BATCH_PAGE, BacklogScope, CHANGE_PAGE, IMPROVEMENT_PAGE, ImprovementScope, ReleaseLines,
    ReleaseScope, Scope,
};
pub use context::DecisionContext;
pub use events::event::{Event, SequencedEvent, Subject};
pub use events::fact::{EVENT_TYPES, Fact};
pub use language::asked::{AskedError, AskedLine, AskedOrder};
pub use language::line_terms::{LineState, LineTerms, Part};
pub use language::locations::{Locations, LocationsError, MAX_LOCATIONS};
pub use language::message::{MAX_MESSAGE_ID_CHARS, MessageId, MessageIdError, Processed};
pub use language::name::{
    LineId, LineKey, Location, MAX_NAME_CHARS, MAX_PRODUCT_NAME_CHARS, NameError, OrderId, ProductName, Reference, Sku,
};
pub use language::order_terms::{HoldFor, HoldForError, MAX_HOLD_SECONDS, OnOrderShortage, OnShortage};
pub use language::precedence::{Precedence, Priority, PriorityError, ReleaseRank, ServicePosition};
pub use language::promise::Promise;
pub use language::quantity::{Count, MAX_QUANTITY, Quantity, QuantityError, Units};
pub use language::reason::{DeallocationReason, MoveReason, ShortageOutcome};
pub use language::receipt::Receipt;
pub use language::term::Term;
pub use language::terms_change::TermsChange;
pub use planning::age::Age;
pub use planning::composition::{Composition, compositions};
pub use planning::open_stock::{Hit, LineInBatch, OpenStock};
pub use planning::risk::{Risk, RiskKind, risk};
pub use planning::standing::{NetChange, Standing};
pub use promising::{Calendar, Improve, Promising, is_overdue, leaves_on, promisable};
pub use records::batch::{BatchRecord, BatchStatus, Preference};
pub use records::change_set::{Change, ChangeSet, ProductChange};
pub use records::expiry_step::ExpiryStep;
pub use records::inbox::InboxRecord;
pub use records::loaded::{BatchPageEnd, JoinedOrder, Loaded, NextHold, ReleaseRead, ServiceRead};
pub use records::order::{AllocationRecord, DispatchRecord, LineRecord, OrderRecord};
pub use records::pending::{Arrival, Pending, PendingChange, PendingImprovement, PendingStep, ReleasePosition};
pub use records::precondition::{EscrowNeed, Precondition};
pub use records::product::ProductRecord;
pub use replay::audit::{ProductHistory, audit};
pub use replay::discrepancy::Discrepancy;
pub use replay::etas::EtaHistory;
pub use replay::order::{AuditedOrder, audit_order};
pub use replay::product::{AuditedProduct, ProductProjection};
pub use stock::batch::Batch;
pub use stock::line::Line;
pub use stock::product::Product;
pub use unit_of_work::{Corrupt, NeedsAllBatches, UnitOfWork};
