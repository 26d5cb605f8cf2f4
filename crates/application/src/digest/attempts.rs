//! Sending a digest, and what becomes of it when that fails.
//!
//! What is certain decides. A mail that was certainly not taken has no bounds any more: the next attempt tells what has
//! come meanwhile, too, in one mail. One that may have been taken is repeated as it was, under its id and date, once an
//! interval; a crash between the mail and its note makes it such a one.

use std::sync::Arc;
use std::time::Duration;

use super::active::{ActiveDigests, Ended};
use super::compose::Composer;
use super::tally::Tally;
use crate::backoff::wait_after;
use crate::books::LogPosition;
use crate::ports::{Failing, MailError, RetryPolicy};

/// When a digest that was certainly not taken is tried again. Servers that put strangers off for a while want some minutes.
const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(5 * 60),
    give_up_after: None,
};

impl ActiveDigests<'_> {
    /// Sends the digest that is due.
    pub(super) async fn deliver(&mut self) -> Result<(), Ended> {
        let end = self.progress.delivery_end.unwrap_or(self.read);
        if self.taken == Some((self.progress.place, end)) && self.progress.delivery_end.is_some() {
            return self.delivered(end).await;
        }
        // Whoever was stopped for long notices here that the lease has ended, or that somebody has disabled it.
        self.renew().await?;
        if self.progress.disabled.is_some() {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let drawn_at = match (self.progress.delivery_end, self.progress.delivery_at) {
            (Some(_), Some(drawn_at)) => drawn_at,
            _ => now,
        };
        let composer = Composer {
            views: Arc::clone(&self.ports.views),
            now,
            today: self.ports.clock.day_of(now),
        };
        let tally = std::mem::take(&mut self.tally);
        let id = self.id(end);
        let composed = self.while_renewing(composer.digest(&tally, id)).await?;
        self.tally = tally;
        let mut digest = match composed {
            Ok(digest) => digest,
            Err(error) => return self.store_failed(&error).await,
        };
        if digest.is_empty() {
            return self.told(end).await;
        }
        digest.at = drawn_at;
        if self.progress.delivery_end.is_none() {
            self.progress.delivery_end = Some(end);
            self.progress.delivery_at = Some(drawn_at);
            self.save().await?;
        }
        let mail = (self.ports.render)(&digest);
        let mailer = Arc::clone(&self.ports.mailer);
        match self.while_renewing(mailer.send(&mail)).await? {
            Ok(()) => self.delivered(end).await,
            Err(error) => self.not_delivered(error).await,
        }
    }

    /// The id of the digest from the place up to a sequence.
    fn id(&self, end: u64) -> String {
        let place = self.progress.place;
        let books = self.books.as_ref();
        let (name, until) = books.map_or((String::new(), place), |books| {
            (books.id().to_string(), books.position_of(end))
        });
        format!("{name}.{place}.{until}")
    }

    /// The digest was taken.
    async fn delivered(&mut self, end: u64) -> Result<(), Ended> {
        let now = self.ports.clock.now();
        self.ports.meter.delivered(&self.lease.name, self.tally.events);
        if self.progress.failing.is_some() {
            tracing::info!(subscription = %self.lease.name, "digests are taken again");
        }
        self.taken = Some((self.progress.place, end));
        self.last_sent = Some(now);
        self.told(end).await
    }

    /// All events up to a sequence were told, or need not be.
    async fn told(&mut self, end: u64) -> Result<(), Ended> {
        self.progress.place = (self.books.as_ref()).map_or(
            LogPosition {
                sequence: end,
                ..self.progress.place
            },
            |books| books.position_of(end),
        );
        self.progress.delivery_end = None;
        self.progress.delivery_at = self.last_sent;
        self.progress.failing = None;
        self.is_uncertain = false;
        self.tally = Tally::default();
        self.due = None;
        self.retry = None;
        self.save().await?;
        self.taken = None;
        Ok(())
    }

    async fn not_delivered(&mut self, error: MailError) -> Result<(), Ended> {
        let every = self.ports.every;
        let (is_free, at_least) = match &error {
            MailError::Unavailable(_) => (!self.is_uncertain, Duration::ZERO),
            // Even one that may have been taken before: as it is nobody ever takes it, and what came after it would wait.
            MailError::Refused(_) => (true, every),
            MailError::Unknown(_) => (false, every),
        };
        self.is_uncertain = !is_free;
        if is_free {
            self.progress.delivery_end = None;
            self.progress.delivery_at = self.last_sent;
        }
        let reason = error.to_string();
        let now = self.ports.clock.now();
        let failing = self.progress.failing.get_or_insert_with(|| Failing {
            since: now,
            attempts: 0,
            reason: String::new(),
        });
        failing.attempts = failing.attempts.saturating_add(1);
        failing.reason.clone_from(&reason);
        let attempts = failing.attempts;
        // Once when it begins, and then more and more rarely.
        if attempts.is_power_of_two() {
            tracing::warn!(subscription = %self.lease.name, reason, attempts, "a digest is not sent; it is tried again");
        }
        self.ports.meter.retried(&self.lease.name);
        let wait = wait_after(attempts, RETRY, &*self.ports.ids).max(at_least);
        self.retry = Some(self.now() + wait);
        self.save().await
    }
}
