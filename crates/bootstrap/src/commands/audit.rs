//! The audit: what was done to the stock, from the events, and what was decided on access, merged in order of time.
//!
//! Each of the two is read page by page in its own order, which is that of time but for the moments by which clocks differ.
//! Of the next of each the earlier one is written; so the memory is bounded, and neither order is changed.

use std::collections::VecDeque;
use std::io::Write;

use earmark_adapters::files::{AuditRow, Table};
use earmark_application::{AccessLog, EncodedEvent, EventFeed, EventFilter, EventPage, LoggedEntry};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::wiring::Ports;

/// Rows in a page of each.
const PAGE: usize = 1_000;

/// From when to when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    /// Nothing before this.
    pub(crate) since: Option<Timestamp>,
    /// Nothing from this on.
    pub(crate) until: Option<Timestamp>,
}

impl Span {
    fn has(self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// The events that are to be written.
struct Events<'a> {
    feed: &'a dyn EventFeed,
    filter: EventFilter,
    page: EventPage<EncodedEvent>,
    /// The next of the page.
    next: usize,
}

impl<'a> Events<'a> {
    async fn of(feed: &'a dyn EventFeed) -> Result<Self, Failure> {
        let filter = EventFilter::default();
        let page = feed.encoded_events(&filter, 0, PAGE).await?;
        Ok(Self {
            feed,
            filter,
            page,
            next: 0,
        })
    }

    /// The next event; `None` after the last.
    async fn peek(&mut self) -> Result<Option<&EncodedEvent>, Failure> {
        if self.next == self.page.events.len() && self.next > 0 {
            self.page = self.feed.encoded_events(&self.filter, self.page.next, PAGE).await?;
            self.next = 0;
        }
        Ok(self.page.events.get(self.next))
    }
}

/// The decisions that are to be written.
struct Decisions<'a> {
    log: &'a dyn AccessLog,
    page: VecDeque<LoggedEntry>,
    after: u64,
    ended: bool,
}

impl Decisions<'_> {
    /// The next decision; `None` after the last.
    async fn peek(&mut self) -> Result<Option<&LoggedEntry>, Failure> {
        if self.page.is_empty() && !self.ended {
            self.page = self.log.access_entries(self.after, PAGE).await?.into();
            self.after = self.page.back().map_or(self.after, |last| last.number);
            self.ended = self.page.is_empty();
        }
        Ok(self.page.front())
    }
}

/// Writes both.
///
/// # Errors
/// When the store can't be read or the table can't be written.
pub(crate) async fn write<W: Write>(ports: &Ports, span: Span, mut table: Table<W>) -> Result<(), Failure> {
    let mut events = Events::of(&*ports.events).await?;
    let mut decisions = Decisions {
        log: &*ports.access_log,
        page: VecDeque::new(),
        after: 0,
        ended: false,
    };
    loop {
        let done_at = events.peek().await?.map(|event| event.occurred_at);
        let decided_at = decisions.peek().await?.map(|decision| decision.entry.first_at);
        let (at, is_event) = match (done_at, decided_at) {
            (None, None) => return Ok(table.finish()?),
            (Some(done), None) => (done, true),
            (None, Some(decided)) => (decided, false),
            (Some(done), Some(decided)) => (done.min(decided), done <= decided),
        };
        if is_event {
            let event = &events.page.events[events.next];
            if span.has(at) {
                let row = AuditRow::of_event(event, &events.page.books);
                let row = row.map_err(|error| Failure::Failed(format!("event {}: {error}", event.sequence)))?;
                table.write(&row)?;
            }
            events.next += 1;
        } else if let Some(decision) = decisions.page.pop_front()
            && span.has(at)
        {
            table.write(&AuditRow::from(&decision))?;
        }
    }
}
