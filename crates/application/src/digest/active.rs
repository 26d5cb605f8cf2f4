//! The digests while the lease is held: the log is read on, and at the end of an interval a digest is due.

use std::time::Duration;

use jiff::Timestamp;

use super::interval::until_end_of;
use super::ports::DigestPorts;
use super::tally::{TOLD, Tally};
use crate::books::{Books, CursorGone, LogPosition};
use crate::delivery::{Ended, HeldLease, Lease};
use crate::ports::{EventFilter, EventPage, SubscriptionLease, SubscriptionName};

/// The part of an interval after which the log is looked at again, within the bounds below.
const POLLS_IN_INTERVAL: u32 = 20;

/// How often the log is looked at at most, and at least.
const POLL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How many events are read at once.
const PAGE: usize = 1_000;

/// The pause between two pages of a long log, so that others get the store.
const PAGE_PAUSE: Duration = Duration::from_millis(5);

/// How often the place is stored while there is nothing to tell: what lies behind it is read again after a crash.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// After so many attempts in a row of which nobody knows, the next one tells what is new as well. The second has the id of
/// the first, by which mail programs know a repeat.
pub(super) const SAME_BOUNDS: u32 = 2;

/// The bounds of a digest that was taken, and could not be noted as such.
pub(super) type Taken = Option<(LogPosition, u64)>;

/// The digests while the lease is held.
pub(super) struct ActiveDigests<'r> {
    pub(super) ports: &'r DigestPorts,
    pub(super) name: &'r SubscriptionName,
    pub(super) held: HeldLease<'r>,
    /// The books that are read, as they were when the place was last looked up in them.
    pub(super) books: Option<Books>,
    /// The log was read up to this sequence.
    pub(super) read: u64,
    /// The last sequence of the log, as far as it is known.
    newest: u64,
    /// What was read behind the place.
    pub(super) tally: Tally,
    /// When the digest is due, in the clock's monotonic time.
    pub(super) due: Option<Duration>,
    /// When a digest that failed is tried again.
    pub(super) retry: Option<Duration>,
    /// Whether the digest that is under way may have been taken.
    pub(super) is_uncertain: bool,
    /// How many attempts nobody knows of, since it was last known what became of one.
    pub(super) unknowns: u32,
    /// How many events of the tally may have been told, where they are told again with what came meanwhile.
    pub(super) repeated: Option<u64>,
    /// By when the last one arrived that was taken, or may have been.
    pub(super) last_sent: Option<Timestamp>,
    pub(super) taken: Taken,
}

impl<'r> ActiveDigests<'r> {
    pub(super) fn new(ports: &'r DigestPorts, lease: &'r Lease, held: SubscriptionLease, taken: Taken) -> Self {
        let progress = &held.progress;
        Self {
            ports,
            name: &lease.name,
            books: None,
            read: progress.place.sequence,
            newest: 0,
            tally: Tally::default(),
            due: None,
            retry: None,
            // Another holder may have sent it before it ended.
            is_uncertain: progress.delivery_end.is_some(),
            unknowns: u32::from(progress.delivery_end.is_some()),
            repeated: None,
            last_sent: progress.delivery_at,
            held: HeldLease::new(lease, held),
            taken,
        }
    }

    /// Sends digests until the lease is lost. Answers which one was taken and not noted.
    pub(super) async fn run(mut self) -> Taken {
        while self.step().await.is_ok() {}
        self.ports.meter.ended(self.name);
        tracing::info!(subscription = %self.name, "digests are no longer sent by this instance");
        self.taken
    }

    pub(super) fn now(&self) -> Duration {
        self.ports.clock.monotonic()
    }

    async fn step(&mut self) -> Result<(), Ended> {
        self.held.renew_in_time().await?;
        if self.held.progress.failing.is_none() {
            // Also where somebody has enabled it: what failed before that does not count.
            self.retry = None;
        }
        let (progress, meter) = (&self.held.progress, &self.ports.meter);
        let is_disabled = progress.disabled.is_some();
        meter.stands(self.name, progress.failing.is_some(), is_disabled);
        if is_disabled {
            self.measure_lag(None);
            return self.rest(self.held.renew_every()).await;
        }
        if !self.read_on().await? {
            return self.rest(PAGE_PAUSE).await;
        }
        if self.held.progress.delivery_end.is_none() && self.tally.is_empty() {
            return self.nothing_to_tell().await;
        }
        self.look_for_news();
        let due = self.due_at();
        self.measure_lag(Some(due));
        let left = due.saturating_sub(self.now());
        if !left.is_zero() {
            return self.rest(left.min(self.poll())).await;
        }
        self.deliver().await
    }

    /// When the digest is due, in the clock's monotonic time: at the end of the interval in which the first of its events
    /// occurred, and of that in which the last one arrived or may have.
    fn due_at(&mut self) -> Duration {
        let now = self.now();
        if self.is_taken() {
            return now;
        }
        // The events of bounds that are stored are of an interval before.
        let first = self.tally.first.filter(|_| self.held.progress.delivery_end.is_none());
        let due = match (self.due, first.max(self.last_sent)) {
            (Some(due), _) => due,
            (None, Some(latest)) => *self.due.insert(now + self.left_of_interval_of(latest)),
            (None, None) => now,
        };
        self.retry.map_or(due, |retry| retry.max(due))
    }

    fn left_of_interval_of(&self, instant: Timestamp) -> Duration {
        let DigestPorts {
            clock,
            every,
            mail_limit,
            ..
        } = self.ports;
        // The longest there is: a mail may arrive so long after now.
        until_end_of(instant, clock.now(), *every, *every + *mail_limit)
    }

    /// Looks whether something has come since the digest of which nobody knows. That is told at the end of this interval,
    /// whatever the pause, and repeated soon.
    fn look_for_news(&mut self) {
        if self.repeated.is_some_and(|repeated| self.tally.events > repeated) {
            self.repeated = None;
            self.retry = None;
            self.unknowns = SAME_BOUNDS - 1;
            self.due = Some(self.now() + self.left_of_interval_of(self.ports.clock.now()));
        }
    }

    /// Whether the digest that is under way was taken, and that could not be noted.
    pub(super) fn is_taken(&self) -> bool {
        let end = self.held.progress.delivery_end;
        end.is_some_and(|end| self.taken == Some((self.held.progress.place, end)))
    }

    async fn nothing_to_tell(&mut self) -> Result<(), Ended> {
        self.measure_lag(None);
        if let Some(books) = self
            .books
            .as_ref()
            .filter(|_| self.read > self.held.progress.place.sequence)
        {
            self.held.progress.place = books.position_of(self.read);
        }
        self.held.save_after(SAVE_EVERY).await?;
        self.rest(self.poll()).await
    }

    /// Reads a page of the log. Answers whether all was read that the digest has to have.
    async fn read_on(&mut self) -> Result<bool, Ended> {
        let end = self.held.progress.delivery_end;
        if self.books.is_some() && end.is_some_and(|end| self.read >= end) {
            return Ok(true);
        }
        let told = EventFilter {
            types: TOLD.map(str::to_owned).to_vec(),
            ..EventFilter::default()
        };
        let page = match self.ports.feed.events(&told, self.read, PAGE).await {
            Ok(page) => page,
            Err(error) => return self.held.store_failed(&error).await,
        };
        self.newest = page.newest;
        if self.books.as_ref() != Some(&page.books) {
            self.begin_in(page.books, page.newest).await?;
            return Ok(false);
        }
        Ok(self.take(page))
    }

    fn take(&mut self, page: EventPage) -> bool {
        let end = self.held.progress.delivery_end.unwrap_or(u64::MAX);
        for event in page.events.into_iter().filter(|event| event.sequence <= end) {
            self.tally.take(event);
        }
        self.read = page.next.min(end);
        page.complete || self.read >= end
    }

    /// Begins to read, in books that are not known or tell another history than before: from the place, or from where they
    /// agree with the history that the place is of.
    async fn begin_in(&mut self, books: Books, newest: u64) -> Result<(), Ended> {
        let is_lost = self.held.progress.delivery_end.is_some_and(|end| end > newest);
        let gone = books.resolve(self.held.progress.place, newest).err();
        if let Some(CursorGone { begin, .. }) = gone {
            tracing::warn!(subscription = %self.name, place = %self.held.progress.place, %begin, "the log tells another history");
            self.held.progress.place = begin;
        }
        if is_lost || gone.is_some() {
            self.held.progress.delivery_end = None;
            self.is_uncertain = false;
            self.repeated = None;
            self.held.save(&[]).await?;
        }
        self.read = self.held.progress.place.sequence;
        self.tally = Tally::default();
        self.due = None;
        self.books = Some(books);
        Ok(())
    }

    async fn rest(&mut self, time: Duration) -> Result<(), Ended> {
        self.held.rest(time).await.map(drop)
    }

    fn poll(&self) -> Duration {
        let (shortest, longest) = POLL;
        (self.ports.every / POLLS_IN_INTERVAL).clamp(shortest, longest)
    }

    /// Events that wait for the end of the interval are not late.
    fn measure_lag(&self, due: Option<Duration>) {
        let late = due.map_or(Duration::ZERO, |due| self.now().saturating_sub(due));
        let events = if late.is_zero() && self.held.progress.failing.is_none() {
            0
        } else {
            self.newest.saturating_sub(self.held.progress.place.sequence)
        };
        self.ports.meter.lags(self.name, events, late);
    }
}
