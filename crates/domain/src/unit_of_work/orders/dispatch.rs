//! Dispatching lines, and undoing a dispatch.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::answers::outcome::{Hindrance, LeftBehind, Outcome};
use crate::answers::refusal::Refusal;
use crate::commands::command::Dispatch;
use crate::context::DecisionContext;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::name::{LineId, LineKey, OrderId, Sku};
use crate::language::quantity::{Quantity, Units};
use crate::stock::cause::Cause;
use crate::stock::index::ProductIndex;
use crate::stock::line::Line;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    /// Dispatches what can leave of a firm order, or of some of its lines. It names what can't; with `all_or_nothing`
    /// that is a refusal.
    pub(in crate::unit_of_work) fn dispatch(
        &mut self,
        dispatch: &Dispatch,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let order = &dispatch.order;
        let named = dispatch
            .lines
            .as_ref()
            .map(|lines| lines.iter().map(|named| &named.line));
        let chosen = self.chosen_lines(order, named)?;
        if chosen.iter().any(|at| self.line(*at).terms().hold_until.is_some()) {
            return Err(Refusal::NotFirm(order.clone()));
        }
        let has_ended = |at: &LineAt| {
            let state = self.line(*at).state();
            !state.is_open() && state != LineState::Dispatched
        };
        let ended: Vec<LineAt> = chosen.iter().copied().filter(has_ended).collect();
        if ended.len() == chosen.len() || (dispatch.lines.is_some() && !ended.is_empty()) {
            return Err(self.not_allocated(&ended));
        }
        let (mut leaving, mut left_behind, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        let asked = |key: &LineKey| {
            let mut named = dispatch.lines.iter().flatten();
            named.find(|named| named.line == key.line)?.quantity
        };
        for at in &chosen {
            let line = self.line(*at);
            let wanted = still_to_leave(line, asked(line.key()))?;
            if !line.state().is_open() || wanted.is_zero() {
                continue;
            }
            let parts = self.products[at.product].leaving(at.line, wanted);
            let units: Units = parts.iter().map(|leaving| leaving.part.quantity.units()).sum();
            if let Ok(quantity) = Quantity::new(i128::from(wanted.saturating_sub(units).get())) {
                let batch = self.products[at.product].batch_not_in_warehouse(at.line);
                if batch.is_none() {
                    waiting.push(*at);
                }
                left_behind.push(LeftBehind {
                    key: line.key().clone(),
                    quantity,
                    why: batch.map_or(Hindrance::NotAllocated, |batch| {
                        Hindrance::NotInWarehouse(batch.clone())
                    }),
                });
            }
            if !parts.is_empty() {
                leaving.push((*at, parts));
            }
        }
        let had_left = chosen.iter().any(|at| !self.line(*at).dispatched().is_empty());
        let refused = dispatch.all_or_nothing || (leaving.is_empty() && !had_left);
        if let Some(first) = left_behind.first().filter(|_| refused) {
            return Err(match &first.why {
                Hindrance::NotInWarehouse(batch) if waiting.is_empty() => Refusal::NotInWarehouse {
                    key: first.key.clone(),
                    batch: batch.clone(),
                },
                _ => self.not_allocated(&waiting),
            });
        }
        let changed: Vec<LineAt> = leaving.iter().map(|(at, _)| *at).collect();
        for (at, parts) in leaving {
            self.products[at.product].dispatch(at.line, parts, context.now);
        }
        self.emit_of(&changed, context);
        Ok(Outcome::OrderDispatched {
            order: self.view_order(order, context.today),
            left_behind,
            changed: !changed.is_empty(),
        })
    }

    /// Undoes the dispatch of lines: all of their units that left are allocated again in the batches they left.
    ///
    /// A line whose rest waits stays as it is: a line has all of its units or none.
    pub(in crate::unit_of_work) fn undo_dispatch(
        &mut self,
        order: &OrderId,
        lines: Option<&BTreeSet<LineId>>,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let chosen = self.chosen_lines(order, lines.map(BTreeSet::iter))?;
        let can_return = |at: &LineAt| matches!(self.line(*at).state(), LineState::Dispatched | LineState::Allocated);
        let unsuitable: Vec<LineAt> = chosen.iter().copied().filter(|at| !can_return(at)).collect();
        if unsuitable.len() == chosen.len() || (lines.is_some() && !unsuitable.is_empty()) {
            return Err(self.not_allocated(&unsuitable));
        }
        let has_left = |at: &LineAt| can_return(at) && !self.line(*at).dispatched().is_empty();
        let returning: Vec<LineAt> = chosen.into_iter().filter(has_left).collect();
        // A cancelled batch has no stock: nothing can be put back into it.
        let mut returning_lines = returning.iter();
        let closed = returning_lines.find_map(|at| self.products[at.product].closed_batch_of_dispatch(at.line));
        if let Some(batch) = closed {
            return Err(Refusal::BatchClosed(batch.clone()));
        }
        let precedence = self.precedence_of(order);
        for at in &returning {
            let product = &mut self.products[at.product];
            product.undo_dispatch(at.line);
            // The terms of its order may have changed in the meantime.
            product.give_order_terms(at.line, precedence, None);
        }
        self.emit_of(&returning, context);
        Ok(Outcome::OrderChanged {
            order: self.view_order(order, context.today),
            changed: !returning.is_empty(),
        })
    }

    /// The lines of an order that a command names, or all of them, by line id.
    fn chosen_lines<'l>(
        &self,
        order: &OrderId,
        lines: Option<impl Iterator<Item = &'l LineId>>,
    ) -> Result<Vec<LineAt>, Refusal> {
        let all = self.named_order(order)?;
        let Some(lines) = lines else { return Ok(all) };
        let keys = lines.map(|line| LineKey {
            order: order.clone(),
            line: line.clone(),
        });
        keys.map(|key| self.named_line(&key)).collect()
    }

    fn not_allocated(&self, lines: &[LineAt]) -> Refusal {
        Refusal::NotAllocated(lines.iter().map(|at| self.line(*at).key().clone()).collect())
    }

    /// Emits the events of these lines, and of their products, in the order of their SKUs.
    fn emit_of(&mut self, lines: &[LineAt], context: &DecisionContext) {
        let affected = lines
            .iter()
            .map(|at| (self.products[at.product].sku().clone(), at.product));
        let affected: BTreeMap<Sku, ProductIndex> = affected.collect();
        let mut recorder = EventRecorder::new(context, &mut self.events);
        for product in affected.into_values() {
            self.products[product].emit_events(&Cause::NewPromise, &mut recorder, None);
        }
    }
}

/// How many more units of a line are to leave, if so many are to have left in all.
fn still_to_leave(line: &Line, asked: Option<Quantity>) -> Result<Units, Refusal> {
    let (quantity, dispatched) = (line.total(), line.dispatched_units());
    let asked = asked.unwrap_or(quantity);
    if asked > quantity {
        return Err(Refusal::ExceedsLine {
            key: line.key().clone(),
            quantity,
            asked,
        });
    }
    asked
        .units()
        .checked_sub(dispatched)
        .ok_or_else(|| Refusal::AlreadyDispatched {
            key: line.key().clone(),
            dispatched,
        })
}
