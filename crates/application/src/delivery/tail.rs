//! The tail of the log: read once for all who follow it.
//!
//! Whoever is in step reads from memory; whoever is behind reads pages of the log until it is in step again. Nobody waits
//! for anybody else. The tail is woken after each commit of this process, and looks a few times a second for what other
//! instances have written. While nobody follows, it reads nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use super::chunk::Chunk;
use super::window::Window;
use crate::books::{Books, CursorGone, LogPosition};
use crate::ports::{Clock, DeliveryLimits, EncodedEvent, EventFeed, EventFilter, EventMessage, EventPage};
use crate::store_error::StoreError;

/// How often the tail looks for what other instances have written.
const POLL: Duration = Duration::from_millis(200);

/// How long it lets events gather after it was woken.
const GATHER: Duration = Duration::from_millis(3);

/// How long while much is written: reading, waking and sending cost by the page, and then they would cost the commands.
const GATHER_MUCH: Duration = Duration::from_millis(10);

/// A page of so many events is much: some ten thousand a second.
const MUCH: usize = 32;

/// The pause after the log could not be read.
const RETRY: Duration = Duration::from_millis(500);

/// How many events are read at once.
const PAGE: usize = 1_000;

/// How many of those who are behind read at the same time. The others wait: a hundred who catch up must not take all
/// connections of the store.
const READERS: usize = 2;

/// The place behind which nothing is: to ask for the newest event alone.
const END: u64 = i64::MAX as u64;

/// Turns an event into what readers outside get. Handed in, because the application knows no encoding.
pub type Encode = dyn Fn(&EncodedEvent, &Books) -> Result<String, String> + Send + Sync;

/// Why the log could not be read on from a place.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TailError {
    /// The place is not in the history that the books tell.
    #[error(transparent)]
    Gone(#[from] CursorGone),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page was read.
struct Advanced {
    /// How many events it had.
    events: usize,
    /// Whether it reaches the newest event.
    complete: bool,
}

impl Advanced {
    /// There was nothing to read.
    const AT_THE_END: Self = Self {
        events: 0,
        complete: true,
    };
}

/// The tail of the log. Its owner runs [`run`](Self::run); followers read.
pub struct EventTail {
    feed: Arc<dyn EventFeed>,
    encode: Box<Encode>,
    /// `None` until somebody follows.
    window: Mutex<Option<Window>>,
    /// The last sequence that was read, or is known; raised with each page.
    newest: watch::Sender<u64>,
    /// Somebody follows.
    followed: Notify,
    readers: Semaphore,
}

impl EventTail {
    /// The tail of a log.
    #[must_use]
    pub fn new(feed: Arc<dyn EventFeed>, encode: Box<Encode>) -> Arc<Self> {
        Arc::new(Self {
            feed,
            encode,
            window: Mutex::new(None),
            newest: watch::Sender::new(0),
            followed: Notify::new(),
            readers: Semaphore::new(READERS),
        })
    }

    /// Begins to follow the log.
    #[must_use]
    pub fn follow(self: &Arc<Self>) -> Follower {
        let changes = self.newest.subscribe();
        self.followed.notify_one();
        Follower {
            tail: Arc::clone(self),
            changes,
        }
    }

    /// Reads what is written, for ever. `stored`: notified when this process has stored events.
    pub async fn run(&self, clock: &dyn Clock, stored: &Notify) {
        let mut failures: u32 = 0;
        loop {
            if self.newest.receiver_count() == 0 {
                *self.window.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.followed.notified().await;
            }
            match self.advance().await {
                Ok(Advanced { events, complete }) => {
                    failures = 0;
                    if complete {
                        let gather = if events < MUCH { GATHER } else { GATHER_MUCH };
                        tokio::select! {
                            () = stored.notified() => clock.pause(gather).await,
                            () = clock.pause(POLL) => {}
                        }
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    // Once when it begins, and then more and more rarely.
                    if failures.is_power_of_two() {
                        tracing::warn!(%error, failures, "the event log can't be read; it is tried again");
                    }
                    clock.pause(RETRY).await;
                }
            }
        }
    }

    /// Reads the next page into the window.
    async fn advance(&self) -> Result<Advanced, StoreError> {
        let known = {
            let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.as_ref().map(|window| (window.until(), window.books().clone()))
        };
        let Some((until, books)) = known else {
            let page = self.page(END, 1).await?;
            self.replace(Window::at(page.books, page.newest));
            return Ok(Advanced::AT_THE_END);
        };
        let page = self.page(until, PAGE).await?;
        if page.books != books {
            // Another history is told: nothing that was read before counts.
            self.replace(Window::at(page.books, page.newest));
            return Ok(Advanced::AT_THE_END);
        }
        let next = page.next;
        let advanced = Advanced {
            events: page.events.len(),
            complete: page.complete,
        };
        let newest = page.newest;
        let events = self.messages(page.events, &books).inspect_err(|_| {
            // Nobody gets on behind an event that can't be read; how far everybody is behind has to be seen all the same.
            self.newest.send_replace(newest);
        })?;
        if next > until {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(window) = window.as_mut() {
                window.extend(events, next);
            }
            drop(window);
            self.newest.send_replace(next);
        }
        Ok(advanced)
    }

    fn replace(&self, window: Window) {
        let until = window.until();
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Some(window);
        self.newest.send_replace(until);
    }

    async fn page(&self, after: u64, limit: usize) -> Result<EventPage<EncodedEvent>, StoreError> {
        self.feed.encoded_events(&EventFilter::default(), after, limit).await
    }

    fn messages(&self, events: Vec<EncodedEvent>, books: &Books) -> Result<Vec<Arc<EventMessage>>, StoreError> {
        let message = |event: EncodedEvent| {
            let body = (self.encode)(&event, books)
                .map_err(|why| StoreError::Corrupt(format!("event {}: {why}", event.sequence)))?;
            let id = books.event_id(event.sequence);
            Ok(Arc::new(EventMessage { id, event, body }))
        };
        events.into_iter().map(message).collect()
    }

    /// The events after a place: from memory, or else from the log.
    async fn read(&self, place: LogPosition, limits: DeliveryLimits) -> Result<Chunk, TailError> {
        let in_memory = {
            let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.as_ref().and_then(|window| window.read(place, limits))
        };
        if let Some(chunk) = in_memory {
            return Ok(chunk);
        }
        let _turn = self.readers.acquire().await.expect("nobody closes the semaphore");
        let page = self.page(place.sequence, limits.events.clamp(1, PAGE)).await?;
        page.books.resolve(place, page.newest)?;
        let events = self.messages(page.events, &page.books)?;
        Ok(Chunk::cut(
            events.into_iter(),
            limits,
            page.next,
            &page.books,
            page.newest,
        ))
    }

    /// The books and the newest sequence of the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(&self) -> Result<(Books, u64), StoreError> {
        let page = self.page(END, 1).await?;
        Ok((page.books, page.newest))
    }

    /// The last sequence that is known, as far as anybody follows.
    #[must_use]
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }
}

/// One who follows the log. Dropping it ends that.
pub struct Follower {
    tail: Arc<EventTail>,
    changes: watch::Receiver<u64>,
}

impl Follower {
    /// The events after a place, as far as the limits go; none if there are none yet.
    ///
    /// # Errors
    /// [`TailError`].
    pub async fn read(&mut self, place: LogPosition, limits: DeliveryLimits) -> Result<Chunk, TailError> {
        // What comes from now on is a change.
        self.changes.mark_unchanged();
        self.tail.read(place, limits).await
    }

    /// Waits until more was written than when it last read.
    pub async fn changed(&mut self) {
        let changed = self.changes.changed().await;
        changed.expect("the tail lives as long as its followers");
    }

    /// The tail that it follows.
    #[must_use]
    pub fn tail(&self) -> &EventTail {
        &self.tail
    }
}
