//! Orders: deciding on all lines of an order at once, whatever products they are of.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{At, Ledger};
use crate::command::{OnOrderShortage, PlaceOrder};
use crate::draft::Draft;
use crate::event::{Fact, Kept, LineTerms, Occasion, Subject};
use crate::journal::Journal;
use crate::line::Allocation;
use crate::name::{LineId, LineKey, OrderId, Sku};
use crate::outcome::{LineView, OrderStatus, OrderView, Outcome, Refusal, Shortage};
use crate::record::OrderRecord;

/// Where a line of an order would have its units, or what it lacks.
type Fit = Result<Vec<Allocation>, Shortage>;

impl Ledger {
    pub(super) fn place_order(&mut self, place: &PlaceOrder, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if self.headers.contains(place.order()) || self.lines_of(place.order()).next().is_some() {
            return if self.was_placed_as(place) {
                Ok(Outcome::OrderPlaced {
                    order: self.view_order(place.order(), occasion.today()),
                    fresh: false,
                })
            } else {
                Err(Refusal::OrderExists(place.order().clone()))
            };
        }
        let products = self.products_of(place).map_err(Refusal::UnknownSku)?;
        let drafted = self.draft(place, &products, occasion.now);
        let shortages: Vec<Shortage> = drafted.iter().filter_map(|fit| fit.as_ref().err().cloned()).collect();
        let kept = match place.on_shortage() {
            OnOrderShortage::Backorder => Kept::Backordered,
            OnOrderShortage::Partial if shortages.len() < drafted.len() => Kept::Refused,
            OnOrderShortage::Partial | OnOrderShortage::Reject => Kept::Nothing,
        };
        let refused = kept == Kept::Nothing && !shortages.is_empty();
        let mut journal = Journal::new(occasion, &mut self.events);
        if !refused {
            self.headers.insert(place.order().clone());
            self.placed.push(OrderRecord {
                id: place.order().clone(),
                placed_at: occasion.now,
            });
            let lines = place.lines().iter().map(|line| line.line.clone()).collect();
            journal.note(Subject::Order(place.order().clone()), Fact::OrderPlaced { lines });
        }
        for ((line, fit), product) in place.lines().iter().zip(drafted).zip(products) {
            let terms = LineTerms {
                key: place.key(line),
                quantity: line.quantity,
                split: place.split(),
                placed_at: occasion.now,
                placed_with_order: true,
            };
            let at_hand = &mut self.products[product];
            let placed = match fit {
                Ok(_) if refused => continue,
                Ok(allocations) => Some(at_hand.place(terms, allocations)),
                Err(short) => at_hand.fall_short(terms, short.available, kept, &mut journal),
            };
            at_hand.settle(None, &mut journal, None);
            if let Some(at) = placed.map(|place| At { product, place }) {
                self.lines.insert(place.key(line), Some(at));
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

    /// The place of each line's product, or the SKUs that there are no products of.
    fn products_of(&self, place: &PlaceOrder) -> Result<Vec<usize>, Vec<Sku>> {
        let mut unknown = BTreeSet::new();
        let mut products = Vec::with_capacity(place.lines().len());
        for line in place.lines() {
            match self.by_sku.get(&line.sku) {
                Some(product) => products.push(*product),
                None => {
                    unknown.insert(&line.sku);
                }
            }
        }
        if unknown.is_empty() {
            Ok(products)
        } else {
            Err(unknown.into_iter().cloned().collect())
        }
    }

    /// Finds room for each line, or says what it lacks. Lines of one SKU count together.
    fn draft(&self, place: &PlaceOrder, products: &[usize], now: Timestamp) -> Vec<Fit> {
        let mut drafts: BTreeMap<usize, Draft<'_>> = BTreeMap::new();
        let lines = place.lines().iter().zip(products);
        lines
            .map(|(line, product)| {
                drafts
                    .entry(*product)
                    .or_insert_with(|| self.products[*product].draft(now))
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
            .filter_map(|(_, at)| at)
            .map(|at| (self.products[at.product].sku(), self.line(at)))
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

    pub(super) fn cancel_line(&mut self, key: &LineKey, occasion: &Occasion) -> Result<Outcome, Refusal> {
        if self.lines_of(&key.order).next().is_none() {
            return Err(Refusal::UnknownOrder(key.order.clone()));
        }
        let known = self.lines.get(key).ok_or_else(|| Refusal::UnknownLine(key.clone()))?;
        let line = at_hand(*known);
        Ok(self.cancel(&key.order, &[line], occasion))
    }

    pub(super) fn cancel_order(&mut self, order: &OrderId, occasion: &Occasion) -> Result<Outcome, Refusal> {
        let lines: Vec<At> = self.lines_of(order).map(|(_, known)| at_hand(known)).collect();
        if lines.is_empty() {
            return Err(Refusal::UnknownOrder(order.clone()));
        }
        Ok(self.cancel(order, &lines, occasion))
    }

    fn cancel(&mut self, order: &OrderId, lines: &[At], occasion: &Occasion) -> Outcome {
        let mut freed = BTreeMap::new();
        for at in lines {
            let product = &mut self.products[at.product];
            if product.cancel(at.place) {
                freed.insert(product.sku().clone(), at.product);
            }
        }
        for product in freed.values() {
            let product = &mut self.products[*product];
            product.serve_backlog(occasion.now);
            product.settle(None, &mut Journal::new(occasion, &mut self.events), None);
        }
        let view = self.view_order(order, occasion.today());
        let changed = !freed.is_empty();
        if changed && view.status == OrderStatus::Cancelled {
            let mut journal = Journal::new(occasion, &mut self.events);
            journal.note(Subject::Order(order.clone()), Fact::OrderCancelled);
        }
        Outcome::Cancelled { order: view, changed }
    }

    /// The known lines of an order by line id, and where they are at hand.
    fn lines_of(&self, order: &OrderId) -> impl Iterator<Item = (&LineKey, Option<At>)> {
        let first = LineKey {
            order: order.clone(),
            line: LineId::before_any(),
        };
        self.lines
            .range(first..)
            .map(|(key, known)| (key, *known))
            .take_while(move |(key, _)| key.order == *order)
    }

    fn view_order(&self, order: &OrderId, today: Date) -> OrderView {
        let lines: Vec<LineView> = self
            .lines_of(order)
            .filter_map(|(_, at)| at)
            .map(|at| self.products[at.product].view(at.place, today))
            .collect();
        OrderView {
            id: order.clone(),
            status: OrderStatus::of(lines.iter().map(|line| line.state)),
            lines,
        }
    }
}

/// Where a line is whose order was read: with its product.
fn at_hand(known: Option<At>) -> At {
    known.expect("the product of a known line is at hand")
}
