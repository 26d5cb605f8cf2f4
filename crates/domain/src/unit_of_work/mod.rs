//! The unit of work: the aggregates that one transaction loaded, and what has changed about them.
//!
//! Commands are decided one after the other, and each sees the changes of the commands before it. A refused command
//! changes nothing, but its OutOfStock events are recorded.

mod change_stock;
mod continue_work;
mod lookup;
mod open;
mod orders;
mod receive;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::commands::command::{ChangeBatch, Command};
use crate::context::DecisionContext;
use crate::events::event::Event;
use crate::language::line_terms::LineState;
use crate::language::message::{MessageId, Processed};
use crate::language::name::{LineKey, Location, OrderId, Reference, Sku};
use crate::records::change_set::{Change, ChangeSet};
use crate::records::expiry_step::ExpiryStep;
use crate::records::inbox::InboxRecord;
use crate::records::order::OrderRecord;
use crate::stock::index::{BatchIndex, IndexedVec, LineIndex, ProductIndex};
use crate::stock::product::Product;

/// The stored records contradict each other: the database was changed by another program, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

/// A decision needs all batches of these products, and only a page was loaded: decide again on a scope that has the
/// products in [`all_batches_of`](crate::Scope::all_batches_of).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more batches have to be read of {} products", .0.len())]
pub struct NeedsAllBatches(pub BTreeSet<Sku>);

/// A batch of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BatchAt {
    product: ProductIndex,
    batch: BatchIndex,
}

/// A line of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LineAt {
    product: ProductIndex,
    line: LineIndex,
}

/// The header of an order.
#[derive(Debug, Clone)]
struct Header {
    record: OrderRecord,
    /// As it was read; `None`: the order had none before this transaction.
    stored: Option<OrderRecord>,
}

/// The version that a condition is compared with.
#[derive(Debug, Clone)]
struct VersionOf {
    version: u64,
    /// Earlier ones that deadlines alone have changed into it.
    before: Option<RangeInclusive<u64>>,
}

impl VersionOf {
    /// What does not exist has version 0.
    const MISSING: Self = Self {
        version: 0,
        before: None,
    };

    /// A version, with those that are as good as long as the step has led to it.
    fn after(version: u64, step: Option<ExpiryStep>, before: impl FnOnce(ExpiryStep) -> RangeInclusive<u64>) -> Self {
        let before = step.filter(|step| step.after == version).map(before);
        Self { version, before }
    }

    fn meets(&self, condition: u64) -> bool {
        self.version == condition || self.before.as_ref().is_some_and(|before| before.contains(&condition))
    }
}

/// The aggregates that one transaction loaded, and what has changed about them.
#[derive(Debug, Clone, Default)]
pub struct UnitOfWork {
    products: IndexedVec<ProductIndex, Product>,
    by_sku: BTreeMap<Sku, ProductIndex>,
    /// The known lines; `None` for a line whose product was not loaded.
    lines: BTreeMap<LineKey, Option<LineAt>>,
    /// The loaded batches by reference; `None` until a command names one.
    batches: Option<BTreeMap<Reference, BatchAt>>,
    headers: BTreeMap<OrderId, Header>,
    /// The orders that lines are added to, of which not all lines were read: the states of their lines.
    joined: BTreeMap<OrderId, BTreeSet<(LineState, Option<Timestamp>)>>,
    /// Those of the scope's locations that are known. Those of loaded batches are too.
    known_locations: BTreeSet<Location>,
    /// When the next hold on a product ends, apart from those of the loaded orders, if the scope asked for it.
    next_holds: BTreeMap<Sku, Option<Timestamp>>,
    /// Whether more lines break their promise on the day that has come than were read.
    more_to_break: bool,
    events: Vec<Event>,
    /// Messages that were processed before, or in this transaction, with how each ended.
    processed: BTreeMap<MessageId, Processed>,
    /// Messages that this transaction processes.
    inbox: Vec<InboxRecord>,
    /// Whether any decision or answer depends on all that was read, so that escrow is not enough as a precondition.
    same_version: bool,
}

impl UnitOfWork {
    /// The products with a hold that may have expired by this instant and has not been ended. The hold must be ended
    /// ([`ExpireHolds`](crate::ExpireHolds)) before anything else is decided on these products: from its deadline on it
    /// counts zero.
    #[must_use]
    pub fn products_with_due_holds(&self, now: Timestamp) -> BTreeSet<Sku> {
        let due = self.products.iter().map(Product::record);
        due.filter(|product| product.next_expiry.is_some_and(|deadline| deadline <= now))
            .map(|product| product.sku.clone())
            .collect()
    }

    /// The products with work that an earlier command did not finish. It must be continued
    /// ([`Continue`](Command::Continue)) until it is done, before anything else is decided on these products.
    #[must_use]
    pub fn products_with_pending_work(&self) -> BTreeSet<Sku> {
        let products = self.products.iter().map(Product::record);
        let pending = products.filter(|product| product.pending.is_some());
        pending.map(|product| product.sku.clone()).collect()
    }

    /// Decides the command of a message, and records how the message ended. One that was processed before is not decided
    /// again.
    ///
    /// # Errors
    /// As `decide`. The message is processed then, too.
    pub fn receive(
        &mut self,
        message: &MessageId,
        now: Timestamp,
        decide: impl FnOnce(&mut Self) -> Result<Outcome, Refusal>,
    ) -> Result<Outcome, Refusal> {
        if let Some(ended) = self.processed.get(message) {
            return Ok(Outcome::AlreadyProcessed(ended.clone()));
        }
        let answer = decide(self);
        let ended = match &answer {
            Ok(_) => Processed::Done,
            Err(refusal) => Processed::Refused(refusal.in_words()),
        };
        self.processed.insert(message.clone(), ended.clone());
        self.inbox.push(InboxRecord {
            id: message.clone(),
            ended,
            processed_at: now,
        });
        // Whether the message is new was read together with the products.
        self.same_version = true;
        answer
    }

    /// Decides a command on the current state and applies its changes.
    ///
    /// # Errors
    /// [`Refusal`] when the rules refuse it. Nothing has changed then, apart from OutOfStock events.
    pub fn decide(&mut self, command: &Command, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let outcome = self.dispatch_to_handler(command, context);
        let places_lines = matches!(command, Command::Allocate(_) | Command::PlaceOrder(_));
        self.same_version |= !places_lines || outcome.is_err();
        outcome
    }

    fn dispatch_to_handler(&mut self, command: &Command, context: &DecisionContext) -> Result<Outcome, Refusal> {
        match command {
            Command::PutProduct(put) => Ok(self.put_product(put, context)),
            Command::CreateBatch(create) => self.create_batch(create, context),
            Command::ChangeBatch(change) => self.change_batch(change, context),
            Command::ReceiveBatch { reference, delivery } => self.receive_batch(reference, delivery, context),
            Command::UndoReceipt(reference) => self.undo_receipt(reference, context),
            Command::CancelBatch(reference) => self.cancel_batch(reference, context),
            Command::Allocate(allocate) => self.allocate(allocate, context),
            Command::PlaceOrder(place) => self.place_order(place, context),
            Command::ReplaceOrder(place) => self.replace_order(place, context),
            Command::ConfirmOrder(confirm) => self.confirm_order(confirm, context),
            Command::ChangeOrder(change) => self.change_order(change, context),
            Command::ChangeLineQuantity { key, quantity } => self.change_line_quantity(key, *quantity, context),
            Command::CancelLine(key) => self.cancel_line(key, context),
            Command::CancelOrder(order) => self.cancel_order(order, context),
            Command::Dispatch(dispatch) => self.dispatch(dispatch, context),
            Command::UndoDispatch { order, lines } => self.undo_dispatch(order, lines.as_ref(), context),
            Command::Quote(quote) => self.quote(quote, context),
            Command::ExpireHolds(expire) => Ok(self.expire_holds(expire, context)),
            Command::Reallocate(sku) => self.reallocate(sku, context),
            Command::PassDay(pass) => self.pass_day(pass, context),
            Command::Continue(sku) => self.continue_work(sku, context),
        }
    }

    /// Decides a command like [`decide`](Self::decide), if the product or the order it is about has one of these versions,
    /// or had one of them and nothing but deadlines has changed it since.
    ///
    /// # Errors
    /// As [`decide`](Self::decide), and [`Refusal::StaleVersion`] if it has not. Nothing has
    /// changed then.
    pub fn decide_on(
        &mut self,
        versions: &[u64],
        command: &Command,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        match self.version_of(command, context.today) {
            Some(current) if !versions.iter().any(|version| current.meets(*version)) => {
                self.same_version = true;
                Err(Refusal::StaleVersion {
                    version: current.version,
                })
            }
            _ => self.decide(command, context),
        }
    }

    /// Decides on a copy: returns the outcome and changes nothing.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more batches must be loaded before the outcome is known.
    pub fn preview(
        &mut self,
        decide: impl FnOnce(&mut Self) -> Result<Outcome, Refusal>,
    ) -> Result<Result<Outcome, Refusal>, NeedsAllBatches> {
        let mut trial = self.clone();
        let outcome = decide(&mut trial);
        trial.satisfied()?;
        self.same_version = true;
        Ok(outcome)
    }

    /// The version of the product that a command on a product or a batch is about, or of the order that it changes; 0 if
    /// what it would create does not exist. `None` for other commands, and for what has to exist and does not.
    fn version_of(&mut self, command: &Command, today: Date) -> Option<VersionOf> {
        if let Some(order) = command.changed_order() {
            let exists = self.lines_of(order).next().is_some();
            let missing = matches!(command, Command::ReplaceOrder(_)).then_some(VersionOf::MISSING);
            return exists.then(|| self.version_of_order(order, today)).or(missing);
        }
        match command {
            Command::PutProduct(put) => Some(self.version_of_sku(&put.sku).unwrap_or(VersionOf::MISSING)),
            Command::CreateBatch(create) => Some(self.version_of_sku(&create.sku).unwrap_or(VersionOf::MISSING)),
            // A product that does not exist is refused as such.
            Command::Reallocate(sku) => self.version_of_sku(sku),
            Command::ChangeBatch(ChangeBatch { reference, .. })
            | Command::ReceiveBatch { reference, .. }
            | Command::UndoReceipt(reference)
            | Command::CancelBatch(reference) => {
                let at = self.find_batch(reference)?;
                Some(self.version_of_product(at.product))
            }
            _ => None,
        }
    }

    fn version_of_order(&self, order: &OrderId, today: Date) -> VersionOf {
        let version = self.view_order(order, today).version();
        let step = self.headers.get(order).and_then(|header| header.record.expiry_step);
        // Its versions are digests: of those before, only the very one counts.
        VersionOf::after(version, step, |step| step.before..=step.before)
    }

    fn version_of_sku(&self, sku: &Sku) -> Option<VersionOf> {
        self.by_sku.get(sku).map(|product| self.version_of_product(*product))
    }

    fn version_of_product(&self, product: ProductIndex) -> VersionOf {
        let record = self.products[product].record();
        // Its versions are counted: those within the step were read between two of the holds that ended.
        VersionOf::after(record.version, record.expiry_step, |step| step.before..=step.after)
    }

    /// Whether everything that was decided is final.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more batches must be loaded and the commands decided again.
    pub fn satisfied(&self) -> Result<(), NeedsAllBatches> {
        let unsatisfied = self.products.iter().filter(|product| product.needs_all_batches());
        let skus: BTreeSet<Sku> = unsatisfied.map(|product| product.sku().clone()).collect();
        if skus.is_empty() {
            Ok(())
        } else {
            Err(NeedsAllBatches(skus))
        }
    }

    /// Returns what has to be stored.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more batches must be loaded and the commands decided again.
    pub fn close(self) -> Result<ChangeSet, NeedsAllBatches> {
        self.satisfied()?;
        let headers = self.headers.into_values();
        let orders = headers.filter_map(|Header { record, stored }| match stored {
            None => Some(Change::New(record)),
            Some(before) => (before != record).then_some(Change::Changed(record)),
        });
        let mut changes = ChangeSet {
            orders: orders.collect(),
            events: self.events,
            inbox: self.inbox,
            ..ChangeSet::default()
        };
        let mut products = self.products.into_vec();
        products.sort_by(|a, b| a.sku().cmp(b.sku()));
        for product in products {
            product.close(self.same_version, &mut changes);
        }
        Ok(changes)
    }
}
