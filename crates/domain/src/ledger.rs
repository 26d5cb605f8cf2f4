//! The ledger: the part of the books that one transaction has open.
//!
//! Commands are decided on it one after the other, each seeing what the ones before it did. A refused command leaves it
//! as it was, but for its OutOfStock events.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::command::{Allocate, Command, CreateBatch, OnOrderShortage, OnShortage, PlaceOrder};
use crate::draft::Draft;
use crate::event::{Event, Fact, Kept, LineTerms, Occasion, Subject};
use crate::line::{Line, Part, Standing};
use crate::name::{LineId, LineKey, OrderId, ProductName, Reference, Sku};
use crate::outcome::{BatchView, LineView, OrderStatus, OrderView, Outcome, Refusal, Shortage};
use crate::product::Product;
use crate::quantity::Count;
use crate::record::{AllocationRecord, Change, Changes, Loaded, OrderRecord, ProductChange};

/// Records that can't be true: somebody changed the books from outside, or they are damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

/// Lines did not fit the batches that were read of these products, and there are more: decide anew on a scope that has
/// them in [`whole_offers`](crate::Scope::whole_offers).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more batches have to be read of {} products", .0.len())]
pub struct Starved(pub BTreeSet<Sku>);

/// The open part of the books. See the [module](self).
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    products: BTreeMap<Sku, Product>,
    /// Which product each known line is of, by order: also of lines whose product is not at hand.
    lines: BTreeMap<OrderId, BTreeMap<LineId, Sku>>,
    /// Which product each known batch is of.
    batches: BTreeMap<Reference, Sku>,
    /// The headers of orders placed whole.
    headers: BTreeSet<OrderId>,
    placed: Vec<OrderRecord>,
    events: Vec<Event>,
}

impl Ledger {
    /// Makes aggregates of what a store read.
    ///
    /// # Errors
    /// [`Corrupt`] when the records can't be true: more committed than a batch holds, a line that holds other units
    /// than its state says, an allocation in a batch that does not exist.
    pub fn open(loaded: Loaded) -> Result<Self, Corrupt> {
        let mut ledger = Self::default();
        for record in loaded.products {
            ledger.products.insert(record.sku.clone(), Product::stored(record));
        }
        for record in loaded.batches {
            let committed = record.allocated.checked_add(record.dispatched);
            if committed.is_none_or(|units| units > record.quantity.units()) {
                return Err(Corrupt(format!(
                    "batch {} holds {} units, but {} are allocated and {} dispatched",
                    record.reference, record.quantity, record.allocated, record.dispatched
                )));
            }
            ledger.batches.insert(record.reference.clone(), record.sku.clone());
            if let Some(product) = ledger.products.get_mut(&record.sku) {
                product.add_stored_batch(record);
            }
        }
        for read in loaded.backlog {
            if let Some(product) = ledger.products.get_mut(&read.sku) {
                product.read_backlog(read.until);
            }
        }
        for cut in loaded.cut_offers {
            if let Some(product) = ledger.products.get_mut(&cut.sku) {
                product.cut_offer(cut.after);
            }
        }
        let mut allocations: BTreeMap<LineKey, Vec<AllocationRecord>> = BTreeMap::new();
        for allocation in loaded.allocations {
            allocations.entry(allocation.key.clone()).or_default().push(allocation);
        }
        ledger.products.values_mut().for_each(Product::sort);
        for record in loaded.lines {
            ledger.know(&record.key, &record.sku);
            if let Some(product) = ledger.products.get_mut(&record.sku) {
                let mut held = allocations.remove(&record.key).unwrap_or_default();
                let preferred = |allocation: &AllocationRecord| {
                    product
                        .batches()
                        .iter()
                        .position(|batch| *batch.reference() == allocation.batch)
                };
                if let Some(lost) = held.iter().find(|allocation| preferred(allocation).is_none()) {
                    return Err(Corrupt(format!(
                        "line {} holds units in batch {}, which does not exist",
                        lost.key, lost.batch
                    )));
                }
                held.sort_by_key(preferred);
                let line = Line::stored(record, held);
                if !line.is_whole() {
                    return Err(Corrupt(format!(
                        "line {} is {} with other units than that means",
                        line.key(),
                        line.state().as_str()
                    )));
                }
                product.add_stored_line(line);
            }
        }
        ledger.headers.extend(loaded.orders.into_iter().map(|order| order.id));
        Ok(ledger)
    }

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
        let starved: BTreeSet<Sku> = self
            .products
            .values()
            .filter(|product| product.is_starved())
            .map(|product| product.sku().clone())
            .collect();
        if !starved.is_empty() {
            return Err(Starved(starved));
        }
        let mut changes = Changes {
            orders: self.placed,
            events: self.events,
            ..Changes::default()
        };
        for product in self.products.values() {
            if product.as_stored() != Some(product.record()) {
                changes.products.push(ProductChange {
                    read_version: product.as_stored().map(|record| record.version),
                    record: product.record().clone(),
                });
            }
            for batch in product.batches() {
                match batch.unsaved() {
                    Some(true) => changes.batches.push(Change::New(batch.record().clone())),
                    Some(false) => changes.batches.push(Change::Changed(batch.record().clone())),
                    None => {}
                }
            }
            for line in product.lines() {
                changes.note_line(product.sku(), line);
            }
        }
        Ok(changes)
    }

    fn name_product(&mut self, sku: &Sku, name: &ProductName, occasion: &Occasion) -> Outcome {
        let product = self.product_or_new(sku);
        let changed = product.rename(name, occasion);
        let version = product.version();
        self.collect(sku);
        Outcome::ProductNamed {
            sku: sku.clone(),
            name: name.clone(),
            version,
            changed,
        }
    }

    fn create_batch(&mut self, create: &CreateBatch, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if let Some(existing) = self.batch(&create.reference) {
            let record = existing.record();
            let same = record.sku == create.sku
                && record.created_quantity == create.quantity
                && record.eta == create.eta
                && record.location == create.location;
            return if same {
                Ok(Outcome::BatchCreated {
                    batch: BatchView::of(record.clone(), occasion.today()),
                    fresh: false,
                    effects: crate::Effects::default(),
                })
            } else {
                Err(Refusal::BatchExists(create.reference.clone()))
            };
        }
        let effects = self.product_or_new(&create.sku).create_batch(create, occasion);
        self.batches.insert(create.reference.clone(), create.sku.clone());
        self.collect(&create.sku);
        Ok(Outcome::BatchCreated {
            batch: self.view_batch(&create.reference, occasion.today())?,
            fresh: true,
            effects,
        })
    }

    fn count_batch(&mut self, reference: &Reference, to: Count, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let batch = self
            .batch(reference)
            .ok_or_else(|| Refusal::UnknownBatch(reference.clone()))?;
        if to.units() < batch.dispatched() {
            return Err(Refusal::BelowDispatched {
                reference: reference.clone(),
                dispatched: batch.dispatched(),
            });
        }
        let changed = to != batch.quantity();
        let sku = batch.sku().clone();
        let mut effects = crate::Effects::default();
        if changed {
            effects = self.product_mut(&sku).count_batch(reference, to, occasion);
            self.collect(&sku);
        }
        Ok(Outcome::BatchChanged {
            batch: self.view_batch(reference, occasion.today())?,
            changed,
            effects,
        })
    }

    fn allocate(&mut self, allocate: &Allocate, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let wish = &allocate.wish;
        if let Some(sku) = self.sku_of(&wish.key) {
            let line = self.line(&wish.key).filter(|line| line.quantity() == wish.quantity);
            return match line {
                Some(line) if *sku == wish.sku => Ok(Outcome::LinePlaced {
                    line: self.products[sku].view(line, occasion.today()),
                    fresh: false,
                }),
                _ => Err(Refusal::LineExists(wish.key.clone())),
            };
        }
        let Some(product) = self.products.get_mut(&wish.sku) else {
            return Err(Refusal::UnknownSku(Vec::from([wish.sku.clone()])));
        };
        let terms = LineTerms {
            key: wish.key.clone(),
            quantity: wish.quantity,
            split: allocate.split,
            placed_at: occasion.now,
            placed_with_order: false,
        };
        let fit = product.draft().fit(wish.quantity, allocate.split);
        let refused = match fit {
            Ok(parts) => {
                product.place(terms, parts, occasion);
                None
            }
            Err(short) => {
                let shortage = short.of(wish.key.clone(), wish.sku.clone(), wish.quantity);
                let kept = match allocate.on_shortage {
                    OnShortage::Reject => Kept::Nothing,
                    OnShortage::Backorder => Kept::Backordered,
                };
                product.fall_short(terms, shortage.available, kept, occasion);
                (kept == Kept::Nothing).then_some(Refusal::OutOfStock(shortage))
            }
        };
        product.settle(None, occasion);
        self.collect(&wish.sku);
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        self.know(&wish.key, &wish.sku);
        Ok(Outcome::LinePlaced {
            line: self.view_line(&wish.key, occasion.today())?,
            fresh: true,
        })
    }

    fn place_order(&mut self, place: &PlaceOrder, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if self.headers.contains(place.order()) || self.lines.contains_key(place.order()) {
            return if self.was_placed_as(place) {
                Ok(Outcome::OrderPlaced {
                    order: self.view_order(place.order(), occasion.today()),
                    fresh: false,
                })
            } else {
                Err(Refusal::OrderExists(place.order().clone()))
            };
        }
        let unknown: BTreeSet<&Sku> = place
            .lines()
            .iter()
            .map(|line| &line.sku)
            .filter(|sku| !self.products.contains_key(*sku))
            .collect();
        if !unknown.is_empty() {
            return Err(Refusal::UnknownSku(unknown.into_iter().cloned().collect()));
        }
        let drafted = self.draft(place);
        let shortages: Vec<Shortage> = drafted.iter().filter_map(|fit| fit.clone().err()).collect();
        let kept = match place.on_shortage() {
            OnOrderShortage::Backorder => Kept::Backordered,
            OnOrderShortage::Partial if shortages.len() < drafted.len() => Kept::Refused,
            OnOrderShortage::Partial | OnOrderShortage::Reject => Kept::Nothing,
        };
        let refused = kept == Kept::Nothing && !shortages.is_empty();
        if !refused {
            self.headers.insert(place.order().clone());
            self.placed.push(OrderRecord {
                id: place.order().clone(),
                placed_at: occasion.now,
            });
            let lines = place.lines().iter().map(|line| line.line.clone()).collect();
            self.happened(place.order(), Fact::OrderPlaced { lines }, occasion);
        }
        for (line, fit) in place.lines().iter().zip(drafted) {
            let key = place.key(line);
            let terms = LineTerms {
                key: key.clone(),
                quantity: line.quantity,
                split: place.split(),
                placed_at: occasion.now,
                placed_with_order: true,
            };
            match fit {
                Ok(_) if refused => continue,
                Ok(parts) => self.product_mut(&line.sku).place(terms, parts, occasion),
                Err(short) => self
                    .product_mut(&line.sku)
                    .fall_short(terms, short.available, kept, occasion),
            }
            self.product_mut(&line.sku).settle(None, occasion);
            self.collect(&line.sku);
            if !refused {
                self.know(&key, &line.sku);
            }
        }
        if refused {
            return Err(Refusal::Shortages(shortages));
        }
        Ok(Outcome::OrderPlaced {
            order: self.view_order(place.order(), occasion.today()),
            fresh: true,
        })
    }

    /// Finds room for each line, or says what it lacks. Lines of one SKU count together.
    fn draft(&self, place: &PlaceOrder) -> Vec<Result<Vec<Part>, Shortage>> {
        let mut drafts: BTreeMap<&Sku, Draft<'_>> = BTreeMap::new();
        place
            .lines()
            .iter()
            .map(|line| {
                drafts
                    .entry(&line.sku)
                    .or_insert_with(|| self.products[&line.sku].draft())
                    .fit(line.quantity, place.split())
                    .map_err(|short| short.of(place.key(line), line.sku.clone(), line.quantity))
            })
            .collect()
    }

    /// Whether the order that exists was placed with these lines. Lines that were added to it since don't count.
    fn was_placed_as(&self, place: &PlaceOrder) -> bool {
        let whole = self.headers.contains(place.order());
        let placed: BTreeSet<_> = self
            .lines_of(place.order())
            .filter(|(_, line)| line.terms().placed_with_order == whole)
            .map(|(sku, line)| (&line.key().line, sku, line.quantity()))
            .collect();
        let asked: BTreeSet<_> = place
            .lines()
            .iter()
            .map(|line| (&line.line, &line.sku, line.quantity))
            .collect();
        placed == asked
    }

    fn cancel_line(&mut self, key: &LineKey, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if !self.lines.contains_key(&key.order) {
            return Err(Refusal::UnknownOrder(key.order.clone()));
        }
        let sku = self
            .sku_of(key)
            .cloned()
            .ok_or_else(|| Refusal::UnknownLine(key.clone()))?;
        Ok(self.cancel(&key.order, Vec::from([(key.line.clone(), sku)]), occasion))
    }

    fn cancel_order(&mut self, order: &OrderId, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let lines = self
            .lines
            .get(order)
            .ok_or_else(|| Refusal::UnknownOrder(order.clone()))?;
        let all = lines.iter().map(|(line, sku)| (line.clone(), sku.clone())).collect();
        Ok(self.cancel(order, all, occasion))
    }

    fn cancel(&mut self, order: &OrderId, lines: Vec<(LineId, Sku)>, occasion: &Occasion) -> Outcome {
        let mut freed = BTreeSet::new();
        for (line, sku) in lines {
            let key = LineKey {
                order: order.clone(),
                line,
            };
            if self.product_mut(&sku).cancel(&key) {
                freed.insert(sku);
            }
        }
        for sku in &freed {
            let product = self.product_mut(sku);
            product.serve_backlog(occasion.now);
            product.settle(None, occasion);
            self.collect(sku);
        }
        let view = self.view_order(order, occasion.today());
        let changed = !freed.is_empty();
        if changed && view.status == OrderStatus::Cancelled {
            self.happened(order, Fact::OrderCancelled, occasion);
        }
        Outcome::Cancelled { order: view, changed }
    }

    fn serve_backlog(&mut self, sku: &Sku, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let Some(product) = self.products.get_mut(sku) else {
            return Err(Refusal::UnknownSku(Vec::from([sku.clone()])));
        };
        product.serve_backlog(occasion.now);
        let effects = product.settle(None, occasion);
        self.collect(sku);
        Ok(Outcome::BacklogServed {
            allocated: effects.allocated.len(),
        })
    }

    fn product_or_new(&mut self, sku: &Sku) -> &mut Product {
        self.products
            .entry(sku.clone())
            .or_insert_with(|| Product::new(sku.clone()))
    }

    fn product_mut(&mut self, sku: &Sku) -> &mut Product {
        self.products
            .get_mut(sku)
            .expect("the product of a known line is at hand")
    }

    fn batch(&self, reference: &Reference) -> Option<&crate::Batch> {
        let sku = self.batches.get(reference)?;
        self.products.get(sku)?.batch(reference)
    }

    fn sku_of(&self, key: &LineKey) -> Option<&Sku> {
        self.lines.get(&key.order)?.get(&key.line)
    }

    fn line(&self, key: &LineKey) -> Option<&Line> {
        self.products.get(self.sku_of(key)?)?.line(key)
    }

    fn lines_of(&self, order: &OrderId) -> impl Iterator<Item = (&Sku, &Line)> {
        self.lines.get(order).into_iter().flatten().filter_map(|(line, sku)| {
            let key = LineKey {
                order: order.clone(),
                line: line.clone(),
            };
            Some((sku, self.products.get(sku)?.line(&key)?))
        })
    }

    fn know(&mut self, key: &LineKey, sku: &Sku) {
        self.lines
            .entry(key.order.clone())
            .or_default()
            .insert(key.line.clone(), sku.clone());
    }

    fn view_batch(&self, reference: &Reference, today: Date) -> Result<BatchView, Refusal> {
        self.batch(reference)
            .map(|batch| BatchView::of(batch.record().clone(), today))
            .ok_or_else(|| Refusal::UnknownBatch(reference.clone()))
    }

    fn view_line(&self, key: &LineKey, today: Date) -> Result<LineView, Refusal> {
        self.line(key)
            .zip(self.sku_of(key))
            .map(|(line, sku)| self.products[sku].view(line, today))
            .ok_or_else(|| Refusal::UnknownLine(key.clone()))
    }

    fn view_order(&self, order: &OrderId, today: Date) -> OrderView {
        let lines: Vec<LineView> = self
            .lines_of(order)
            .map(|(sku, line)| self.products[sku].view(line, today))
            .collect();
        OrderView {
            id: order.clone(),
            status: OrderStatus::of(lines.iter().map(|line| line.state)),
            lines,
        }
    }

    /// Takes over what happened to a product, behind what happened before.
    fn collect(&mut self, sku: &Sku) {
        let events = self.product_mut(sku).take_events();
        self.events.extend(events);
    }

    fn happened(&mut self, order: &OrderId, fact: Fact, occasion: &Occasion) {
        self.events.push(Event {
            subject: Subject::Order(order.clone()),
            occurred_at: occasion.now,
            actor: occasion.actor.clone(),
            correlation_id: occasion.correlation_id.clone(),
            fact,
        });
    }
}

impl Changes {
    /// Adds what changed of a line since it was read: the line itself, and the allocations that differ.
    fn note_line(&mut self, sku: &Sku, line: &Line) {
        let stored = line.as_stored();
        if stored == Some(line.standing()) {
            return;
        }
        match stored {
            None => self.lines.push(Change::New(line.record(sku))),
            Some(before) if before.state != line.state() => self.lines.push(Change::Changed(line.record(sku))),
            Some(_) => {}
        }
        let records = |standing: &Standing| -> Vec<AllocationRecord> {
            standing
                .allocations
                .iter()
                .map(|allocation| AllocationRecord {
                    key: line.key().clone(),
                    batch: allocation.part.batch.clone(),
                    quantity: allocation.part.quantity,
                    allocated_at: allocation.allocated_at,
                })
                .collect()
        };
        let (before, after) = (stored.map(records).unwrap_or_default(), records(line.standing()));
        self.earmarked
            .extend(after.iter().filter(|a| !before.contains(a)).cloned());
        self.released.extend(before.into_iter().filter(|b| !after.contains(b)));
    }
}
