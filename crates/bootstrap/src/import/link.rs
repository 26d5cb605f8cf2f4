//! Links: where commands are sent, and what their answers mean for an import.

use std::collections::VecDeque;
use std::sync::Arc;

use earmark_application::{Answer, CommandError, Envelope, OrderedStream, Principal, Ticket};
use earmark_domain::{Outcome, Refusal};

use super::Tally;
use super::bulk::BulkLink;
use super::plan::Item;
use crate::run::Books;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was answered; its rows are counted so.
    Done(Tally),
    /// It contradicts what is there.
    Bad(String),
    /// Not now: send it again. It is not known whether it was stored; commands may be sent twice.
    Again(String),
    /// It makes no sense to go on.
    Stop(String),
}

/// Where commands are sent.
///
/// Answers are asked for in the order of the commands, each exactly once. A link that breaks answers [`Verdict::Again`]
/// to everything on its way until it is mended.
pub(crate) enum Link {
    /// To an engine of this process.
    Engine(EngineLink),
    /// To the bulk call of a running service.
    Bulk(BulkLink),
}

impl Link {
    pub(crate) async fn submit(&mut self, item: &Item) {
        match self {
            Self::Engine(link) => link.submit(item).await,
            Self::Bulk(link) => link.submit(item).await,
        }
    }

    pub(crate) async fn answer(&mut self, item: &Item) -> Verdict {
        match self {
            Self::Engine(link) => link.answer(item).await,
            Self::Bulk(link) => link.answer(item).await,
        }
    }

    /// Makes a broken link whole again. Nothing is on its way.
    pub(crate) fn mend(&mut self) {
        match self {
            Self::Bulk(link) => link.mend(),
            Self::Engine(_) => {}
        }
    }

    /// There is nothing more to send, and nothing on its way.
    pub(crate) async fn close(self) {
        match self {
            Self::Bulk(link) => link.close().await,
            Self::Engine(_) => {}
        }
    }
}

/// Commands to an engine, decided strictly in order.
pub(crate) struct EngineLink {
    stream: OrderedStream,
    tickets: VecDeque<Ticket>,
    principal: Principal,
    correlation_id: Arc<str>,
}

impl EngineLink {
    /// A link to the engine of these books. All that comes of one import bears one correlation id.
    pub(crate) fn new(books: &Books, principal: Principal) -> Self {
        let begun = books.ports.clock.now().as_microsecond();
        let correlation_id = Arc::from(format!("{principal}-{begun}"));
        Self {
            stream: books.engine.ordered(),
            tickets: VecDeque::new(),
            principal,
            correlation_id,
        }
    }

    async fn submit(&mut self, item: &Item) {
        let correlation_id = Arc::clone(&self.correlation_id);
        let envelope = Envelope::new(item.command.clone(), self.principal.clone(), correlation_id);
        self.tickets.push_back(self.stream.submit(envelope).await);
    }

    async fn answer(&mut self, item: &Item) -> Verdict {
        let mut ticket = self
            .tickets
            .pop_front()
            .expect("an answer is asked for once for each command submitted");
        verdict(ticket.answer().await, item.rows)
    }
}

/// What an answer means for the rows of its command.
fn verdict(answer: Answer, rows: u64) -> Verdict {
    let unchanged = Tally {
        unchanged: rows,
        ..Tally::new()
    };
    Verdict::Done(match answer {
        Ok(Outcome::ProductPut { changed: true, .. }) => Tally {
            named: rows,
            ..Tally::new()
        },
        Ok(Outcome::BatchCreated { fresh: true, .. }) => Tally {
            created: rows,
            ..Tally::new()
        },
        Ok(Outcome::LinePlaced { line, fresh: true }) => Tally::placed([line.state]),
        Ok(Outcome::OrderPlaced { order, fresh: true }) => Tally::placed(order.lines.iter().map(|line| line.state)),
        Ok(_) => unchanged,
        Err(CommandError::Refused(Refusal::OutOfStock(_) | Refusal::Shortages(_))) => Tally {
            refused: rows,
            ..Tally::new()
        },
        Err(error @ (CommandError::Refused(_) | CommandError::Internal)) => return Verdict::Bad(error.to_string()),
        Err(error @ (CommandError::Busy | CommandError::Unavailable | CommandError::ShuttingDown)) => {
            return Verdict::Again(error.to_string());
        }
    })
}
