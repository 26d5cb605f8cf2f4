//! Changing the quantity of a line.

use alloc::collections::BTreeSet;

use super::UnitOfWork;
use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::context::DecisionContext;
use crate::language::line_terms::LineState;
use crate::language::name::LineKey;
use crate::language::quantity::Quantity;
use crate::language::reason::DeallocationReason;
use crate::stock::cause::Cause;

impl UnitOfWork {
    pub(super) fn change_line_quantity(
        &mut self,
        key: &LineKey,
        to: Quantity,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let at = self.named_line(key)?;
        let line = self.line(at);
        let changed = line.quantity() != to;
        match line.state() {
            LineState::Dispatched if changed => return Err(Refusal::AlreadyDispatched(key.clone())),
            state if changed && !state.is_open() => {
                let key = key.clone();
                return Err(Refusal::LineEnded { key, state });
            }
            _ => {}
        }
        if changed {
            let product = &mut self.products[at.product];
            product
                .change_quantity(at.line, to, context.time())
                .map_err(Refusal::OutOfStock)?;
            let cause = Cause::Freed(DeallocationReason::Reduced);
            self.serve_backlogs_and_emit(&BTreeSet::from([at.product]), &cause, context);
        }
        Ok(Outcome::OrderChanged {
            order: self.view_order(&key.order, context.today),
            changed,
        })
    }
}
