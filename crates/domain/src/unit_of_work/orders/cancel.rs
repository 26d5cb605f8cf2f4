//! Cancelling lines and orders.

use alloc::collections::BTreeSet;

use crate::answers::outcome::Outcome;
use crate::answers::refusal::Refusal;
use crate::answers::view::OrderStatus;
use crate::context::DecisionContext;
use crate::events::fact::Fact;
use crate::language::line_terms::LineState;
use crate::language::name::{LineKey, OrderId};
use crate::language::reason::DeallocationReason;
use crate::stock::cause::Cause;
use crate::unit_of_work::{LineAt, UnitOfWork};

impl UnitOfWork {
    pub(in crate::unit_of_work) fn cancel_line(
        &mut self,
        key: &LineKey,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let line = self.named_line(key)?;
        self.cancel(&key.order, &[line], context)
    }

    pub(in crate::unit_of_work) fn cancel_order(
        &mut self,
        order: &OrderId,
        context: &DecisionContext,
    ) -> Result<Outcome, Refusal> {
        let lines = self.named_order(order)?;
        self.cancel(order, &lines, context)
    }

    /// Cancels those of the lines that are open. Dispatched lines stay dispatched; only dispatched lines are refused.
    fn cancel(&mut self, order: &OrderId, lines: &[LineAt], context: &DecisionContext) -> Result<Outcome, Refusal> {
        let is_dispatched = |at: &LineAt| self.line(*at).state() == LineState::Dispatched;
        if let Some(first) = lines.first().filter(|_| lines.iter().all(is_dispatched)) {
            let line = self.line(*first);
            return Err(Refusal::AlreadyDispatched {
                key: line.key().clone(),
                dispatched: line.dispatched_units(),
            });
        }
        let mut affected = BTreeSet::new();
        for at in lines {
            if self.products[at.product].cancel(at.line) {
                affected.insert(at.product);
            }
        }
        let cause = Cause::Freed(DeallocationReason::Cancelled);
        self.serve_backlogs_and_emit(&affected, &cause, context);
        let view = self.view_order(order, context.today);
        let changed = !affected.is_empty();
        if changed && view.status == OrderStatus::Cancelled {
            self.record_of_order(order, Fact::OrderCancelled, context);
        }
        Ok(Outcome::OrderChanged { order: view, changed })
    }
}
