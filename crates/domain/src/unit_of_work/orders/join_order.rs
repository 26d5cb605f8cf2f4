//! Adding a line to an order: which terms it gets, and which orders take none.

use jiff::Timestamp;

use crate::answers::refusal::Refusal;
use crate::answers::view::OrderStatus;
use crate::context::DecisionContext;
use crate::language::name::OrderId;
use crate::language::precedence::Precedence;
use crate::unit_of_work::UnitOfWork;

impl UnitOfWork {
    /// The precedence and the deadline that a new line of an order gets: those of the order, if it exists.
    ///
    /// # Errors
    /// The order was cancelled, or its hold has expired.
    pub(in crate::unit_of_work) fn terms_for_new_line(
        &self,
        order: &OrderId,
        context: &DecisionContext,
    ) -> Result<(Precedence, Option<Timestamp>), Refusal> {
        let Some(status) = self.status_for_new_line(order) else {
            return Ok((Precedence::default(), None));
        };
        let header = self.headers.get(order).map(|header| &header.record);
        let precedence = header.map_or_else(Precedence::default, |header| header.precedence);
        match status {
            OrderStatus::Cancelled => Err(Refusal::OrderCancelled(order.clone())),
            OrderStatus::Expired => Err(Refusal::hold_expired(order)),
            OrderStatus::Firm | OrderStatus::Dispatched => Ok((precedence, None)),
            OrderStatus::Held => match header.and_then(|header| header.hold_until) {
                // Its hold is ended with the next decision on one of its products.
                deadline if context.time().is_past(deadline) => Err(Refusal::hold_expired(order)),
                deadline => Ok((precedence, deadline)),
            },
        }
    }

    /// The status of an order, as far as that matters to a new line. `None`: the order is new.
    fn status_for_new_line(&self, order: &OrderId) -> Option<OrderStatus> {
        if let Some(lines) = self.joined.get(order) {
            return Some(OrderStatus::of(lines.iter().copied()));
        }
        let mut lines = self.loaded_lines_of(order).map(|at| self.line(at)).peekable();
        lines.peek()?;
        Some(OrderStatus::of(
            lines.map(|line| (line.state(), line.terms().hold_until)),
        ))
    }
}
