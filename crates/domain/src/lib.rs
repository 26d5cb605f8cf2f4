//! Earmark's domain: the rules of stock and promises.
//!
//! A shop has stock in batches, in the warehouse or on its way with a date. Order lines are earmarked in those batches,
//! warehouse first, then the earliest date, and no unit is ever promised twice. This crate says what may happen and
//! what follows from it, in the words of the shop; it does no I/O, knows no clock and no randomness, and is `no_std`,
//! so none of that can slip in.
//!
//! A transaction is load, decide, store: a store reads what a command's [`Scope`] names into [`Loaded`],
//! [`Ledger::open`] makes aggregates of it, [`Ledger::decide`] takes one [`Command`] after the other, and
//! [`Ledger::close`] says what has to be stored.
#![no_std]

extern crate alloc;

mod backlog;
mod batch;
mod command;
mod draft;
mod event;
mod journal;
mod ledger;
mod line;
mod name;
mod outcome;
mod product;
mod quantity;
mod record;
mod replay;
mod scope;

pub use batch::{Batch, BatchStatus, promise_date};
pub use command::{
    Allocate, Command, CreateBatch, MAX_LINES_PER_ORDER, OnOrderShortage, OnShortage, OrderLine, OrderLinesError,
    PlaceOrder,
};
pub use event::{
    DeallocationReason, EVENT_TYPES, Event, Fact, Kept, LineTerms, MoveReason, Occasion, SequencedEvent, Subject,
};
pub use ledger::{Corrupt, Ledger, Starved};
pub use line::{Line, LineState, Part, Turn, Wish};
pub use name::{
    LineId, LineKey, Location, MAX_NAME_CHARS, MAX_PRODUCT_NAME_CHARS, NameError, OrderId, ProductName, Reference, Sku,
};
pub use outcome::{BatchView, Effects, LineView, Moved, OrderStatus, OrderView, Outcome, Refusal, Shortage};
pub use product::Product;
pub use quantity::{Count, MAX_QUANTITY, Quantity, QuantityError, Units};
pub use record::{
    AllocationRecord, BacklogRead, BatchRecord, Change, Changes, LineRecord, Loaded, OfferCut, OrderRecord, Preference,
    ProductChange, ProductRecord,
};
pub use replay::{Discrepancy, ProductHistory, audit};
pub use scope::{BACKLOG_PAGE, BacklogNeed, OFFER_PAGE, ReleaseNeed, Scope};
