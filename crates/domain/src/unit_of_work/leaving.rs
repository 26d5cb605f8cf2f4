//! Lines that want another quantity, and lines whose units leave the building.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{At, UnitOfWork};
use crate::context::DecisionContext;
use crate::draft::Seek;
use crate::event_recorder::EventRecorder;
use crate::line::LineState;
use crate::name::{LineId, LineKey, OrderId};
use crate::outcome::Outcome;
use crate::product::Why;
use crate::quantity::Quantity;
use crate::reason::DeallocationReason;
use crate::refusal::Refusal;

impl UnitOfWork {
    pub(super) fn change_line_quantity(
        &mut self,
        key: &LineKey,
        to: Quantity,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_line(key)?;
        let line = self.line(at);
        let state = line.state();
        let changed = line.quantity() != to;
        match state {
            LineState::Dispatched if changed => return Err(Refusal::AlreadyDispatched(key.clone())),
            state if changed && !state.is_open() => {
                let key = key.clone();
                return Err(Refusal::LineEnded { key, state });
            }
            _ => {}
        }
        if changed {
            let product = &mut self.products[at.product];
            if let Err((more, short)) = product.change_quantity(at.place, to, context.moment()) {
                let terms = product.line(at.place).terms().clone();
                let seek = Seek {
                    wanted: more,
                    ..Seek::of(&terms)
                };
                let remedy = product.draft(context.moment()).remedy(seek, short);
                let shortage = short.of(key.clone(), product.sku().clone(), more, remedy);
                return Err(Refusal::OutOfStock(shortage));
            }
            let why = Why::freed(DeallocationReason::Reduced);
            self.settle_freed(&BTreeSet::from([at.product]), &why, context);
        }
        Ok(Outcome::OrderChanged {
            order: self.view_order(&key.order, context.today()),
            changed,
        })
    }

    /// The lines of an order that are named, or all of them, by line id.
    fn chosen(&self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Result<Vec<At>, Refusal> {
        let all = self.named_order(order)?;
        let Some(lines) = lines else { return Ok(all) };
        let keys = lines.iter().map(|line| LineKey {
            order: order.clone(),
            line: line.clone(),
        });
        keys.map(|key| self.named_line(&key)).collect()
    }

    pub(super) fn dispatch(
        &mut self,
        order: &OrderId,
        lines: Option<&BTreeSet<LineId>>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let chosen = self.chosen(order, lines)?;
        self.is_firm(order, &chosen)?;
        let leaving = self.those_that(LineState::Allocated, LineState::Dispatched, &chosen, lines.is_some())?;
        for at in &leaving {
            let product = &self.products[at.product];
            if let Some(batch) = product.lies_outside(at.place) {
                return Err(Refusal::NotInWarehouse {
                    key: self.line(*at).key().clone(),
                    batch: batch.clone(),
                });
            }
        }
        Ok(self.move_out(order, &leaving, LineState::Dispatched, context))
    }

    pub(super) fn undo_dispatch(
        &mut self,
        order: &OrderId,
        lines: Option<&BTreeSet<LineId>>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let chosen = self.chosen(order, lines)?;
        let coming = self.those_that(LineState::Dispatched, LineState::Allocated, &chosen, lines.is_some())?;
        // What comes back into a batch that was cancelled would be stock again, which it is not.
        let closed = coming
            .iter()
            .find_map(|at| self.products[at.product].left_closed(at.place));
        if let Some(batch) = closed {
            return Err(Refusal::BatchClosed(batch.clone()));
        }
        Ok(self.move_out(order, &coming, LineState::Allocated, context))
    }

    fn is_firm(&self, order: &OrderId, lines: &[At]) -> Result<(), Refusal> {
        if lines.iter().any(|at| self.line(*at).terms().hold_until.is_some()) {
            return Err(Refusal::NotFirm(order.clone()));
        }
        Ok(())
    }

    /// Of the chosen lines those in a state; those that are where they were to go already stay as they are. Lines that
    /// were named must be in either, of all lines of an order at least one.
    fn those_that(&self, are: LineState, already: LineState, chosen: &[At], named: bool) -> Result<Vec<At>, Refusal> {
        let state = |at: &At| self.line(*at).state();
        let fitting: Vec<At> = chosen.iter().copied().filter(|at| state(at) == are).collect();
        let stray = |at: &&At| state(at) != are && state(at) != already;
        let strays = chosen.iter().filter(stray);
        let none = chosen.iter().all(|at| stray(&at));
        if none || (named && strays.clone().next().is_some()) {
            return Err(Refusal::NotAllocated(
                strays.map(|at| self.line(*at).key().clone()).collect(),
            ));
        }
        Ok(fitting)
    }

    fn move_out(&mut self, order: &OrderId, lines: &[At], to: LineState, context: &DecisionContext) -> Outcome {
        let mut touched = BTreeMap::new();
        for at in lines {
            let product = &mut self.products[at.product];
            match to {
                LineState::Dispatched => product.dispatch(at.place),
                _ => product.undo_dispatch(at.place),
            }
            touched.insert(product.sku().clone(), at.product);
        }
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for product in touched.into_values() {
            self.products[product].settle(&Why::NEW_PROMISE, &mut recorder, None);
        }
        Outcome::OrderChanged {
            order: self.view_order(order, context.today()),
            changed: !lines.is_empty(),
        }
    }
}
