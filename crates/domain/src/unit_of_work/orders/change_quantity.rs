//! Changing the quantity of a line.

use alloc::collections::BTreeSet;

use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::context::DecisionContext;
use crate::language::line_terms::LineState;
use crate::language::name::LineKey;
use crate::language::quantity::{Quantity, Units};
use crate::language::reason::DeallocationReason;
use crate::stock::cause::Cause;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    pub(in crate::unit_of_work) fn change_line_quantity(
        &mut self,
        key: &LineKey,
        to: Quantity,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_line(key)?;
        let line = self.line(at);
        let changed = line.total() != to;
        let (state, dispatched) = (line.state(), line.dispatched_units());
        // What has left the building stays so: the rest changes.
        let rest = to.units().checked_sub(dispatched);
        match (state, rest) {
            _ if !changed => {}
            (LineState::Dispatched, _) | (_, None) => {
                let key = key.clone();
                return Err(Refusal::AlreadyDispatched { key, dispatched });
            }
            _ if !state.is_open() => {
                let key = key.clone();
                return Err(Refusal::LineEnded { key, state });
            }
            (_, Some(rest)) => self.change_rest(at, rest, dispatched, context)?,
        }
        if changed {
            let cause = Cause::Freed(DeallocationReason::Reduced);
            self.serve_backlogs_and_emit(&BTreeSet::from([at.product]), &cause, context);
        }
        Ok(Outcome::OrderChanged {
            order: self.view_order(&key.order, context.today),
            changed,
        })
    }

    /// Changes how many units a line wants beside those that were dispatched; none ends it.
    fn change_rest(
        &mut self,
        at: LineAt,
        rest: Units,
        dispatched: Units,
        context: &DecisionContext,
    ) -> Result<(), Refusal> {
        let product = &mut self.products[at.product];
        match Quantity::new(i128::from(rest.get())) {
            Ok(rest) => {
                let changed = product.change_quantity(at.line, rest, context.time());
                changed.map_err(|short| Refusal::OutOfStock(short.beside(dispatched)))?;
            }
            Err(_) => {
                product.cancel(at.line);
            }
        }
        Ok(())
    }
}
