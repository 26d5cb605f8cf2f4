//! The engine as a sink: commands decided strictly in order, in this process.

use std::collections::VecDeque;
use std::sync::Arc;

use earmark_application::{Answer, CommandError, Envelope, OrderedStream, Principal, Ticket};
use earmark_domain::{Outcome, Refusal};

use super::counts::Counts;
use super::plan::PlannedCommand;
use super::result::SendResult;
use crate::app::App;

/// Sends commands to an engine of this process.
pub(crate) struct EngineSink {
    stream: OrderedStream,
    tickets: VecDeque<Ticket>,
    principal: Principal,
    correlation_id: Arc<str>,
}

impl EngineSink {
    /// A sink to the engine of this application. All commands of one import share a correlation id.
    pub(crate) fn new(app: &App, principal: Principal) -> Self {
        let started = app.ports.clock.now().as_microsecond();
        let correlation_id = Arc::from(format!("{principal}-{started}"));
        Self {
            stream: app.engine.ordered(),
            tickets: VecDeque::new(),
            principal,
            correlation_id,
        }
    }

    pub(super) async fn submit(&mut self, planned: &PlannedCommand) {
        let correlation_id = Arc::clone(&self.correlation_id);
        let envelope = Envelope::new(planned.command.clone(), self.principal.clone(), correlation_id);
        self.tickets.push_back(self.stream.submit(envelope).await);
    }

    pub(super) async fn result(&mut self, planned: &PlannedCommand) -> SendResult {
        let mut ticket = self
            .tickets
            .pop_front()
            .expect("a result is asked for once for each submitted command");
        interpret(ticket.answer().await, planned.own_rows())
    }
}

/// The result that an answer means for the rows of its command.
fn interpret(answer: Answer, rows: u64) -> SendResult {
    let none = Counts::new();
    SendResult::Done(match answer {
        Ok(outcome) if outcome.is_unchanged() => Counts {
            unchanged: rows,
            ..none
        },
        Ok(Outcome::ProductPut { .. }) => Counts { named: rows, ..none },
        Ok(Outcome::BatchCreated { .. }) => Counts { created: rows, ..none },
        Ok(Outcome::LinePlaced { line, .. }) => Counts::of_lines([line.state]),
        Ok(Outcome::OrderPlaced { order, .. }) => Counts::of_lines(order.lines.iter().map(|line| line.state)),
        Ok(_) => Counts { changed: rows, ..none },
        Err(CommandError::Refused(Refusal::OutOfStock(_) | Refusal::Shortages(_))) => Counts { refused: rows, ..none },
        Err(
            error @ (CommandError::Refused(_)
            | CommandError::Forbidden(_)
            | CommandError::OutOfBounds(_)
            | CommandError::Unknown(_)
            | CommandError::Internal),
        ) => {
            return SendResult::Bad(error.to_string());
        }
        Err(error @ (CommandError::Busy | CommandError::Unavailable | CommandError::ShuttingDown)) => {
            return SendResult::Retry(error.to_string());
        }
    })
}
