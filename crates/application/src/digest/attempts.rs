//! Sending a digest, and what becomes of it when that fails.
//!
//! What is certain decides. A mail that was certainly not taken has no bounds any more: the next attempt tells what has
//! come meanwhile, too, in one mail. One that may have been taken is repeated under its id, in another interval; a crash
//! between the mail and its note makes it such a one. If nobody knows of the repeat either, the next one tells what has
//! come meanwhile, too: a server that takes mails and never says so must not keep the buyers from what is new. While
//! nothing is new the repeats become rare, and after a day everybody has heard of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::active::{ActiveDigests, SAME_BOUNDS};
use super::compose::Composer;
use super::tally::Tally;
use crate::backoff::wait_after;
use crate::books::LogPosition;
use crate::delivery::Ended;
use crate::ports::{Failing, MailError, RetryPolicy};

/// When a digest that was certainly not taken is tried again. Servers that put strangers off for a while want some minutes.
const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(5 * 60),
    give_up_after: None,
};

/// How rarely at least a digest is repeated of which nobody knows, while nothing is new.
const LONGEST_PAUSE: Duration = Duration::from_secs(8 * 60 * 60);

/// What nobody has known of for so long was told: there were some ten mails of it, or one in each interval that had news, and
/// a server that takes none of them in a day, after it has seen them whole, is as broken as one that loses them.
const TOLD_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl ActiveDigests<'_> {
    /// Sends the digest that is due.
    pub(super) async fn deliver(&mut self) -> Result<(), Ended> {
        // Without other events behind them: a repeat of the same has the same id.
        let end = (self.held.progress.delivery_end.or(self.tally.end)).unwrap_or(self.read);
        if self.is_taken() {
            return self.delivered(end).await;
        }
        // Whoever was stopped for long notices here that the lease has ended, or that somebody has disabled it.
        self.held.renew().await?;
        if self.held.progress.disabled.is_some() {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let composer = Composer {
            views: Arc::clone(&self.ports.views),
            now,
            today: self.ports.clock.day_of(now),
            may_repeat: self.unknowns > 0,
        };
        let id = self.id(end);
        let composing = composer.digest(&self.tally, id);
        let composed = self.held.while_renewing(composing).await?;
        let digest = match composed {
            Ok(digest) => digest,
            Err(error) => return self.held.store_failed(&error).await,
        };
        if digest.is_empty() {
            return self.told(end).await;
        }
        let mail = (self.ports.render)(&digest);
        let limit = self.ports.mail_limit;
        // Taken before the bounds are stored: who is stopped behind that sends nothing when another has gone on.
        let (until, arrived_by) = (self.now() + limit, later(self.ports.clock.now(), limit));
        self.held.progress.delivery_end = Some(end);
        self.held.progress.delivery_at = Some(arrived_by);
        self.held.save(&[]).await?;
        let mailer = Arc::clone(&self.ports.mailer);
        match self.held.while_renewing(mailer.send(&mail, until)).await? {
            Ok(()) => self.delivered(end).await,
            Err(error) => self.not_delivered(error).await,
        }
    }

    /// The id of the digest from the place up to a sequence.
    fn id(&self, end: u64) -> String {
        let place = self.held.progress.place;
        let books = self.books.as_ref();
        let (name, until) = books.map_or((String::new(), place), |books| {
            (books.id().to_string(), books.position_of(end))
        });
        format!("{name}.{place}.{until}")
    }

    /// The digest was taken.
    async fn delivered(&mut self, end: u64) -> Result<(), Ended> {
        let now = self.ports.clock.now();
        self.ports.meter.delivered(self.name, self.tally.events);
        if self.held.progress.failing.is_some() {
            tracing::info!(subscription = %self.name, "digests are taken again");
        }
        self.taken = Some((self.held.progress.place, end));
        self.last_sent = Some(now);
        self.told(end).await
    }

    /// All events up to a sequence were told, or need not be.
    async fn told(&mut self, end: u64) -> Result<(), Ended> {
        self.held.progress.place = (self.books.as_ref()).map_or(
            LogPosition {
                sequence: end,
                ..self.held.progress.place
            },
            |books| books.position_of(end),
        );
        self.held.progress.delivery_end = None;
        self.held.progress.delivery_at = self.last_sent;
        self.held.progress.failing = None;
        self.is_uncertain = false;
        self.unknowns = 0;
        self.repeated = None;
        self.tally = Tally::default();
        self.due = None;
        self.retry = None;
        self.held.save(&[]).await?;
        self.taken = None;
        Ok(())
    }

    async fn not_delivered(&mut self, error: MailError) -> Result<(), Ended> {
        let (since, attempts) = self.note(&error);
        let wait = wait_after(attempts, RETRY, &*self.ports.ids);
        match error {
            MailError::Unavailable(_) => self.try_again(!self.is_uncertain, wait).await,
            // Even one that may have been taken before: as it is nobody ever takes it, and what came after it would wait.
            MailError::Refused(_) => {
                self.unknowns = 0;
                self.try_again(true, wait.max(self.ports.every)).await
            }
            MailError::Unknown(_) => self.nobody_knows(since).await,
        }
    }

    /// The attempt was certainly in vain: what is known of those before it holds.
    async fn try_again(&mut self, is_free: bool, wait: Duration) -> Result<(), Ended> {
        if is_free {
            self.held.progress.delivery_end = None;
            self.is_uncertain = false;
        }
        self.held.progress.delivery_at = self.last_sent;
        self.repeated = None;
        self.retry = Some(self.now() + wait);
        self.held.save(&[]).await
    }

    /// It may have been taken just now.
    async fn nobody_knows(&mut self, failing_since: Timestamp) -> Result<(), Ended> {
        let now = self.ports.clock.now();
        self.unknowns = self.unknowns.saturating_add(1);
        self.last_sent = Some(now);
        self.held.progress.delivery_at = self.last_sent;
        self.is_uncertain = true;
        self.repeated = None;
        // At the end of this interval.
        self.due = None;
        self.retry = None;
        if self.unknowns < SAME_BOUNDS {
            return self.held.save(&[]).await;
        }
        if let Some(end) = self.held.progress.delivery_end
            && later(failing_since, TOLD_AFTER) <= now
        {
            let place = self.held.progress.place;
            tracing::error!(
                subscription = %self.name, %place, end,
                "the mail server has not answered to the end of a digest for a day; it counts as told"
            );
            return self.told(end).await;
        }
        self.held.progress.delivery_end = None;
        self.is_uncertain = false;
        self.repeated = Some(self.tally.events);
        let every = self.ports.every;
        let pauses = RetryPolicy {
            first: every,
            longest: LONGEST_PAUSE.max(every),
            give_up_after: None,
        };
        self.retry = Some(self.now() + wait_after(self.unknowns.saturating_sub(1), pauses, &*self.ports.ids));
        self.held.save(&[]).await
    }

    /// Notes that an attempt failed. Answers since when they do, and how many have.
    fn note(&mut self, error: &MailError) -> (Timestamp, u32) {
        let reason = error.to_string();
        let now = self.ports.clock.now();
        let failing = self.held.progress.failing.get_or_insert_with(|| Failing {
            since: now,
            attempts: 0,
            reason: String::new(),
        });
        failing.attempts = failing.attempts.saturating_add(1);
        failing.reason.clone_from(&reason);
        let (since, attempts) = (failing.since, failing.attempts);
        // Once when it begins, and then more and more rarely.
        if attempts.is_power_of_two() {
            tracing::warn!(subscription = %self.name, reason, attempts, "a digest is not sent; it is tried again");
        }
        self.ports.meter.retried(self.name);
        (since, attempts)
    }
}

/// An instant so much later.
fn later(instant: Timestamp, by: Duration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
