//! Replacing a held order: placing it again under its id, with other lines.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::Timestamp;

use super::draft_order::{header_of, shortage_outcome, terms_of};
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::answers::view::OrderStatus;
use crate::commands::place_order::PlaceOrder;
use crate::context::DecisionContext;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{LineKey, OrderId};
use crate::language::reason::{DeallocationReason, ShortageOutcome};
use crate::language::term::Term;
use crate::records::order::OrderRecord;
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;
use crate::stock::line::LineSnapshot;
use crate::unit_of_work::{LineAt, UnitOfWork};

const CAUSE: Cause = Cause::Freed(DeallocationReason::OrderReplaced);

impl UnitOfWork {
    /// Replaces a held order. Its units are free for its own new lines. If it is refused, it keeps what it has.
    pub(in crate::unit_of_work) fn replace_order(
        &mut self,
        place: &PlaceOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = place.order();
        if self.lines_of(order).next().is_none() {
            return self.place_order(place, context);
        }
        let status = self.view_order(order, context.today).status;
        let mut header = match (status, self.headers.get(order)) {
            (OrderStatus::Held, Some(header)) => header.record.clone(),
            (OrderStatus::Expired, _) => return Err(Refusal::hold_expired(order)),
            (OrderStatus::Cancelled, _) => return Err(Refusal::OrderCancelled(order.clone())),
            _ if self.differences_of_order(place).is_empty() => return Ok(self.replaced(order, context)),
            _ => return Err(Refusal::NotHeld(order.clone())),
        };
        let new_header = header_of(place, context);
        let same = (header.precedence, header.asked) == (new_header.precedence, new_header.asked);
        if same && self.stands_as_asked(place) && new_header.hold_until.is_none() {
            return Ok(self.replaced(order, context));
        }
        // Without a new deadline the old one remains.
        header.hold_until = new_header.hold_until.or(header.hold_until);
        header.precedence = new_header.precedence;
        header.asked = new_header.asked;

        let products = self.products_of_order(place)?;
        let own = self.replaceable_lines(order);
        let terms = self.new_terms(place, &products, &own, header.hold_until, context)?;
        let set_aside = own.iter().map(|(key, at)| {
            let before = self.products[at.product].set_aside(at.line);
            (key.clone(), (*at, before))
        });
        let set_aside: BTreeMap<LineKey, (LineAt, LineSnapshot)> = set_aside.collect();
        let drafted = self.draft_lines(&terms, &products, context.time());
        let mut affected: BTreeSet<ProductIndex> = own.values().map(|at| at.product).chain(products.clone()).collect();
        let kept = match shortage_outcome(place.terms().on_shortage, &drafted) {
            Ok(kept) => kept,
            Err(shortages) => {
                for (at, before) in set_aside.into_values() {
                    self.products[at.product].put_back(at.line, before);
                }
                let mut recorder = EventRecorder::new(context, &mut self.events);
                for ((terms, fit), product) in terms.iter().zip(&drafted).zip(&products) {
                    if let Err(short) = fit {
                        self.products[*product].record_shortage(
                            terms,
                            short.available,
                            ShortageOutcome::Nothing,
                            &mut recorder,
                        );
                    }
                }
                for product in own.values().map(|at| at.product).chain(products) {
                    self.products[product].emit_events(&CAUSE, &mut recorder, None);
                }
                return Err(Refusal::Shortages(shortages));
            }
        };
        let mut recorder = EventRecorder::new(context, &mut self.events);
        recorder.record(
            Subject::Order(order.clone()),
            Fact::OrderReplaced {
                lines: place.lines().iter().map(|line| line.line.clone()).collect(),
                precedence: header.precedence,
                asked: place.asked(),
            },
        );
        if let Some(until) = new_header.hold_until {
            recorder.record(Subject::Order(order.clone()), Fact::HoldPlaced { until });
        }
        for ((terms, fit), product) in terms.into_iter().zip(drafted).zip(products) {
            let loaded = &mut self.products[product];
            let key = terms.key.clone();
            let new_line = match (set_aside.get(&key), fit) {
                (Some((at, before)), Ok(allocations)) => {
                    loaded.place_again(at.line, terms, allocations, &before.status);
                    None
                }
                (Some((at, before)), Err(short)) => {
                    if let Some(status) = loaded.record_shortage(&terms, short.available, kept, &mut recorder) {
                        loaded.place_again_without_units(at.line, terms, status, &before.status);
                    }
                    None
                }
                (None, Ok(allocations)) => Some(loaded.place(terms, allocations)),
                (None, Err(short)) => loaded.place_without_units(terms, short.available, kept, &mut recorder),
            };
            if let Some(line) = new_line {
                self.lines.insert(key, Some(LineAt { product, line }));
            }
        }
        affected.extend(self.give_terms_to_added_lines(order, &header));
        self.set_header(order, header);
        self.serve_backlogs_and_emit(&affected, &CAUSE, context);
        Ok(self.replaced(order, context))
    }

    fn replaced(&self, order: &OrderId, context: &DecisionContext) -> Outcome {
        Outcome::OrderPlaced {
            order: self.view_order(order, context.today),
            fresh: false,
        }
    }

    fn set_header(&mut self, order: &OrderId, record: OrderRecord) {
        if let Some(header) = self.headers.get_mut(order) {
            header.record = record;
        }
    }

    /// Gives the open lines that were added to an order the terms it has now. Returns the products they are of.
    fn give_terms_to_added_lines(&mut self, order: &OrderId, header: &OrderRecord) -> Vec<ProductIndex> {
        let added = self.loaded_lines_of(order).filter(|at| {
            let line = self.line(*at);
            !line.terms().placed_with_order && line.state().is_open()
        });
        let added: Vec<LineAt> = added.collect();
        for at in &added {
            self.products[at.product].give_order_terms(at.line, header.precedence, header.hold_until);
        }
        added.into_iter().map(|at| at.product).collect()
    }

    /// The lines of an order that a replacement may place again: those placed with it, and those dropped from it
    /// before.
    fn replaceable_lines(&self, order: &OrderId) -> BTreeMap<LineKey, LineAt> {
        let lines = self.lines_of(order).filter_map(|(key, at)| Some((key.clone(), at?)));
        lines
            .filter(|(_, at)| {
                let line = self.line(*at);
                line.terms().placed_with_order || line.state() == LineState::Cancelled
            })
            .collect()
    }

    /// The new terms of each line. A line that is open keeps its time of placing, as it keeps its place in the order of
    /// service.
    fn new_terms(
        &self,
        place: &PlaceOrder,
        products: &[ProductIndex],
        own: &BTreeMap<LineKey, LineAt>,
        hold_until: Option<Timestamp>,
        context: &DecisionContext,
    ) -> Result<Vec<LineTerms>, Refusal> {
        let header = OrderRecord {
            hold_until,
            ..header_of(place, context)
        };
        let terms = terms_of(place, &header).zip(products);
        terms
            .map(|(terms, product)| match own.get(&terms.key) {
                // A line id keeps its SKU when the order is replaced.
                Some(at) if at.product != *product => Err(Refusal::LineExists {
                    key: terms.key,
                    differs: Vec::from([Term::Sku]),
                }),
                Some(at) if self.line(*at).state().is_open() => Ok(LineTerms {
                    placed_at: self.line(*at).terms().placed_at,
                    ..terms
                }),
                // It was placed alone.
                None if self.lines.contains_key(&terms.key) => Err(Refusal::LineExists {
                    key: terms.key,
                    differs: Vec::from([Term::Lines]),
                }),
                _ => Ok(terms),
            })
            .collect()
    }
}
