//! The ledger: the part of the books that one transaction has open.
//!
//! Commands are decided on it one after the other, each seeing what the ones before it did. A refused command leaves it
//! as it was, but for its OutOfStock events.

mod opening;
mod orders;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::command::{Allocate, Command, CreateBatch, OnShortage};
use crate::event::{Event, Kept, LineTerms, Occasion};
use crate::journal::Journal;
use crate::line::Line;
use crate::name::{LineKey, OrderId, ProductName, Reference, Sku};
use crate::outcome::{BatchView, Effects, Outcome, Refusal};
use crate::product::Product;
use crate::quantity::Count;
use crate::record::{Changes, OrderRecord};

/// Records that can't be true: somebody changed the books from outside, or they are damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

/// Lines did not fit the batches that were read of these products, and there are more: decide anew on a scope that has
/// them in [`whole_offers`](crate::Scope::whole_offers).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more batches have to be read of {} products", .0.len())]
pub struct Starved(pub BTreeSet<Sku>);

/// Where a batch or a line is at hand: the place of its product, and its own place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    product: usize,
    place: usize,
}

/// The open part of the books. See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// In the order in which they were read or made: each keeps its place.
    products: Vec<Product>,
    by_sku: BTreeMap<Sku, usize>,
    /// Each known line, and where it is at hand: nowhere, if its product is not.
    lines: BTreeMap<LineKey, Option<At>>,
    /// The batches at hand; `None` until a command asks for one by its reference.
    batches: Option<BTreeMap<Reference, At>>,
    /// The headers of orders placed whole.
    headers: BTreeSet<OrderId>,
    placed: Vec<OrderRecord>,
    events: Vec<Event>,
}

impl Ledger {
    /// Decides one command on the books as they stand, and keeps what it comes to.
    ///
    /// # Errors
    /// [`Refusal`] when the rules say no; nothing has changed then, but for OutOfStock events.
    pub fn decide(&mut self, command: &Command, occasion: &Occasion) -> Result<Outcome, Refusal> {
        match command {
            Command::NameProduct { sku, name } => Ok(self.name_product(sku, name, occasion)),
            Command::CreateBatch(create) => self.create_batch(create, occasion),
            Command::ChangeBatchQuantity { reference, quantity } => self.count_batch(reference, *quantity, occasion),
            Command::Allocate(allocate) => self.allocate(allocate, occasion),
            Command::PlaceOrder(place) => self.place_order(place, occasion),
            Command::CancelLine(key) => self.cancel_line(key, occasion),
            Command::CancelOrder(order) => self.cancel_order(order, occasion),
            Command::ServeBacklog(sku) => self.serve_backlog(sku, occasion),
        }
    }

    /// What has to be stored.
    ///
    /// # Errors
    /// [`Starved`] when more has to be read before anything decided here holds.
    pub fn close(self) -> Result<Changes, Starved> {
        let starved = self.products.iter().filter(|product| product.is_starved());
        let starved: BTreeSet<Sku> = starved.map(|product| product.sku().clone()).collect();
        if !starved.is_empty() {
            return Err(Starved(starved));
        }
        let mut changes = Changes {
            orders: self.placed,
            events: self.events,
            ..Changes::default()
        };
        let mut products = self.products;
        products.sort_by(|a, b| a.sku().cmp(b.sku()));
        for product in products {
            product.close(&mut changes);
        }
        Ok(changes)
    }

    fn name_product(&mut self, sku: &Sku, name: &ProductName, occasion: &Occasion) -> Outcome {
        let place = self.product_or_new(sku);
        let product = &mut self.products[place];
        let changed = product.rename(name, &mut Journal::new(occasion, &mut self.events));
        Outcome::ProductNamed {
            sku: sku.clone(),
            name: name.clone(),
            version: product.version(),
            changed,
        }
    }

    fn create_batch(&mut self, create: &CreateBatch, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if let Some(at) = self.batch_at(&create.reference) {
            let record = self.products[at.product].batches()[at.place].record();
            let same = record.sku == create.sku
                && record.created_quantity == create.quantity
                && record.eta == create.eta
                && record.location == create.location;
            return if same {
                Ok(Outcome::BatchCreated {
                    batch: self.view_batch(at, occasion.today()),
                    fresh: false,
                    effects: Effects::default(),
                })
            } else {
                Err(Refusal::BatchExists(create.reference.clone()))
            };
        }
        let product = self.product_or_new(&create.sku);
        let mut effects = Effects::default();
        let mut journal = Journal::new(occasion, &mut self.events);
        let place = self.products[product].create_batch(create, &mut journal, &mut effects);
        let at = At { product, place };
        self.batches_by_reference().insert(create.reference.clone(), at);
        Ok(Outcome::BatchCreated {
            batch: self.view_batch(at, occasion.today()),
            fresh: true,
            effects,
        })
    }

    fn count_batch(&mut self, reference: &Reference, to: Count, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let at = self
            .batch_at(reference)
            .ok_or_else(|| Refusal::UnknownBatch(reference.clone()))?;
        let batch = &self.products[at.product].batches()[at.place];
        if to.units() < batch.dispatched() {
            return Err(Refusal::BelowDispatched {
                reference: reference.clone(),
                dispatched: batch.dispatched(),
            });
        }
        let changed = to != batch.quantity();
        let mut effects = Effects::default();
        if changed {
            let mut journal = Journal::new(occasion, &mut self.events);
            self.products[at.product].count_batch(at.place, to, &mut journal, &mut effects);
        }
        Ok(Outcome::BatchChanged {
            batch: self.view_batch(at, occasion.today()),
            changed,
            effects,
        })
    }

    fn allocate(&mut self, allocate: &Allocate, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let wish = &allocate.wish;
        if let Some(known) = self.lines.get(&wish.key) {
            let same = known
                .map(|at| (&self.products[at.product], at.place))
                .filter(|(product, place)| {
                    *product.sku() == wish.sku && product.line(*place).quantity() == wish.quantity
                });
            return match same {
                Some((product, place)) => Ok(Outcome::LinePlaced {
                    line: product.view(place, occasion.today()),
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
            placed_at: occasion.now,
            placed_with_order: false,
        };
        let mut journal = Journal::new(occasion, &mut self.events);
        let at_hand = &mut self.products[product];
        let placed = match at_hand.draft(occasion.now).fit(wish.quantity, allocate.split) {
            Ok(allocations) => Ok(at_hand.place(terms, allocations)),
            Err(short) => {
                let shortage = short.of(wish.key.clone(), wish.sku.clone(), wish.quantity);
                let kept = match allocate.on_shortage {
                    OnShortage::Reject => Kept::Nothing,
                    OnShortage::Backorder => Kept::Backordered,
                };
                at_hand
                    .fall_short(terms, shortage.available, kept, &mut journal)
                    .ok_or(Refusal::OutOfStock(shortage))
            }
        };
        at_hand.settle(None, &mut journal, None);
        let (place, today) = (placed?, journal.today());
        self.lines.insert(wish.key.clone(), Some(At { product, place }));
        Ok(Outcome::LinePlaced {
            line: self.products[product].view(place, today),
            fresh: true,
        })
    }

    fn serve_backlog(&mut self, sku: &Sku, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let Some(&place) = self.by_sku.get(sku) else {
            return Err(Refusal::UnknownSku(Vec::from([sku.clone()])));
        };
        let product = &mut self.products[place];
        let mut effects = Effects::default();
        product.serve_backlog(occasion.now);
        let mut journal = Journal::new(occasion, &mut self.events);
        product.settle(None, &mut journal, Some(&mut effects));
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
        let record = self.products[at.product].batches()[at.place].record();
        BatchView::of(record.clone(), today)
    }
}
