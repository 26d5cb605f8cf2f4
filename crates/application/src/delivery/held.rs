//! A lease that is held: how far its subscription has got, as the holder knows it and as it is stored.

use std::sync::Arc;
use std::time::Duration;

use super::lease::Lease;
use crate::ports::{DeadLetter, Progress, Retried, SubscriptionLease};
use crate::store_error::StoreError;

/// The part of its time after which a lease is renewed. What others have decided on the subscription is seen then.
const RENEWALS: u32 = 3;

/// The pause after the store did not answer.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// The lease is lost, or the store does not answer: whoever has it next begins anew.
#[derive(Debug)]
pub(crate) struct Ended;

/// How a wait came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rested {
    /// Its time is over.
    Wholly,
    /// Somebody has enabled or disabled the subscription.
    UntilDecided,
}

/// A lease that is held.
pub(crate) struct HeldLease<'l> {
    lease: &'l Lease,
    fence: u64,
    /// How far the subscription has got.
    pub(crate) progress: Progress,
    /// The same, as it is stored.
    stored: Progress,
    /// When it was renewed and when the progress was stored, in the clock's monotonic time.
    renewed: Duration,
    saved: Duration,
}

impl<'l> HeldLease<'l> {
    /// A lease that was just taken.
    pub(crate) fn new(lease: &'l Lease, held: SubscriptionLease) -> Self {
        let now = lease.clock.monotonic();
        Self {
            lease,
            fence: held.fence,
            stored: held.progress.clone(),
            progress: held.progress,
            renewed: now,
            saved: now,
        }
    }

    /// The clock's monotonic time.
    pub(crate) fn now(&self) -> Duration {
        self.lease.clock.monotonic()
    }

    /// The fence by which its holder writes.
    pub(crate) const fn fence(&self) -> u64 {
        self.fence
    }

    /// When it is renewed at the latest after it was.
    pub(crate) fn renew_every(&self) -> Duration {
        self.lease.lasts / RENEWALS
    }

    /// Renews it, if it is time.
    pub(crate) async fn renew_in_time(&mut self) -> Result<(), Ended> {
        if self.now().saturating_sub(self.renewed) < self.renew_every() {
            return Ok(());
        }
        self.renew().await
    }

    /// Renews it, and sees what others have decided meanwhile.
    pub(crate) async fn renew(&mut self) -> Result<(), Ended> {
        let now = self.now();
        let held = match self.lease.claim().await {
            Ok(Some(held)) if held.fence == self.fence => held,
            Ok(_) => return Err(Ended),
            Err(error) => return self.store_failed(&error).await,
        };
        self.renewed = now;
        if self.stored.failing.is_some() && held.progress.failing.is_none() {
            // Somebody has enabled it: what failed before that does not count.
            self.progress.failing = None;
        }
        self.progress.disabled.clone_from(&held.progress.disabled);
        self.stored = held.progress;
        Ok(())
    }

    /// Awaits something that may take long, and renews the lease meanwhile.
    pub(crate) async fn while_renewing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let clock = Arc::clone(&self.lease.clock);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = clock.pause(self.renew_every()) => self.renew().await?,
            }
        }
    }

    /// Waits, and renews the lease meanwhile.
    pub(crate) async fn rest(&mut self, time: Duration) -> Result<Rested, Ended> {
        let until = self.now() + time;
        loop {
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return Ok(Rested::Wholly);
            }
            self.lease.clock.pause(left.min(self.renew_every())).await;
            let before = self.decided();
            self.renew_in_time().await?;
            if self.decided() != before {
                return Ok(Rested::UntilDecided);
            }
        }
    }

    /// What others decide on.
    const fn decided(&self) -> (bool, bool) {
        (self.progress.disabled.is_some(), self.progress.failing.is_some())
    }

    /// Stores how far the subscription has got, and events that are put aside.
    pub(crate) async fn save(&mut self, letters: &[DeadLetter]) -> Result<(), Ended> {
        let Lease {
            name, subscriptions, ..
        } = self.lease;
        match subscriptions.save(name, self.fence, &self.progress, letters).await {
            Ok(true) => {
                self.saved = self.now();
                self.stored.clone_from(&self.progress);
                Ok(())
            }
            Ok(false) => Err(Ended),
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// Stores how an event stands that was tried once more. Answers whether it is still put aside.
    pub(crate) async fn retried(&mut self, letter: &DeadLetter) -> Result<bool, Ended> {
        let Lease {
            name, subscriptions, ..
        } = self.lease;
        match subscriptions.retried(name, self.fence, letter).await {
            Ok(Retried::Stored) => Ok(true),
            Ok(Retried::Dropped) => Ok(false),
            Ok(Retried::Fenced) => Err(Ended),
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// Stores how far the subscription has got, if that has changed, and was not stored for so long.
    pub(crate) async fn save_after(&mut self, time: Duration) -> Result<(), Ended> {
        if self.progress == self.stored || self.now().saturating_sub(self.saved) < time {
            return Ok(());
        }
        self.save(&[]).await
    }

    /// The store does not answer. Nothing is delivered that could not be noted: whoever has the lease next goes on.
    pub(crate) async fn store_failed<T>(&self, error: &StoreError) -> Result<T, Ended> {
        tracing::warn!(subscription = %self.lease.name, %error, "the state of the subscription can't be stored or read");
        self.lease.clock.pause(STORE_RETRY).await;
        Err(Ended)
    }
}
