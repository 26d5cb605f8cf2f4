//! Earmark's domain: the rules of stock and promises.
//!
//! A shop has stock in batches, in the warehouse or on its way with a date. Order lines are earmarked in those batches,
//! warehouse first, then the earliest date, and no unit is ever promised twice. This crate says what may happen and
//! what follows from it, in the words of the shop; it does no I/O, knows no clock and no randomness, and is `no_std`,
//! so none of that can slip in.
//!
//! A transaction is load, decide, store: a store reads what a command's [`Scope`] names into [`Loaded`],
//! [`UnitOfWork::open`] makes aggregates of it, [`UnitOfWork::decide`] takes one [`Command`] after the other, and
//! [`UnitOfWork::close`] says what has to be stored.
#![no_std]

extern crate alloc;

mod availability;
mod backlog;
mod batch;
mod command;
mod context;
mod draft;
mod event;
mod event_recorder;
mod explain;
mod line;
mod message;
mod name;
mod outcome;
mod place_order;
mod precedence;
mod precondition;
mod product;
mod quantity;
mod reason;
mod record;
mod refusal;
mod replay;
mod scope;
mod unit_of_work;
mod view;

pub use availability::{Availability, AvailableOn, availability};
pub use batch::{Batch, BatchStatus, promise_date};
pub use command::{
    Allocate, ChangeBatch, Command, ConfirmOrder, ConfirmedLine, CreateBatch, ExpireHolds, PutProduct, Quote,
};
pub use context::{DecisionContext, Promising, day_of};
pub use event::{EVENT_TYPES, Event, Fact, LineTerms, SequencedEvent, Subject};
pub use explain::{QuotedLine, Remedy, Tried, TriedOutcome};
pub use line::{Line, LineRequest, LineState, Part, ServicePosition};
pub use message::{MAX_MESSAGE_ID_CHARS, MessageId, MessageIdError};
pub use name::{
    LineId, LineKey, Location, MAX_NAME_CHARS, MAX_PRODUCT_NAME_CHARS, NameError, OrderId, ProductName, Reference, Sku,
};
pub use outcome::{Effects, Moved, Outcome, PromiseMoved};
pub use place_order::{
    HoldFor, HoldForError, Locations, LocationsError, MAX_HOLD_SECONDS, MAX_LINES_PER_ORDER, MAX_LOCATIONS,
    OnOrderShortage, OnShortage, OrderLine, OrderLinesError, OrderTerms, PlaceOrder,
};
pub use precedence::{Precedence, Priority, PriorityError, ReleaseRank};
pub use precondition::{EscrowNeed, Precondition};
pub use product::Product;
pub use quantity::{Count, MAX_QUANTITY, Quantity, QuantityError, Units};
pub use reason::{DeallocationReason, MoveReason, ShortageOutcome};
pub use record::{
    AllocationRecord, BacklogRead, BatchPageEnd, BatchRecord, Change, ChangeSet, DispatchRecord, LineRecord, Loaded,
    NextHold, OrderRecord, Preference, ProductChange, ProductRecord,
};
pub use refusal::{Refusal, Shortage};
pub use replay::{Discrepancy, ProductHistory, audit};
pub use scope::{BACKLOG_PAGE, BATCH_PAGE, BacklogNeed, ReleaseLines, ReleaseScope, Scope};
pub use unit_of_work::{Corrupt, NeedsAllBatches, UnitOfWork};
pub use view::{BatchView, LineView, OrderStatus, OrderView};
