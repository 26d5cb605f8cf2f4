//! Dispatching lines, and undoing a dispatch.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{LineAt, UnitOfWork};
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::context::DecisionContext;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::name::{LineId, LineKey, OrderId};
use crate::stock::cause::Cause;

impl UnitOfWork {
    /// Dispatches lines of a firm order, if all of their units are in the warehouse.
    pub(super) fn dispatch(
        &mut self,
        order: &OrderId,
        lines: Option<&BTreeSet<LineId>>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let chosen = self.chosen_lines(order, lines)?;
        if chosen.iter().any(|at| self.line(*at).terms().hold_until.is_some()) {
            return Err(Refusal::NotFirm(order.clone()));
        }
        let leaving = self.lines_to_change(LineState::Allocated, LineState::Dispatched, &chosen, lines.is_some())?;
        for at in &leaving {
            if let Some(batch) = self.products[at.product].batch_not_in_warehouse(at.line) {
                return Err(Refusal::NotInWarehouse {
                    key: self.line(*at).key().clone(),
                    batch: batch.clone(),
                });
            }
        }
        Ok(self.change_states(order, &leaving, LineState::Dispatched, context))
    }

    /// Undoes the dispatch of lines: their units are allocated again in the batches they left.
    pub(super) fn undo_dispatch(
        &mut self,
        order: &OrderId,
        lines: Option<&BTreeSet<LineId>>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let chosen = self.chosen_lines(order, lines)?;
        let returning = self.lines_to_change(LineState::Dispatched, LineState::Allocated, &chosen, lines.is_some())?;
        // A cancelled batch has no stock: nothing can be put back into it.
        let mut returning_lines = returning.iter();
        let closed = returning_lines.find_map(|at| self.products[at.product].closed_batch_of_dispatch(at.line));
        if let Some(batch) = closed {
            return Err(Refusal::BatchClosed(batch.clone()));
        }
        Ok(self.change_states(order, &returning, LineState::Allocated, context))
    }

    /// The lines of an order that a command names, or all of them, by line id.
    fn chosen_lines(&self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Result<Vec<LineAt>, Refusal> {
        let all = self.named_order(order)?;
        let Some(lines) = lines else { return Ok(all) };
        let keys = lines.iter().map(|line| LineKey {
            order: order.clone(),
            line: line.clone(),
        });
        keys.map(|key| self.named_line(&key)).collect()
    }

    /// The chosen lines in the state `from`. Lines that are in the state `to` already are left out. Refuses the command
    /// if a line it names is in neither state, or if it names no lines and all of the order's are in neither.
    fn lines_to_change(
        &self,
        from: LineState,
        to: LineState,
        chosen: &[LineAt],
        named: bool,
    ) -> Result<Vec<LineAt>, Refusal> {
        let state = |at: &LineAt| self.line(*at).state();
        let unsuitable: Vec<LineAt> = chosen
            .iter()
            .copied()
            .filter(|at| state(at) != from && state(at) != to)
            .collect();
        if unsuitable.len() == chosen.len() || (named && !unsuitable.is_empty()) {
            let keys = unsuitable.iter().map(|at| self.line(*at).key().clone());
            return Err(Refusal::NotAllocated(keys.collect()));
        }
        Ok(chosen.iter().copied().filter(|at| state(at) == from).collect())
    }

    fn change_states(
        &mut self,
        order: &OrderId,
        lines: &[LineAt],
        to: LineState,
        context: &DecisionContext,
    ) -> Outcome {
        let mut affected = BTreeMap::new();
        for at in lines {
            let product = &mut self.products[at.product];
            match to {
                LineState::Dispatched => product.dispatch(at.line),
                _ => product.undo_dispatch(at.line),
            }
            affected.insert(product.sku().clone(), at.product);
        }
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for product in affected.into_values() {
            self.products[product].emit_events(&Cause::NewPromise, &mut recorder, None);
        }
        Outcome::OrderChanged {
            order: self.view_order(order, context.today),
            changed: !lines.is_empty(),
        }
    }
}
