//! Confirming a held order, and allocating the lines of an expired one again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{LineAt, UnitOfWork};
use crate::answers::outcome::Outcome;
use crate::answers::refusal::{Refusal, Shortage};
use crate::answers::view::OrderStatus;
use crate::commands::command::{ConfirmOrder, ConfirmedLine};
use crate::context::DecisionContext;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{LineKey, OrderId};
use crate::language::quantity::Quantity;
use crate::language::reason::{DeallocationReason, ShortageOutcome};
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;

impl UnitOfWork {
    /// Makes a held order firm, or some of its lines, or a part of them. The rest is released.
    pub(super) fn confirm_order(
        &mut self,
        confirm: &ConfirmOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = &confirm.order;
        let lines = self.named_order(order)?;
        let before = self.view_order(order, context.today);
        let quantities = self.confirmed_quantities(confirm, &lines)?;
        match before.status {
            OrderStatus::Firm => {
                return Ok(Outcome::OrderChanged {
                    order: before,
                    changed: false,
                });
            }
            OrderStatus::Cancelled => return Err(Refusal::NotHeld(order.clone())),
            OrderStatus::Expired if confirm.reacquire => {
                self.check_states(confirm, |state| state == LineState::Expired)?;
                return self.reacquire(order, &quantities, context);
            }
            OrderStatus::Expired => return Err(Refusal::hold_expired(order)),
            OrderStatus::Held => self.check_states(confirm, LineState::is_open)?,
        }
        let mut affected = BTreeSet::new();
        for at in lines {
            let line = self.line(at);
            if !line.state().is_open() || line.terms().hold_until.is_none() {
                continue;
            }
            let quantity = quantities.get(line.key()).copied();
            let product = &mut self.products[at.product];
            match quantity {
                Some(quantity) => product.confirm(at.line, quantity),
                None => {
                    product.cancel(at.line);
                }
            }
            affected.insert(at.product);
        }
        self.record_of_order(order, Fact::HoldConfirmed, context);
        let cause = Cause::Freed(DeallocationReason::HoldReleased);
        self.serve_backlogs_and_emit(&affected, &cause, context);
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today),
            changed: true,
        })
    }

    /// Refuses to confirm a named line that is in another state: a line that has ended is not brought back.
    fn check_states(&self, confirm: &ConfirmOrder, accepted: impl Fn(LineState) -> bool) -> Result<(), Refusal> {
        for ConfirmedLine { line, .. } in confirm.lines.iter().flatten() {
            let key = LineKey {
                order: confirm.order.clone(),
                line: line.clone(),
            };
            let state = self.line(self.named_line(&key)?).state();
            if !accepted(state) {
                return Err(Refusal::LineEnded { key, state });
            }
        }
        Ok(())
    }

    /// The lines to confirm, each with its quantity: all that it wants, unless the command names less.
    fn confirmed_quantities(
        &self,
        confirm: &ConfirmOrder,
        lines: &[LineAt],
    ) -> Result<BTreeMap<LineKey, Quantity>, Refusal> {
        let Some(confirmed) = &confirm.lines else {
            let all = lines.iter().map(|at| self.line(*at));
            return Ok(all.map(|line| (line.key().clone(), line.quantity())).collect());
        };
        let quantities = confirmed.iter().map(|ConfirmedLine { line, quantity }| {
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
        quantities.collect()
    }

    /// Allocates the lines of an expired order again, all of them or none.
    fn reacquire(
        &mut self,
        order: &OrderId,
        quantities: &BTreeMap<LineKey, Quantity>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let expired = self.loaded_lines_of(order).filter_map(|at| {
            let line = self.line(at);
            let quantity = *quantities.get(line.key())?;
            (line.state() == LineState::Expired).then(|| {
                let terms = LineTerms {
                    quantity,
                    hold_until: None,
                    ..line.terms().clone()
                };
                (at, terms)
            })
        });
        let (lines, terms): (Vec<LineAt>, Vec<LineTerms>) = expired.unzip();
        let products: Vec<ProductIndex> = lines.iter().map(|at| at.product).collect();
        let drafted = self.draft_lines(&terms, &products, context.time());
        let shortages: Vec<Shortage> = drafted.iter().filter_map(|fit| fit.as_ref().err().cloned()).collect();
        let refused = !shortages.is_empty();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for ((at, terms), fit) in lines.iter().zip(terms).zip(drafted) {
            let product = &mut self.products[at.product];
            match fit {
                Ok(allocations) if !refused => {
                    let before = product.line(at.line).status().clone();
                    product.place_again(at.line, terms, allocations, &before);
                }
                Ok(_) => {}
                Err(short) => {
                    product.record_shortage(&terms, short.available, ShortageOutcome::Nothing, &mut recorder);
                }
            }
        }
        if !refused {
            recorder.record(Subject::Order(order.clone()), Fact::HoldConfirmed);
        }
        let affected: BTreeSet<ProductIndex> = products.into_iter().collect();
        for product in affected {
            self.products[product].emit_events(&Cause::NewPromise, &mut recorder, None);
        }
        if refused {
            return Err(Refusal::HoldExpired {
                order: order.clone(),
                shortages,
            });
        }
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today),
            changed: true,
        })
    }
}
