//! Placing lines and orders, and serving the backlog.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::draft_order::{header_of, shortage_outcome, terms_of};
use super::{Header, LineAt, UnitOfWork};
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::commands::command::Allocate;
use crate::commands::place_order::{OnShortage, PlaceOrder};
use crate::context::DecisionContext;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineTerms;
use crate::language::reason::ShortageOutcome;
use crate::stock::cause::Cause;

impl UnitOfWork {
    /// Allocates one line.
    pub(super) fn allocate(&mut self, allocate: &Allocate, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let request = &allocate.line;
        if let Some(known) = self.lines.get(&request.key) {
            let same = known.filter(|at| {
                *self.products[at.product].sku() == request.sku && self.line(*at).quantity() == request.quantity
            });
            return match same {
                Some(at) => Ok(Outcome::LinePlaced {
                    line: self.view_line(at, context.today),
                    fresh: false,
                }),
                None => Err(Refusal::LineExists(request.key.clone())),
            };
        }
        let Some(&product) = self.by_sku.get(&request.sku) else {
            return Err(Refusal::UnknownSku(Vec::from([request.sku.clone()])));
        };
        let terms = LineTerms::alone(
            request.key.clone(),
            request.quantity,
            allocate.locations.clone(),
            allocate.split,
            context.now,
        );
        let mut recorder = EventRecorder::new(context, &mut self.events);
        let loaded = &mut self.products[product];
        let time = recorder.time();
        let time = if allocate.without_grace {
            time.without_grace()
        } else {
            time
        };
        let placed = match loaded.fit(&terms, time) {
            Ok(allocations) => Ok(loaded.place(terms, allocations)),
            Err(shortage) => {
                let kept = match allocate.on_shortage {
                    OnShortage::Reject => ShortageOutcome::Nothing,
                    OnShortage::Backorder => ShortageOutcome::Backordered,
                };
                loaded
                    .place_without_units(terms, shortage.available, kept, &mut recorder)
                    .ok_or(Refusal::OutOfStock(shortage))
            }
        };
        loaded.emit_events(&Cause::NewPromise, &mut recorder, None);
        let (line, today) = (placed?, recorder.today());
        let at = LineAt { product, line };
        self.lines.insert(request.key.clone(), Some(at));
        Ok(Outcome::LinePlaced {
            line: self.view_line(at, today),
            fresh: true,
        })
    }

    /// Places an order with all of its lines.
    pub(super) fn place_order(&mut self, place: &PlaceOrder, context: &DecisionContext) -> Result<Outcome, Refusal> {
        let order = place.order();
        if self.headers.contains_key(order) || self.lines_of(order).next().is_some() {
            return if self.was_placed_as(place) {
                Ok(Outcome::OrderPlaced {
                    order: self.view_order(order, context.today),
                    fresh: false,
                })
            } else {
                Err(Refusal::OrderExists(order.clone()))
            };
        }
        let products = self.products_of_order(place)?;
        let header = header_of(place, context);
        let terms: Vec<LineTerms> = terms_of(place, &header).collect();
        let drafted = self.draft_lines(&terms, &products, context.time());
        let (kept, refused) = match shortage_outcome(place.terms().on_shortage, &drafted) {
            Ok(kept) => (kept, None),
            Err(shortages) => (ShortageOutcome::Nothing, Some(shortages)),
        };
        let mut recorder = EventRecorder::new(context, &mut self.events);
        if refused.is_none() {
            recorder.record(
                Subject::Order(order.clone()),
                Fact::OrderPlaced {
                    lines: place.lines().iter().map(|line| line.line.clone()).collect(),
                    precedence: header.precedence,
                },
            );
            if let Some(until) = header.hold_until {
                recorder.record(Subject::Order(order.clone()), Fact::HoldPlaced { until });
            }
            self.headers.insert(
                order.clone(),
                Header {
                    record: header,
                    stored: None,
                },
            );
        }
        // Units were looked for in the order given. The lines are placed by their ids: that is the order in which lines of
        // one order are served.
        let mut lines: Vec<_> = terms.into_iter().zip(drafted).zip(products).collect();
        lines.sort_by(|((a, _), _), ((b, _), _)| a.key.cmp(&b.key));
        for ((terms, fit), product) in lines {
            let loaded = &mut self.products[product];
            let key = terms.key.clone();
            let placed = match fit {
                Ok(_) if refused.is_some() => continue,
                Ok(allocations) => Some(loaded.place(terms, allocations)),
                Err(short) => loaded.place_without_units(terms, short.available, kept, &mut recorder),
            };
            loaded.emit_events(&Cause::NewPromise, &mut recorder, None);
            if let Some(line) = placed {
                self.lines.insert(key, Some(LineAt { product, line }));
            }
        }
        match refused {
            Some(shortages) => Err(Refusal::Shortages(shortages)),
            None => Ok(Outcome::OrderPlaced {
                order: self.view_order(order, context.today),
                fresh: true,
            }),
        }
    }

    /// Whether the order that exists was placed with these lines, on these terms. Lines added to it later don't count.
    pub(super) fn was_placed_as(&self, place: &PlaceOrder) -> bool {
        let header = self.headers.get(place.order()).map(|header| &header.record);
        let placed_with_order = header.is_some();
        let same_terms = header.is_none_or(|header| {
            header.precedence == place.terms().precedence
                && header.hold_until.is_some() == place.terms().hold_for.is_some()
        });
        same_terms && self.has_lines_of(place, placed_with_order)
    }

    /// Whether these are the lines of an order that were placed with it, or, if not `placed_with_order`, alone.
    pub(super) fn has_lines_of(&self, place: &PlaceOrder, placed_with_order: bool) -> bool {
        let placed: BTreeSet<_> = self
            .loaded_lines_of(place.order())
            .map(|at| (self.products[at.product].sku(), self.line(at)))
            .filter(|(_, line)| line.terms().placed_with_order == placed_with_order)
            .map(|(sku, line)| (&line.key().line, sku, line.quantity()))
            .collect();
        let asked: BTreeSet<_> = place
            .lines()
            .iter()
            .map(|line| (&line.line, &line.sku, line.quantity))
            .collect();
        placed == asked
    }
}
