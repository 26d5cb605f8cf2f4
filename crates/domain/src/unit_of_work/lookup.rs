//! Finding products, batches, orders and lines in the unit of work, showing them, and serving their backlogs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::civil::Date;

use super::{BatchAt, LineAt, UnitOfWork};
use crate::answers::refusal::Refusal;
use crate::answers::view::{BatchView, LineView, OrderView};
use crate::commands::command::Command;
use crate::context::DecisionContext;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::locations::Locations;
use crate::language::name::{LineId, LineKey, Location, OrderId, Reference, Sku};
use crate::stock::batch::Batch;
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;
use crate::stock::line::Line;
use crate::stock::product::Product;

impl UnitOfWork {
    /// Whether a command touches one of these products, by itself or by what it names. For a command of the scope that
    /// was loaded.
    #[must_use]
    pub fn touches(&mut self, command: &Command, skus: &BTreeSet<Sku>) -> bool {
        let scope = command.scope();
        if !scope.skus.is_disjoint(skus) {
            return true;
        }
        let of_batches = scope.batches.iter().filter_map(|batch| self.find_batch(batch));
        let mut products: BTreeSet<ProductIndex> = of_batches.map(|at| at.product).collect();
        let of_orders = scope.orders.iter().flat_map(|order| self.loaded_lines_of(order));
        products.extend(of_orders.map(|at| at.product));
        let of_lines = scope
            .lines
            .iter()
            .filter_map(|key| self.lines.get(key).copied().flatten());
        products.extend(of_lines.map(|at| at.product));
        products
            .into_iter()
            .any(|product| skus.contains(self.products[product].sku()))
    }

    /// The SKUs of what a command changes and names by something else: of the batch, or of each line of the order, as many
    /// times as it has lines. Empty: there is no such batch or order, or the command names SKUs. For a command of the scope
    /// that was loaded.
    #[must_use]
    pub fn skus_behind(&mut self, command: &Command) -> Vec<&Sku> {
        let products: Vec<ProductIndex> = if let Some(batch) = command.changed_batch() {
            self.find_batch(batch).map(|at| at.product).into_iter().collect()
        } else if let Some(order) = command.changed_order() {
            self.loaded_lines_of(order).map(|at| at.product).collect()
        } else {
            Vec::new()
        };
        products
            .into_iter()
            .map(|product| self.products[product].sku())
            .collect()
    }

    /// The product of a SKU, which is created if it does not exist.
    pub(super) fn product_or_new(&mut self, sku: &Sku) -> ProductIndex {
        if let Some(product) = self.by_sku.get(sku) {
            return *product;
        }
        let product = self.products.push(Product::new(sku.clone()));
        self.by_sku.insert(sku.clone(), product);
        product
    }

    /// The products of these SKUs; [`Refusal::UnknownSku`] names the SKUs without a product.
    pub(super) fn products_of(&self, skus: &[&Sku]) -> Result<Vec<ProductIndex>, Refusal> {
        let known = skus.iter().filter_map(|sku| self.by_sku.get(*sku).copied());
        let known: Vec<ProductIndex> = known.collect();
        if known.len() == skus.len() {
            return Ok(known);
        }
        let unknown: BTreeSet<&Sku> = skus
            .iter()
            .filter(|sku| !self.by_sku.contains_key(**sku))
            .copied()
            .collect();
        Err(Refusal::UnknownSku(unknown.into_iter().cloned().collect()))
    }

    /// Checks that no line names a location that is unknown; [`Refusal::UnknownLocation`] names all that are.
    pub(super) fn check_locations<'l>(&self, named: impl IntoIterator<Item = &'l Locations>) -> Result<(), Refusal> {
        let named = named.into_iter().flat_map(Locations::as_slice);
        let unknown: BTreeSet<&Location> = named.filter(|location| !self.knows(location)).collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Refusal::UnknownLocation(unknown.into_iter().cloned().collect()))
        }
    }

    /// Whether there ever was a batch at a location, of any product.
    fn knows(&self, location: &Location) -> bool {
        let mut batches = self.products.iter().flat_map(|product| product.batches().iter());
        self.known_locations.contains(location) || batches.any(|batch| batch.record().location == *location)
    }

    pub(super) fn find_batch(&mut self, reference: &Reference) -> Option<BatchAt> {
        self.batches_by_reference().get(reference).copied()
    }

    /// The loaded batches by reference. Most transactions name no batch, so the map is only built when one does.
    pub(super) fn batches_by_reference(&mut self) -> &mut BTreeMap<Reference, BatchAt> {
        self.batches.get_or_insert_with(|| {
            let products = self.products.iter_indexed();
            products
                .flat_map(|(product, loaded)| {
                    let batches = loaded.batches().iter_indexed();
                    batches.map(move |(index, batch)| (batch.reference().clone(), BatchAt { product, batch: index }))
                })
                .collect()
        })
    }

    pub(super) fn batch(&self, at: BatchAt) -> &Batch {
        self.products[at.product].batch(at.batch)
    }

    pub(super) fn line(&self, at: LineAt) -> &Line {
        self.products[at.product].line(at.line)
    }

    /// The known lines of an order by line id; `None` for a line whose product was not loaded.
    pub(super) fn lines_of(&self, order: &OrderId) -> impl Iterator<Item = (&LineKey, Option<LineAt>)> {
        let first = LineKey {
            order: order.clone(),
            line: LineId::before_any(),
        };
        self.lines
            .range(first..)
            .map(|(key, at)| (key, *at))
            .take_while(move |(key, _)| key.order == *order)
    }

    /// The lines of an order that were loaded with their products, by line id.
    pub(super) fn loaded_lines_of(&self, order: &OrderId) -> impl Iterator<Item = LineAt> {
        self.lines_of(order).filter_map(|(_, at)| at)
    }

    /// The lines of an order that a command names, by line id.
    pub(super) fn named_order(&self, order: &OrderId) -> Result<Vec<LineAt>, Refusal> {
        let lines: Vec<LineAt> = self.lines_of(order).map(|(_, at)| loaded(at)).collect();
        if lines.is_empty() {
            return Err(Refusal::UnknownOrder(order.clone()));
        }
        Ok(lines)
    }

    /// A line that a command names.
    pub(super) fn named_line(&self, key: &LineKey) -> Result<LineAt, Refusal> {
        if self.lines_of(&key.order).next().is_none() {
            return Err(Refusal::UnknownOrder(key.order.clone()));
        }
        let at = self.lines.get(key).ok_or_else(|| Refusal::UnknownLine(key.clone()))?;
        Ok(loaded(*at))
    }

    /// A batch that a command names.
    pub(super) fn named_batch(&mut self, reference: &Reference) -> Result<BatchAt, Refusal> {
        self.find_batch(reference)
            .ok_or_else(|| Refusal::UnknownBatch(reference.clone()))
    }

    pub(super) fn view_batch(&self, at: BatchAt) -> BatchView {
        let version = self.products[at.product].version();
        BatchView::of(self.batch(at).record().clone(), version)
    }

    pub(super) fn view_line(&self, at: LineAt, today: Date) -> LineView {
        self.products[at.product].view(at.line, today)
    }

    pub(super) fn view_order(&self, order: &OrderId, today: Date) -> OrderView {
        let lines = self.loaded_lines_of(order).map(|at| self.view_line(at, today));
        let header = self.headers.get(order).map(|header| &header.record);
        OrderView::of(order.clone(), header, lines.collect())
    }

    /// Serves the backlogs of products with units that may be free, in the order of their SKUs, and emits the events of
    /// the command.
    pub(super) fn serve_backlogs_and_emit(
        &mut self,
        products: &BTreeSet<ProductIndex>,
        cause: &Cause,
        context: &DecisionContext,
    ) {
        let mut products: Vec<ProductIndex> = products.iter().copied().collect();
        products.sort_by(|a, b| self.products[*a].sku().cmp(self.products[*b].sku()));
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for product in products {
            let product = &mut self.products[product];
            product.serve_backlog(recorder.time(), recorder.improve());
            product.emit_events(cause, &mut recorder, None);
        }
    }

    /// Records a fact about an order as a whole.
    pub(super) fn record_of_order(&mut self, order: &OrderId, fact: Fact, context: &DecisionContext) {
        let mut recorder = EventRecorder::new(context, &mut self.events);
        recorder.record(Subject::Order(order.clone()), fact);
    }
}

/// A line of an order that was read: its product was loaded with it.
fn loaded(at: Option<LineAt>) -> LineAt {
    at.expect("the products of an order's lines are loaded")
}
