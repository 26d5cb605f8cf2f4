//! The ledger: the part of the books that one transaction has open.
//!
//! Commands are decided on it one after the other, each seeing what the ones before it did. A refused command leaves it
//! as it was, but for its OutOfStock events.

mod holds;
mod leaving;
mod opening;
mod orders;
mod quotes;
mod stock;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::command::{Allocate, Command};
use crate::context::DecisionContext;
use crate::event::{Event, LineTerms};
use crate::event_recorder::EventRecorder;
use crate::line::Line;
use crate::message::MessageId;
use crate::name::{LineKey, OrderId, Reference, Sku};
use crate::outcome::{Effects, Outcome};
use crate::place_order::OnShortage;
use crate::precedence::Precedence;
use crate::product::{Product, Why};
use crate::reason::ShortageOutcome;
use crate::record::{Change, ChangeSet, OrderRecord};
use crate::refusal::Refusal;
use crate::view::BatchView;

/// Records that can't be true: somebody changed the books from outside, or they are damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

/// Lines did not fit the batches that were read of these products, and there are more: decide anew on a scope that has
/// them in [`all_batches_of`](crate::Scope::whole_offers).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more batches have to be read of {} products", .0.len())]
pub struct NeedsAllBatches(pub BTreeSet<Sku>);

/// Where a batch or a line is at hand: the place of its product, and its own place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    product: usize,
    place: usize,
}

/// The header of an order that was placed whole, and as it was read; `None`: it was placed in this transaction.
#[derive(Debug, Clone)]
struct Header {
    record: OrderRecord,
    stored: Option<OrderRecord>,
}

/// The open part of the books. See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct UnitOfWork {
    /// In the order in which they were read or made: each keeps its place.
    products: Vec<Product>,
    by_sku: BTreeMap<Sku, usize>,
    /// Each known line, and where it is at hand: nowhere, if its product is not.
    lines: BTreeMap<LineKey, Option<At>>,
    /// The batches at hand; `None` until a command asks for one by its reference.
    batches: Option<BTreeMap<Reference, At>>,
    /// The headers of orders placed whole.
    headers: BTreeMap<OrderId, Header>,
    /// When the next hold on a product ends that was not read, where that was asked for.
    next_holds: BTreeMap<Sku, Option<Timestamp>>,
    events: Vec<Event>,
    /// Messages that were processed before, or in this transaction.
    processed: BTreeSet<MessageId>,
    /// Messages that this transaction processes.
    inbox: Vec<MessageId>,
    /// Whether anything was decided, or told, that stands on all that was read.
    on_all: bool,
}

impl UnitOfWork {
    /// The products on which a hold may have ended by this instant that still counts. They have to be seen to
    /// ([`ExpireHolds`](crate::ExpireHolds)) before anything else is decided on them: from its deadline on a hold counts
    /// zero.
    #[must_use]
    pub fn products_with_due_holds(&self, now: Timestamp) -> BTreeSet<Sku> {
        let due = self.products.iter().map(Product::record);
        due.filter(|product| product.next_expiry.is_some_and(|deadline| deadline <= now))
            .map(|product| product.sku.clone())
            .collect()
    }

    /// Takes note of a message whose command is about to be decided; `false` when it was processed before.
    pub fn receive(&mut self, message: &MessageId) -> bool {
        let first = self.processed.insert(message.clone());
        if first {
            self.inbox.push(message.clone());
        }
        first
    }

    /// Decides one command on the books as they stand, and keeps what it comes to.
    ///
    /// # Errors
    /// [`Refusal`] when the rules say no; nothing has changed then, but for OutOfStock events.
    pub fn decide(&mut self, command: &Command, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let outcome = self.carry_out(command, context);
        let places = matches!(command, Command::Allocate(_) | Command::PlaceOrder(_));
        self.on_all |= !places || outcome.is_err();
        outcome
    }

    fn carry_out(&mut self, command: &Command, context: &DecisionContext) -> Result<Outcome, Refusal> {
        match command {
            Command::PutProduct(put) => Ok(self.put_product(put, context)),
            Command::CreateBatch(create) => self.create_batch(create, context),
            Command::ChangeBatch(change) => self.change_batch(change, context),
            Command::ReceiveBatch { reference, quantity } => self.receive_batch(reference, *quantity, context),
            Command::CancelBatch(reference) => self.cancel_batch(reference, context),
            Command::Allocate(allocate) => self.allocate(allocate, context),
            Command::PlaceOrder(place) => self.place_order(place, context),
            Command::ReplaceOrder(place) => self.replace_order(place, context),
            Command::ConfirmOrder(confirm) => self.confirm_order(confirm, context),
            Command::ChangeLineQuantity { key, quantity } => self.change_line_quantity(key, *quantity, context),
            Command::CancelLine(key) => self.cancel_line(key, context),
            Command::CancelOrder(order) => self.cancel_order(order, context),
            Command::Dispatch { order, lines } => self.dispatch(order, lines.as_ref(), context),
            Command::UndoDispatch { order, lines } => self.undo_dispatch(order, lines.as_ref(), context),
            Command::Quote(quote) => self.quote(quote, context),
            Command::ExpireHolds(expire) => Ok(self.expire_holds(expire, context)),
            Command::ServeBacklog(sku) => self.serve_backlog(sku, context),
        }
    }

    /// The same, if the product that the command is about has this version.
    ///
    /// # Errors
    /// As [`decide`](Self::decide), and [`Refusal::StaleVersion`] where the version is another; nothing has changed then.
    pub fn decide_on(
        &mut self,
        version: u64,
        command: &Command,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        match self.version_of(command) {
            Some(stands) if stands != version => {
                self.on_all = true;
                Err(Refusal::StaleVersion { version: stands })
            }
            _ => self.decide(command, context),
        }
    }

    /// Decides on a copy of the ledger: what would come of it is told, and nothing is kept.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more has to be read before that can be told.
    pub fn preview(
        &mut self,
        decide: impl FnOnce(&mut Self) -> Result<Outcome, Refusal>,
    ) -> Result<Result<Outcome, Refusal>, NeedsAllBatches> {
        let mut trial = self.clone();
        let outcome = decide(&mut trial);
        trial.satisfied()?;
        self.on_all = true;
        Ok(outcome)
    }

    /// The version of the product that a command on a product or a batch is about; `None` for other commands, and where
    /// there is no such batch. A product that does not exist has version 0.
    fn version_of(&mut self, command: &Command) -> Option<u64> {
        let of_sku = |unit_of_work: &Self, sku: &Sku| {
            unit_of_work
                .by_sku
                .get(sku)
                .map(|place| unit_of_work.products[*place].version())
        };
        match command {
            Command::PutProduct(put) => Some(of_sku(self, &put.sku).unwrap_or(0)),
            Command::CreateBatch(create) => Some(of_sku(self, &create.sku).unwrap_or(0)),
            Command::ChangeBatch(crate::command::ChangeBatch { reference, .. })
            | Command::ReceiveBatch { reference, .. }
            | Command::CancelBatch(reference) => {
                let at = self.batch_at(reference)?;
                Some(self.products[at.product].version())
            }
            _ => None,
        }
    }

    /// What has to be stored.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more has to be read before anything decided here holds.
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
        let mut products = self.products;
        products.sort_by(|a, b| a.sku().cmp(b.sku()));
        for product in products {
            product.close(self.on_all, &mut changes);
        }
        Ok(changes)
    }

    /// Whether everything that was decided here holds.
    ///
    /// # Errors
    /// [`NeedsAllBatches`] when more has to be read first.
    pub fn satisfied(&self) -> Result<(), NeedsAllBatches> {
        let needs_all_batches = self.products.iter().filter(|product| product.needs_all_batches());
        let needs_all_batches: BTreeSet<Sku> = needs_all_batches.map(|product| product.sku().clone()).collect();
        if needs_all_batches.is_empty() {
            Ok(())
        } else {
            Err(NeedsAllBatches(needs_all_batches))
        }
    }

    fn allocate(&mut self, allocate: &Allocate, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let wish = &allocate.line;
        if let Some(known) = self.lines.get(&wish.key) {
            let same = known
                .map(|at| (&self.products[at.product], at.place))
                .filter(|(product, place)| {
                    *product.sku() == wish.sku && product.line(*place).quantity() == wish.quantity
                });
            return match same {
                Some((product, place)) => Ok(Outcome::LinePlaced {
                    line: product.view(place, context.today()),
                    fresh: false,
                }),
                None => Err(Refusal::LineExists(wish.key.clone())),
            };
        }
        let Some(&product) = self.by_sku.get(&wish.sku) else {
            return Err(Refusal::UnknownSku(Vec::from([wish.sku.clone()])));
        };
        let terms = LineTerms {
            key: wish.key.clone(),
            quantity: wish.quantity,
            split: allocate.split,
            placed_at: context.now,
            placed_with_order: false,
            precedence: Precedence::default(),
            locations: allocate.locations.clone(),
            hold_until: None,
        };
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let at_hand = &mut self.products[product];
        let placed = match at_hand.fit(&terms, recorder.moment()) {
            Ok(allocations) => Ok(at_hand.place(terms, allocations)),
            Err(shortage) => {
                let kept = match allocate.on_shortage {
                    OnShortage::Reject => ShortageOutcome::Nothing,
                    OnShortage::Backorder => ShortageOutcome::Backordered,
                };
                at_hand
                    .fall_short(terms, shortage.available, kept, &mut recorder)
                    .ok_or(Refusal::OutOfStock(shortage))
            }
        };
        at_hand.settle(&Why::NEW_PROMISE, &mut recorder, None);
        let (place, today) = (placed?, recorder.today());
        self.lines.insert(wish.key.clone(), Some(At { product, place }));
        Ok(Outcome::LinePlaced {
            line: self.products[product].view(place, today),
            fresh: true,
        })
    }

    fn serve_backlog(&mut self, sku: &Sku, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let Some(&place) = self.by_sku.get(sku) else {
            return Err(Refusal::UnknownSku(Vec::from([sku.clone()])));
        };
        let product = &mut self.products[place];
        let mut effects = Effects::default();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        product.serve_backlog(recorder.moment());
        product.settle(&Why::NEW_PROMISE, &mut recorder, Some(&mut effects));
        Ok(Outcome::BacklogServed {
            allocated: effects.allocated.len(),
        })
    }

    fn product_or_new(&mut self, sku: &Sku) -> usize {
        if let Some(place) = self.by_sku.get(sku) {
            return *place;
        }
        let place = self.products.len();
        self.products.push(Product::new(sku.clone()));
        self.by_sku.insert(sku.clone(), place);
        place
    }

    fn batch_at(&mut self, reference: &Reference) -> Option<At> {
        self.batches_by_reference().get(reference).copied()
    }

    /// The batches at hand by reference. Most transactions name none, so they are only sorted once one does.
    fn batches_by_reference(&mut self) -> &mut BTreeMap<Reference, At> {
        self.batches.get_or_insert_with(|| {
            let products = self.products.iter().enumerate();
            products
                .flat_map(|(product, at_hand)| {
                    let batches = at_hand.batches().iter().enumerate();
                    batches.map(move |(place, batch)| (batch.reference().clone(), At { product, place }))
                })
                .collect()
        })
    }

    fn line(&self, at: At) -> &Line {
        self.products[at.product].line(at.place)
    }

    fn view_batch(&self, at: At, today: Date) -> BatchView {
        let product = &self.products[at.product];
        let record = product.batches()[at.place].record();
        BatchView::of(record.clone(), product.version(), today)
    }
}
