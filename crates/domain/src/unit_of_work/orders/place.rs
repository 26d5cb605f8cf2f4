//! Placing lines and orders, and serving the backlog.

use alloc::vec::Vec;

use super::draft_order::{header_of, shortage_outcome, terms_of};
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::answers::view::OrderStatus;
use crate::commands::command::Allocate;
use crate::commands::place_order::PlaceOrder;
use crate::context::DecisionContext;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::order_terms::OnShortage;
use crate::language::reason::ShortageOutcome;
use crate::language::term::Term;
use crate::stock::cause::Cause;
use crate::unit_of_work::{Header, LineAt, UnitOfWork};

impl UnitOfWork {
    /// Allocates one line.
    pub(in crate::unit_of_work) fn allocate(
        &mut self,
        allocate: &Allocate,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let request = &allocate.line;
        if let Some(known) = self.lines.get(&request.key) {
            let Some(at) = *known else {
                return Err(Refusal::LineExists {
                    key: request.key.clone(),
                    differs: Vec::from([Term::Sku]),
                });
            };
            let (differs, state) = (self.differences_of_line(allocate, at), self.line(at).state());
            let key = request.key.clone();
            return match state {
                _ if !differs.is_empty() => Err(Refusal::LineExists { key, differs }),
                // Whoever sends it again must not take the answer for a promise.
                LineState::Refused | LineState::Cancelled | LineState::Expired => {
                    Err(Refusal::LineEnded { key, state })
                }
                _ => Ok(Outcome::LinePlaced {
                    line: self.view_line(at, context.today),
                    fresh: false,
                }),
            };
        }
        let Some(&product) = self.by_sku.get(&request.sku) else {
            return Err(Refusal::UnknownSku(Vec::from([request.sku.clone()])));
        };
        self.check_locations([&allocate.locations])?;
        let (precedence, hold_until) = self.terms_for_new_line(&request.key.order, context)?;
        let terms = LineTerms::alone(
            request.key.clone(),
            request.quantity,
            allocate.locations.clone(),
            allocate.on_shortage,
            allocate.split,
            context.now,
        )
        .added_to_order(precedence, hold_until);
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
    pub(in crate::unit_of_work) fn place_order(
        &mut self,
        place: &PlaceOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = place.order();
        if self.headers.contains_key(order) || self.lines_of(order).next().is_some() {
            return self.placed_before(place, context);
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
                    asked: place.asked(),
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

    /// The answer to an order that is placed again: as it stands, if it was asked for in the same way and still counts.
    pub(in crate::unit_of_work) fn placed_before(
        &self,
        place: &PlaceOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = place.order();
        let differs = self.differences_of_order(place);
        if !differs.is_empty() {
            return Err(Refusal::OrderExists {
                order: order.clone(),
                differs,
            });
        }
        let view = self.view_order(order, context.today);
        match view.status {
            OrderStatus::Cancelled => Err(Refusal::OrderCancelled(order.clone())),
            OrderStatus::Expired => Err(Refusal::hold_expired(order)),
            OrderStatus::Held | OrderStatus::Firm | OrderStatus::Dispatched => Ok(Outcome::OrderPlaced {
                order: view,
                fresh: false,
            }),
        }
    }
}
