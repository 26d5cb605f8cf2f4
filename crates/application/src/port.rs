//! Ports: what the application needs of the world outside. Adapters implement them; the binary wires them in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earmark_domain::{
    BatchRecord, BatchView, Changes, Corrupt, Count, LineKey, LineRecord, LineState, LineView, Loaded, OrderId,
    OrderRecord, OrderView, Part, ProductHistory, ProductName, ProductRecord, Reference, Scope, SequencedEvent, Sku,
    Starved, Subject, Turn, Units, promise_date,
};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::oneshot;

use crate::engine::Answer;
use crate::error::StoreError;

/// What a decision comes to: what to store, and what to tell each caller, in the order of their commands.
#[derive(Debug)]
pub struct Decided {
    /// To be stored, all or nothing.
    pub changes: Changes,
    /// To be told once it is stored.
    pub answers: Vec<Answer>,
}

/// Why there is no decision. Nothing may be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The records read can't be true.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// More of the scope has to be read first.
    #[error(transparent)]
    Starved(#[from] Starved),
    /// Holds on these products have ended that still count: they have to be seen to first.
    #[error("holds on {} products have ended", .0.len())]
    Due(BTreeSet<Sku>),
    /// Deciding one of the commands panicked, and the state it was decided on is lost with it.
    #[error("deciding command {command} panicked")]
    Panicked {
        /// Its place among the commands decided together.
        command: usize,
    },
}

/// A decision to be taken on what a store reads. A pure function: it can be called again after a conflict.
pub type Decide = Arc<dyn Fn(Loaded) -> Result<Decided, Undecided> + Send + Sync>;

/// Where the books are kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// Locks and reads what the scope names, takes the decision, and stores what it comes to, in one transaction.
    ///
    /// MUST store all of the change set or nothing; MUST answer [`StoreError::Conflict`] rather than store a decision
    /// taken on stale state, or one that contradicts a key; MUST number events in the order of commits; MUST NOT
    /// leave anything half done when the caller goes away.
    ///
    /// # Errors
    /// [`StoreError`]; after any of them but `Unavailable` nothing has been stored.
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError>;

    /// The same, and announces the transaction once it is under way, so that the next one may follow it without waiting
    /// for its end. A store that has nothing to gain from that announces nothing.
    ///
    /// # Errors
    /// As [`transact`](Self::transact).
    async fn transact_and_announce(
        &self,
        scope: &Scope,
        decide: Decide,
        announce: Announce,
    ) -> Result<Decided, StoreError> {
        drop(announce);
        self.transact(scope, decide).await
    }

    /// Orders that have a line of one of these products whose deadline is not after `now`, the earliest deadline first.
    ///
    /// # Errors
    /// [`StoreError`] when the store can't be asked.
    async fn due_orders(&self, skus: &BTreeSet<Sku>, now: Timestamp, limit: usize) -> Result<Vec<OrderId>, StoreError>;
}

/// Where a store announces that a transaction is under way: it has its place, and what is handed in behind it comes after
/// it.
pub type Announce = oneshot::Sender<Box<dyn UnderWay>>;

/// A transaction that is under way, and not stored yet. To keep it, for as long as nobody follows, MUST keep nothing from the
/// store: the transaction may have to be run anew meanwhile.
#[async_trait]
pub trait UnderWay: Send {
    /// Takes a decision on what the transaction will have left, if it is stored, and stores it behind it; announces it
    /// in turn.
    ///
    /// MUST store nothing unless the transaction before it was stored, whoever has done what in between; apart from
    /// that what is true of [`Store::transact`].
    ///
    /// `None`: it did not come to that, for whatever reason, and has to be run on its own. Nothing has been stored, or
    /// the store has been lost in the middle of it and the books tell.
    async fn follow(self: Box<Self>, scope: &Scope, decide: Decide, announce: Announce) -> Option<Decided>;
}

/// A line as a query reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRead {
    /// The line.
    pub record: LineRecord,
    /// Where its units are, in preference order, with each batch's ETA.
    pub allocations: Vec<(Part, Option<Date>)>,
}

impl LineRead {
    /// The line as it is shown at an instant: past its deadline it holds nothing, whether or not anybody has seen to it.
    #[must_use]
    pub fn view(self, now: Timestamp) -> LineView {
        let state = self.record.state_at(now);
        let allocations = if state.holds_units() {
            self.allocations
        } else {
            Vec::new()
        };
        LineView {
            promised_on: promise_date(allocations.iter().map(|(_, eta)| *eta), day_of(now)),
            hold_until: self.record.hold_until.filter(|_| state.is_open()),
            key: self.record.key,
            sku: self.record.sku,
            quantity: self.record.quantity,
            state,
            allocations: allocations.into_iter().map(|(part, _)| part).collect(),
        }
    }
}

/// The day of an instant, in UTC.
fn day_of(now: Timestamp) -> Date {
    jiff::tz::Offset::UTC.to_datetime(now).date()
}

/// An order as a query reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRead {
    /// Which order.
    pub id: OrderId,
    /// Its header, if it was placed whole.
    pub header: Option<OrderRecord>,
    /// All of its lines, by line id.
    pub lines: Vec<LineRead>,
}

impl OrderRead {
    /// The order as it is shown at an instant.
    #[must_use]
    pub fn view(self, now: Timestamp) -> OrderView {
        let lines = self.lines.into_iter().map(|line| line.view(now)).collect();
        OrderView::of(self.id, self.header.as_ref(), lines)
    }
}

/// A batch as a query reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRead {
    /// The batch. Units held until a deadline that has passed are not counted as allocated.
    pub record: BatchRecord,
    /// The version of its product.
    pub version: u64,
}

impl BatchRead {
    /// The batch as it is shown on a day.
    #[must_use]
    pub fn view(self, today: Date) -> BatchView {
        BatchView::of(self.record, self.version, today)
    }
}

/// A product's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSummary {
    /// Which product.
    pub sku: Sku,
    /// What people call it.
    pub name: Option<ProductName>,
    /// Its version.
    pub version: u64,
    /// Units in the warehouse, allocated ones among them, dispatched ones not.
    pub on_hand: Units,
    /// Units on their way.
    pub inbound: Units,
    /// Units earmarked.
    pub allocated: Units,
    /// Units that have left the building.
    pub dispatched: Units,
    /// Units kept back from new promises.
    pub safety_stock: Count,
    /// Units that can be promised: what is available in its batches, but for those kept back.
    pub available: Units,
    /// Units that lines in the backlog wait for.
    pub backordered: Units,
}

impl ProductSummary {
    /// A product's sums, as its batches and its backlog make them.
    #[must_use]
    pub fn of<'a>(
        product: ProductRecord,
        batches: impl Iterator<Item = &'a BatchRecord> + Clone,
        backordered: Units,
    ) -> Self {
        let present = |batch: &BatchRecord| batch.quantity.units().saturating_sub(batch.dispatched);
        let here = batches.clone().filter(|batch| batch.eta.is_none());
        let coming = batches.clone().filter(|batch| batch.eta.is_some());
        let available: Units = batches.clone().map(BatchRecord::available).sum();
        Self {
            sku: product.sku,
            name: product.name,
            version: product.version,
            on_hand: here.map(present).sum(),
            inbound: coming.map(present).sum(),
            allocated: batches.clone().map(|batch| batch.allocated).sum(),
            dispatched: batches.map(|batch| batch.dispatched).sum(),
            safety_stock: product.safety_stock,
            available: available.saturating_sub(product.safety_stock.units()),
            backordered,
        }
    }
}

/// A product with its batches, in preference order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRead {
    /// Its sums.
    pub summary: ProductSummary,
    /// Its batches, in preference order.
    pub batches: Vec<BatchRecord>,
}

impl ProductRead {
    /// The batches as they are shown on a day.
    #[must_use]
    pub fn batch_views(&self, today: Date) -> Vec<BatchView> {
        self.batches
            .iter()
            .cloned()
            .map(|record| BatchView::of(record, self.summary.version, today))
            .collect()
    }
}

/// Which events a reader wants. Empty: all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those of this product.
    pub sku: Option<Sku>,
    /// Only those that concern this order.
    pub order: Option<OrderId>,
    /// Only those of these types; empty: of every type.
    pub types: Vec<String>,
}

/// An event as it was written down: what happened stays in the words that it is stored and shown in, for readers that
/// hand it on. Those who have to understand it ask for [`SequencedEvent`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenEvent {
    /// Rises in the order of commits; may have gaps.
    pub sequence: u64,
    /// What it is about.
    pub subject: Subject,
    /// The order it concerns, if it concerns one.
    pub order: Option<OrderId>,
    /// What kind of event it is, one of [`EVENT_TYPES`](earmark_domain::EVENT_TYPES).
    pub event_type: &'static str,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: String,
    /// The request or message that caused it.
    pub correlation_id: String,
    /// What happened: a text in the form that all adapters share. Nothing in here reads it.
    pub data: String,
}

/// A page of events, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage<Event = SequencedEvent> {
    /// The events.
    pub events: Vec<Event>,
    /// Read on after this sequence: no event at or before it is ever added later.
    pub next: u64,
}

/// Which lines an export wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineFilter {
    /// All of them.
    #[default]
    All,
    /// Those in one state.
    In(LineState),
}

/// A line, held against the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProof {
    /// The line.
    pub record: LineRecord,
    /// Whether an event of its product concerns its order.
    pub told: bool,
}

/// Questions to the books. They read the tables as they stand and lock nothing. Every list is bounded by `limit`.
///
/// A question that is asked for an instant, `now`, is answered as if every hold whose deadline is not after it had been
/// ended: its units are not counted as allocated, its lines don't wait.
///
/// A question may be awaited on any runtime, and given up at any time: nothing is left half done by it.
#[async_trait]
pub trait Queries: Send + Sync {
    /// One batch.
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError>;
    /// One order with its lines; `None` when no line names it.
    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError>;
    /// One product with its batches.
    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError>;
    /// Products by SKU, from the one after `after` on. `search`: those whose SKU or name contains it, in any case.
    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError>;
    /// The backlog of a product in order of service, from the turn after `after` on; `None`: no such product.
    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&Turn>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError>;
    /// Events after a sequence. An event that commits late is never passed over.
    async fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<EventPage, StoreError>;
    /// The same events, as they were written down.
    async fn written_events(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<EventPage<WrittenEvent>, StoreError>;
    /// Lines by order id and line id, from the one after `after` on.
    async fn lines(
        &self,
        filter: LineFilter,
        after: Option<&LineKey>,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError>;
    /// Batches by reference, from the one after `after` on, as they are stored.
    async fn batches(&self, after: Option<&Reference>, limit: usize) -> Result<Vec<BatchRecord>, StoreError>;
    /// Headers of orders by order id, from the one after `after` on.
    async fn orders(&self, after: Option<&OrderId>, limit: usize) -> Result<Vec<OrderRecord>, StoreError>;
    /// Products whose backlog is owed another page.
    async fn unserved(&self, limit: usize) -> Result<Vec<Sku>, StoreError>;
    /// Products on which a hold may have ended by `now`, the earliest first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Sku>, StoreError>;
    /// Lines by order id and line id, from the one after `after` on, each held against the events in one snapshot.
    async fn line_proofs(&self, after: Option<&LineKey>, limit: usize) -> Result<Vec<LineProof>, StoreError>;
    /// All that was ever stored of a product, read in one snapshot.
    ///
    /// Its lines are found by the orders that its events concern, and by what is allocated in its batches: no table is
    /// kept in an order that only an audit reads. A line that neither leads to is not among them;
    /// [`line_proofs`](Self::line_proofs) tells of it.
    async fn history(&self, sku: &Sku) -> Result<Option<ProductHistory>, StoreError>;
    /// Whether the store answers at all.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// The present day, in UTC.
    fn today(&self) -> Date {
        day_of(self.now())
    }

    /// Waits for so long. To be given up at any time.
    async fn pause(&self, time: Duration);
}

/// Where the engine's figures go. Called on the hot path: implementations must not block.
pub trait Meter: Send + Sync {
    /// As many commands of this name were answered so. `outcome`: `ok`, or the error's code.
    fn answered(&self, command: &'static str, outcome: &'static str, times: u64);
    /// A group of commands was stored by one transaction. `took`: from its decision on, until it was stored; behind another
    /// group the wait for that one is part of it.
    fn stored(&self, commands: usize, events: usize, took: Duration);
    /// A decision met a conflict and is taken anew.
    fn conflicted(&self);
    /// How many commands wait in a lane.
    fn queued(&self, lane: usize, depth: usize);
}

/// For commands whose figures nobody asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn answered(&self, _command: &'static str, _outcome: &'static str, _times: u64) {}

    fn stored(&self, _commands: usize, _events: usize, _took: Duration) {}

    fn conflicted(&self) {}

    fn queued(&self, _lane: usize, _depth: usize) {}
}
