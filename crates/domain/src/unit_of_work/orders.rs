//! Orders: deciding on all lines of an order at once, whatever products they are of.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::civil::Date;

use super::{At, Header, UnitOfWork};
use crate::context::{DecisionContext, DecisionTime};
use crate::draft::{Draft, Seek};
use crate::event::{Fact, LineTerms, Subject};
use crate::event_recorder::EventRecorder;
use crate::line::{Allocation, LineState};
use crate::name::{LineId, LineKey, OrderId, Sku};
use crate::outcome::Outcome;
use crate::place_order::{OnOrderShortage, PlaceOrder};
use crate::product::Why;
use crate::reason::ShortageOutcome;
use crate::record::OrderRecord;
use crate::refusal::{Refusal, Shortage};
use crate::view::{LineView, OrderStatus, OrderView};

/// Where a line of an order would have its units, or what it lacks.
pub(super) type Fit = Result<Vec<Allocation>, Shortage>;

/// What becomes of the lines that do not fit, and whether the order is refused for them.
pub(super) fn kept(on_shortage: OnOrderShortage, drafted: &[Fit]) -> Result<ShortageOutcome, Vec<Shortage>> {
    let shortages = drafted.iter().filter_map(|fit| fit.as_ref().err());
    let short = shortages.clone().count();
    match on_shortage {
        _ if short == 0 => Ok(ShortageOutcome::Nothing),
        OnOrderShortage::Backorder => Ok(ShortageOutcome::Backordered),
        OnOrderShortage::Partial if short < drafted.len() => Ok(ShortageOutcome::Refused),
        OnOrderShortage::Partial | OnOrderShortage::Reject => Err(shortages.cloned().collect()),
    }
}

impl UnitOfWork {
    pub(super) fn place_order(&mut self, place: &PlaceOrder, context: &DecisionContext) -> Result<Outcome, Refusal> {
        if self.headers.contains_key(place.order()) || self.lines_of(place.order()).next().is_some() {
            return if self.was_placed_as(place) {
                Ok(Outcome::OrderPlaced {
                    order: self.view_order(place.order(), context.today()),
                    fresh: false,
                })
            } else {
                Err(Refusal::OrderExists(place.order().clone()))
            };
        }
        let products = self.products_of(place).map_err(Refusal::UnknownSku)?;
        let terms: Vec<LineTerms> = terms_of(place, context).collect();
        let drafted = self.draft(&terms, &products, context.moment());
        let (kept, refused) = match kept(place.terms().on_shortage, &drafted) {
            Ok(kept) => (kept, None),
            Err(shortages) => (ShortageOutcome::Nothing, Some(shortages)),
        };
        let mut recorder = EventRecorder::new(context, &mut self.events);
        if refused.is_none() {
            let record = header(place, context);
            recorder.note(
                Subject::Order(record.id.clone()),
                Fact::OrderPlaced {
                    lines: place.lines().iter().map(|line| line.line.clone()).collect(),
                    precedence: record.precedence,
                },
            );
            if let Some(until) = record.hold_until {
                recorder.note(Subject::Order(record.id.clone()), Fact::HoldPlaced { until });
            }
            let id = record.id.clone();
            self.headers.insert(id, Header { record, stored: None });
        }
        for ((terms, fit), product) in terms.into_iter().zip(drafted).zip(products) {
            let at_hand = &mut self.products[product];
            let key = terms.key.clone();
            let placed = match fit {
                Ok(_) if refused.is_some() => continue,
                Ok(allocations) => Some(at_hand.place(terms, allocations)),
                Err(short) => at_hand.fall_short(terms, short.available, kept, &mut recorder),
            };
            at_hand.settle(&Why::NEW_PROMISE, &mut recorder, None);
            if let Some(at) = placed.map(|place| At { product, place }) {
                self.lines.insert(key, Some(at));
            }
        }
        match refused {
            Some(shortages) => Err(Refusal::Shortages(shortages)),
            None => Ok(Outcome::OrderPlaced {
                order: self.view_order(place.order(), context.today()),
                fresh: true,
            }),
        }
    }

    /// The place of each line's product, or the SKUs that there are no products of.
    pub(super) fn products_of(&self, place: &PlaceOrder) -> Result<Vec<usize>, Vec<Sku>> {
        let skus: Vec<&Sku> = place.lines().iter().map(|line| &line.sku).collect();
        self.places_of(&skus)
    }

    /// The place of each product, or the SKUs that there are no products of.
    pub(super) fn places_of(&self, skus: &[&Sku]) -> Result<Vec<usize>, Vec<Sku>> {
        let places: Vec<usize> = skus.iter().filter_map(|sku| self.by_sku.get(*sku).copied()).collect();
        if places.len() == skus.len() {
            return Ok(places);
        }
        let unknown: BTreeSet<&Sku> = skus
            .iter()
            .filter(|sku| !self.by_sku.contains_key(**sku))
            .copied()
            .collect();
        Err(unknown.into_iter().cloned().collect())
    }

    /// Finds room for each line, or says what it lacks. Lines of one SKU count together.
    pub(super) fn draft(&mut self, terms: &[LineTerms], products: &[usize], moment: DecisionTime) -> Vec<Fit> {
        for (terms, product) in terms.iter().zip(products) {
            self.products[*product].look_for(&terms.locations);
        }
        let mut drafts: BTreeMap<usize, Draft<'_>> = BTreeMap::new();
        let lines = terms.iter().zip(products);
        lines
            .map(|(terms, product)| {
                let draft = drafts
                    .entry(*product)
                    .or_insert_with(|| self.products[*product].draft(moment));
                let seek = Seek::of(terms);
                draft.fit(seek).map_err(|short| {
                    let remedy = draft.remedy(seek, short);
                    let sku = self.products[*product].sku().clone();
                    short.of(terms.key.clone(), sku, terms.quantity, remedy)
                })
            })
            .collect()
    }

    /// Whether the order that exists was placed with these lines, on these terms. Lines that were added to it since don't
    /// count.
    pub(super) fn was_placed_as(&self, place: &PlaceOrder) -> bool {
        let header = self.headers.get(place.order()).map(|header| &header.record);
        let whole = header.is_some();
        let same_terms = header.is_none_or(|header| {
            header.precedence == place.terms().precedence
                && header.hold_until.is_some() == place.terms().hold_for.is_some()
        });
        same_terms && self.has_lines_of(place, whole)
    }

    /// Whether the lines that came with an order are these.
    pub(super) fn has_lines_of(&self, place: &PlaceOrder, whole: bool) -> bool {
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

    pub(super) fn cancel_line(&mut self, key: &LineKey, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let line = self.named_line(key)?;
        self.cancel(&key.order, &[line], context)
    }

    pub(super) fn cancel_order(&mut self, order: &OrderId, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let lines = self.named_order(order)?;
        self.cancel(order, &lines, context)
    }

    /// The lines of an order that is named by a command on it, by line id.
    pub(super) fn named_order(&self, order: &OrderId) -> Result<Vec<At>, Refusal> {
        let lines: Vec<At> = self.lines_of(order).map(|(_, known)| at_hand(known)).collect();
        if lines.is_empty() {
            return Err(Refusal::UnknownOrder(order.clone()));
        }
        Ok(lines)
    }

    /// A line that is named by a command on it.
    pub(super) fn named_line(&self, key: &LineKey) -> Result<At, Refusal> {
        if self.lines_of(&key.order).next().is_none() {
            return Err(Refusal::UnknownOrder(key.order.clone()));
        }
        let known = self.lines.get(key).ok_or_else(|| Refusal::UnknownLine(key.clone()))?;
        Ok(at_hand(*known))
    }

    fn cancel(&mut self, order: &OrderId, lines: &[At], context: &DecisionContext) -> Result<Outcome, Refusal> {
        let gone = lines.iter().find(|at| self.line(**at).state() == LineState::Dispatched);
        let others = lines.iter().any(|at| self.line(*at).state() != LineState::Dispatched);
        if let Some(gone) = gone.filter(|_| !others) {
            return Err(Refusal::AlreadyDispatched(self.line(*gone).key().clone()));
        }
        let mut freed = BTreeSet::new();
        for at in lines {
            if self.products[at.product].cancel(at.place) {
                freed.insert(at.product);
            }
        }
        self.settle_freed(&freed, &Why::NEW_PROMISE, context);
        let view = self.view_order(order, context.today());
        let changed = !freed.is_empty();
        if changed && view.status == OrderStatus::Cancelled {
            let mut recorder = EventRecorder::new(context, &mut self.events);
            recorder.note(Subject::Order(order.clone()), Fact::OrderCancelled);
        }
        Ok(Outcome::OrderChanged { order: view, changed })
    }

    /// Serves the backlog of products of which something may be free, in the order of their SKUs, and tells what has
    /// become of their lines.
    pub(super) fn settle_freed(&mut self, freed: &BTreeSet<usize>, why: &Why, context: &DecisionContext) {
        let mut places: Vec<usize> = freed.iter().copied().collect();
        places.sort_by(|a, b| self.products[*a].sku().cmp(self.products[*b].sku()));
        for place in places {
            let product = &mut self.products[place];
            let mut recorder = EventRecorder::new(context, &mut self.events);
            product.serve_backlog(recorder.moment());
            product.settle(why, &mut recorder, None);
        }
    }

    /// The known lines of an order by line id, and where they are at hand.
    pub(super) fn lines_of(&self, order: &OrderId) -> impl Iterator<Item = (&LineKey, Option<At>)> {
        let first = LineKey {
            order: order.clone(),
            line: LineId::before_any(),
        };
        self.lines
            .range(first..)
            .map(|(key, known)| (key, *known))
            .take_while(move |(key, _)| key.order == *order)
    }

    pub(super) fn view_order(&self, order: &OrderId, today: Date) -> OrderView {
        let lines: Vec<LineView> = self
            .lines_of(order)
            .filter_map(|(_, at)| at)
            .map(|at| self.products[at.product].view(at.place, today))
            .collect();
        let header = self.headers.get(order).map(|header| &header.record);
        OrderView::of(order.clone(), header, lines)
    }
}

/// The header of an order that is placed now.
pub(super) fn header(place: &PlaceOrder, context: &DecisionContext) -> OrderRecord {
    let held = place.terms().hold_for;
    OrderRecord {
        id: place.order().clone(),
        placed_at: context.now,
        precedence: place.terms().precedence,
        // An instant past the end of time would be one that nobody can wait for.
        hold_until: held.map(|hold| {
            context
                .now
                .saturating_add(hold.duration())
                .unwrap_or(jiff::Timestamp::MAX)
        }),
    }
}

/// The terms of each line of an order that is placed now.
pub(super) fn terms_of<'p>(
    place: &'p PlaceOrder,
    context: &'p DecisionContext,
) -> impl Iterator<Item = LineTerms> + use<'p> {
    let header = header(place, context);
    place.lines().iter().map(move |line| LineTerms {
        key: place.key(line),
        quantity: line.quantity,
        split: place.terms().split,
        placed_at: context.now,
        placed_with_order: true,
        precedence: header.precedence,
        locations: line.locations.clone(),
        hold_until: header.hold_until,
    })
}

/// Where a line is whose order was read: with its product.
fn at_hand(known: Option<At>) -> At {
    known.expect("the product of a known line is at hand")
}
