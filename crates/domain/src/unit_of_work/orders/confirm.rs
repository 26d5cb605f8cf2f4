//! Confirming a held order, and allocating the lines of an expired one again.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::answers::outcome::Outcome;
use crate::answers::refusal::{Refusal, Shortage};
use crate::answers::view::OrderStatus;
use crate::commands::command::{ConfirmOrder, ConfirmedLine};
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::name::{LineKey, OrderId};
use crate::language::quantity::Quantity;
use crate::language::reason::{DeallocationReason, ShortageOutcome};
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    /// Makes held lines of an order firm, all of them, or some, or a part of them; the rest is released. With
    /// `reacquire` it allocates anew what has expired. Each line is decided for itself; if one can't be firm, none is
    /// changed.
    pub(in crate::unit_of_work) fn confirm_order(
        &mut self,
        confirm: &ConfirmOrder,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = &confirm.order;
        let lines = self.named_order(order)?;
        let quantities = self.confirmed_quantities(confirm, &lines)?;
        let (asked, rest): (Vec<LineAt>, Vec<LineAt>) = lines
            .into_iter()
            .partition(|at| quantities.contains_key(self.line(*at).key()));
        if confirm.lines.is_some() {
            self.refuse_ended(&asked)?;
        }
        let in_state = |at: &LineAt, state: LineState| self.line(*at).state() == state;
        let expired: Vec<LineAt> = asked
            .iter()
            .copied()
            .filter(|at| in_state(at, LineState::Expired))
            .collect();
        if !expired.is_empty() && !confirm.reacquire {
            return Err(Refusal::hold_expired(order));
        }
        let is_held = |at: &LineAt| self.line(*at).is_until_deadline();
        let held: Vec<LineAt> = asked.iter().copied().filter(is_held).collect();
        let released: Vec<LineAt> = rest.into_iter().filter(is_held).collect();
        if expired.is_empty() && held.is_empty() && released.is_empty() {
            let view = self.view_order(order, context.today);
            return match view.status {
                OrderStatus::Cancelled => Err(Refusal::NotHeld(order.clone())),
                _ => Ok(Outcome::OrderChanged {
                    order: view,
                    changed: false,
                }),
            };
        }
        let mut affected = self.reacquire(order, &expired, &quantities, context)?;
        for at in &held {
            let quantity = quantities.get(self.line(*at).key()).copied();
            let quantity = quantity.expect("what is asked for has a quantity");
            self.products[at.product].confirm(at.line, quantity);
        }
        for at in &released {
            self.products[at.product].cancel(at.line);
        }
        affected.extend(held.iter().chain(&released).map(|at| at.product));
        self.record_of_order(order, Fact::HoldConfirmed, context);
        let cause = Cause::Freed(DeallocationReason::HoldReleased);
        self.serve_backlogs_and_emit(&affected, &cause, context);
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today),
            changed: true,
        })
    }

    /// Refuses to confirm a line that was refused or cancelled: it is not brought back.
    fn refuse_ended(&self, lines: &[LineAt]) -> Result<(), Refusal> {
        let mut lines = lines.iter().map(|at| self.line(*at));
        let ended = lines.find(|line| matches!(line.state(), LineState::Refused | LineState::Cancelled));
        ended.map_or(Ok(()), |line| {
            Err(Refusal::LineEnded {
                key: line.key().clone(),
                state: line.state(),
            })
        })
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

    /// Allocates expired lines again, all of them or none. Returns the products they are of.
    fn reacquire(
        &mut self,
        order: &OrderId,
        expired: &[LineAt],
        quantities: &BTreeMap<LineKey, Quantity>,
        context: &DecisionContext,
    ) -> Result<BTreeSet<ProductIndex>, Refusal> {
        let terms = expired.iter().map(|at| {
            let terms = self.line(*at).terms();
            LineTerms {
                quantity: quantities.get(&terms.key).copied().unwrap_or(terms.quantity),
                hold_until: None,
                ..terms.clone()
            }
        });
        let terms: Vec<LineTerms> = terms.collect();
        let products: Vec<ProductIndex> = expired.iter().map(|at| at.product).collect();
        let drafted = self.draft_lines(&terms, &products, context.time());
        let affected: BTreeSet<ProductIndex> = products.into_iter().collect();
        let shortages: Vec<Shortage> = drafted.iter().filter_map(|fit| fit.as_ref().err().cloned()).collect();
        let lines = expired.iter().zip(terms).zip(drafted);
        if shortages.is_empty() {
            for ((at, terms), fit) in lines {
                let product = &mut self.products[at.product];
                let before = product.line(at.line).status().clone();
                product.place_again(at.line, terms, fit.expect("nothing is short"), &before);
            }
            return Ok(affected);
        }
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for ((at, terms), fit) in lines {
            if let Err(short) = fit {
                let product = &mut self.products[at.product];
                product.record_shortage(&terms, short.available, ShortageOutcome::Nothing, &mut recorder);
            }
        }
        for product in affected {
            self.products[product].emit_events(&Cause::NewPromise, &mut recorder, None);
        }
        Err(Refusal::HoldExpired {
            order: order.clone(),
            shortages,
        })
    }
}
