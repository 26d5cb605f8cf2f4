//! Holds: orders with a deadline, placed anew, confirmed, or ended by it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::Timestamp;

use super::orders::{header, kept, terms_of};
use super::{At, UnitOfWork};
use crate::command::{ConfirmOrder, ConfirmedLine, ExpireHolds};
use crate::context::DecisionContext;
use crate::event::{Fact, LineTerms, Subject};
use crate::event_recorder::EventRecorder;
use crate::line::{LineSnapshot, LineState};
use crate::name::{LineKey, OrderId};
use crate::outcome::Outcome;
use crate::place_order::PlaceOrder;
use crate::product::Why;
use crate::quantity::Quantity;
use crate::reason::{DeallocationReason, ShortageOutcome};
use crate::refusal::{Refusal, Shortage};
use crate::view::OrderStatus;

impl UnitOfWork {
    /// Places a held order anew: what it holds is free for its own new lines, and if it is refused it holds what it held.
    pub(super) fn replace_order(&mut self, place: &PlaceOrder, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let order = place.order();
        if self.lines_of(order).next().is_none() {
            return self.place_order(place, context);
        }
        let before = self.view_order(order, context.today());
        let unchanged = |unit_of_work: &Self| Outcome::OrderPlaced {
            order: unit_of_work.view_order(order, context.today()),
            fresh: false,
        };
        let mut record = match (before.status, self.headers.get(order)) {
            (OrderStatus::Held, Some(header)) => header.record.clone(),
            (OrderStatus::Expired, _) => return Err(Refusal::hold_expired(order)),
            _ if self.was_placed_as(place) => return Ok(unchanged(self)),
            _ => return Err(Refusal::NotHeld(order.clone())),
        };
        let anew = header(place, context);
        let same = record.precedence == anew.precedence && self.has_lines_of(place, true);
        if same && anew.hold_until.is_none() {
            return Ok(unchanged(self));
        }
        // Without a new deadline the old one stands.
        record.hold_until = anew.hold_until.or(record.hold_until);
        record.precedence = anew.precedence;

        let products = self.products_of(place).map_err(Refusal::UnknownSku)?;
        let own = self.own_lines(order);
        let terms = self.terms_anew(place, &products, &own, record.hold_until, context)?;
        let set_aside = own.iter().map(|(key, at)| {
            let was = self.products[at.product].set_aside(at.place);
            (key.clone(), (*at, was))
        });
        let aside: BTreeMap<LineKey, (At, LineSnapshot)> = set_aside.collect();
        let drafted = self.draft(&terms, &products, context.moment());
        let (kept, refused) = match kept(place.terms().on_shortage, &drafted) {
            Ok(kept) => (kept, None),
            Err(shortages) => (ShortageOutcome::Nothing, Some(shortages)),
        };
        let mut recorder = EventRecorder::new(context, &mut self.events);
        if let Some(shortages) = refused {
            for (at, was) in aside.into_values() {
                self.products[at.product].put_back(at.place, was);
            }
            let why = Why::freed(DeallocationReason::OrderReplaced);
            let short = terms.iter().zip(&drafted).zip(&products);
            for ((terms, fit), product) in short {
                if let Err(short) = fit {
                    self.products[*product].miss(terms, short.available, ShortageOutcome::Nothing, &mut recorder);
                }
            }
            for product in own.values().map(|at| at.product).chain(products) {
                self.products[product].settle(&why, &mut recorder, None);
            }
            return Err(Refusal::Shortages(shortages));
        }
        recorder.note(
            Subject::Order(order.clone()),
            Fact::OrderReplaced {
                lines: place.lines().iter().map(|line| line.line.clone()).collect(),
                precedence: record.precedence,
            },
        );
        if let Some(until) = anew.hold_until {
            recorder.note(Subject::Order(order.clone()), Fact::HoldPlaced { until });
        }
        for ((terms, fit), product) in terms.into_iter().zip(drafted).zip(&products) {
            let at_hand = &mut self.products[*product];
            let key = terms.key.clone();
            let fresh = match (aside.get(&key), fit) {
                (Some((at, was)), Ok(allocations)) => {
                    at_hand.place_again(at.place, terms, allocations, &was.standing);
                    None
                }
                (Some((at, _)), Err(short)) => {
                    if let Some(standing) = at_hand.miss(&terms, short.available, kept, &mut recorder) {
                        at_hand.stand_without(at.place, terms, standing);
                    }
                    None
                }
                (None, Ok(allocations)) => Some(at_hand.place(terms, allocations)),
                (None, Err(short)) => at_hand.fall_short(terms, short.available, kept, &mut recorder),
            };
            if let Some(place) = fresh {
                let product = *product;
                self.lines.insert(key, Some(At { product, place }));
            }
        }
        if let Some(header) = self.headers.get_mut(order) {
            header.record = record;
        }
        let touched = own.values().map(|at| at.product).chain(products).collect();
        self.settle_freed(&touched, &Why::freed(DeallocationReason::OrderReplaced), context);
        Ok(Outcome::OrderPlaced {
            order: self.view_order(order, context.today()),
            fresh: false,
        })
    }

    /// The lines that came with an order, and those that have been dropped from it: they may come back.
    fn own_lines(&self, order: &OrderId) -> BTreeMap<LineKey, At> {
        let lines = self.lines_of(order).filter_map(|(key, at)| Some((key.clone(), at?)));
        lines
            .filter(|(_, at)| {
                let line = self.line(*at);
                line.terms().placed_with_order || line.state() == LineState::Cancelled
            })
            .collect()
    }

    /// The terms of each line of an order that is placed anew. A line that stands keeps its time of placing.
    fn terms_anew(
        &self,
        place: &PlaceOrder,
        products: &[usize],
        own: &BTreeMap<LineKey, At>,
        hold_until: Option<Timestamp>,
        context: &DecisionContext,
    ) -> Result<Vec<LineTerms>, Refusal> {
        let terms = terms_of(place, context).zip(products);
        terms
            .map(|(terms, product)| {
                let terms = LineTerms { hold_until, ..terms };
                match own.get(&terms.key) {
                    // A line id keeps its SKU, also in an order that is placed anew.
                    Some(at) if at.product != *product => Err(Refusal::LineExists(terms.key)),
                    Some(at) if self.line(*at).state().is_open() => Ok(LineTerms {
                        placed_at: self.line(*at).terms().placed_at,
                        ..terms
                    }),
                    None if self.lines.contains_key(&terms.key) => Err(Refusal::LineExists(terms.key)),
                    _ => Ok(terms),
                }
            })
            .collect()
    }

    /// Makes a held order firm, or some of its lines, or less of them.
    pub(super) fn confirm_order(
        &mut self,
        confirm: &ConfirmOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = &confirm.order;
        let lines = self.named_order(order)?;
        let before = self.view_order(order, context.today());
        let wanted = self.confirmed(confirm, &lines)?;
        match before.status {
            OrderStatus::Firm => {
                return Ok(Outcome::OrderChanged {
                    order: before,
                    changed: false,
                });
            }
            OrderStatus::Cancelled => return Err(Refusal::NotHeld(order.clone())),
            OrderStatus::Expired if confirm.reacquire => {
                self.must_be(confirm, |state| state == LineState::Expired)?;
                return self.reacquire(order, &wanted, context);
            }
            OrderStatus::Expired => return Err(Refusal::hold_expired(order)),
            OrderStatus::Held => self.must_be(confirm, LineState::is_open)?,
        }
        let mut touched = BTreeSet::new();
        for at in lines {
            let line = self.line(at);
            if !line.state().is_open() || line.terms().hold_until.is_none() {
                continue;
            }
            let key = line.key().clone();
            let product = &mut self.products[at.product];
            match wanted.get(&key) {
                Some(quantity) => product.confirm(at.place, *quantity),
                None => {
                    product.cancel(at.place);
                }
            }
            touched.insert(at.product);
        }
        self.note_of_order(order, Fact::HoldConfirmed, context);
        self.settle_freed(&touched, &Why::freed(DeallocationReason::HoldReleased), context);
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today()),
            changed: true,
        })
    }

    /// Lines that are named to be confirmed must be there to be: what has ended otherwise is not brought back by it.
    fn must_be(&self, confirm: &ConfirmOrder, fitting: impl Fn(LineState) -> bool) -> Result<(), Refusal> {
        for ConfirmedLine { line, .. } in confirm.lines.iter().flatten() {
            let key = LineKey {
                order: confirm.order.clone(),
                line: line.clone(),
            };
            let state = self.line(self.named_line(&key)?).state();
            if !fitting(state) {
                return Err(Refusal::LineEnded { key, state });
            }
        }
        Ok(())
    }

    /// The lines that are confirmed, each with how much of it: all that it wants, unless less is said.
    fn confirmed(&self, confirm: &ConfirmOrder, lines: &[At]) -> Result<BTreeMap<LineKey, Quantity>, Refusal> {
        let Some(asked) = &confirm.lines else {
            let all = lines.iter().map(|at| self.line(*at));
            return Ok(all.map(|line| (line.key().clone(), line.quantity())).collect());
        };
        let asked = asked.iter().map(|ConfirmedLine { line, quantity }| {
            let key = LineKey {
                order: confirm.order.clone(),
                line: line.clone(),
            };
            let held = self.line(self.named_line(&key)?).quantity();
            let asked = quantity.unwrap_or(held);
            if asked > held {
                return Err(Refusal::ExceedsHold { key, held, asked });
            }
            Ok((key, asked))
        });
        asked.collect()
    }

    /// Gets the lines of an expired order anew, all of them or none.
    fn reacquire(
        &mut self,
        order: &OrderId,
        wanted: &BTreeMap<LineKey, Quantity>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let lines: Vec<At> = self.lines_of(order).filter_map(|(_, at)| at).collect();
        let expired = lines.into_iter().filter_map(|at| {
            let line = self.line(at);
            let quantity = *wanted.get(line.key())?;
            (line.state() == LineState::Expired).then(|| {
                let terms = LineTerms {
                    quantity,
                    hold_until: None,
                    ..line.terms().clone()
                };
                (at, terms)
            })
        });
        let (places, terms): (Vec<At>, Vec<LineTerms>) = expired.unzip();
        let products: Vec<usize> = places.iter().map(|at| at.product).collect();
        let drafted = self.draft(&terms, &products, context.moment());
        let shortages: Vec<Shortage> = drafted.iter().filter_map(|fit| fit.as_ref().err().cloned()).collect();
        let refused = !shortages.is_empty();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for ((at, terms), fit) in places.iter().zip(terms).zip(drafted) {
            let product = &mut self.products[at.product];
            match fit {
                Ok(allocations) if !refused => {
                    let had = product.line(at.place).standing().clone();
                    product.place_again(at.place, terms, allocations, &had);
                }
                Ok(_) => {}
                Err(short) => {
                    product.miss(&terms, short.available, ShortageOutcome::Nothing, &mut recorder);
                }
            }
        }
        if !refused {
            recorder.note(Subject::Order(order.clone()), Fact::HoldConfirmed);
        }
        let touched: BTreeSet<usize> = products.into_iter().collect();
        for product in touched {
            self.products[product].settle(&Why::NEW_PROMISE, &mut recorder, None);
        }
        if refused {
            return Err(Refusal::HoldExpired {
                order: order.clone(),
                shortages,
            });
        }
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today()),
            changed: true,
        })
    }

    /// Ends the holds of these orders whose deadline has passed, and finds anew when the next one ends.
    pub(super) fn expire_holds(&mut self, expire: &ExpireHolds, context: &DecisionContext) -> Outcome {
        let now = context.now;
        let is_due = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= now);
        let (mut touched, mut ended) = (BTreeSet::new(), 0);
        for order in &expire.orders {
            let lines: Vec<At> = self.lines_of(order).filter_map(|(_, at)| at).collect();
            let due = lines.into_iter().filter(|at| is_due(self.line(*at).terms().hold_until));
            let due: Vec<At> = due.collect();
            let Some(deadline) = due.first().and_then(|at| self.line(*at).terms().hold_until) else {
                continue;
            };
            for at in due {
                self.products[at.product].expire(at.place);
                touched.insert(at.product);
            }
            ended += 1;
            self.note_of_order(order, Fact::HoldExpired { deadline }, context);
        }
        let why = Why::freed(DeallocationReason::HoldExpired);
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for place in touched {
            self.products[place].settle_lines(&why, &mut recorder, None);
        }
        // While holds have ended on a product that still count, what others have freed is not given away: by the time of
        // this decision all of them count zero, and who is served first must not depend on which was seen to first.
        let mut free = BTreeSet::new();
        for sku in &expire.skus {
            let Some(&place) = self.by_sku.get(sku) else { continue };
            let lines = expire.orders.iter().flat_map(|order| self.lines_of(order));
            let here = lines.filter_map(|(_, at)| at).filter(|at| at.product == place);
            let at_hand = here.filter_map(|at| self.line(at).terms().hold_until);
            let elsewhere = self.next_holds.get(sku).copied().flatten();
            let next = at_hand.chain(elsewhere).min();
            self.products[place].next_hold_ends(next);
            if !is_due(next) {
                free.insert(place);
            }
        }
        self.settle_freed(&free, &why, context);
        Outcome::HoldsExpired { orders: ended }
    }

    fn note_of_order(&mut self, order: &OrderId, fact: Fact, context: &DecisionContext) {
        let mut recorder = EventRecorder::new(context, &mut self.events);
        recorder.note(Subject::Order(order.clone()), fact);
    }
}
