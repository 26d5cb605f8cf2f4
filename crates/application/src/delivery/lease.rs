//! The lease on a subscription, as one of those who may hold it knows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::books::LogPosition;
use crate::ports::{Clock, LeaseClaim, LeaseHolder, SubscriptionLease, SubscriptionName, Subscriptions};
use crate::store_error::StoreError;

/// How often one that is not ours is asked for.
const CLAIM_EVERY: Duration = Duration::from_secs(1);

/// The pause after the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// The lease on a subscription.
pub(crate) struct Lease {
    pub(crate) name: SubscriptionName,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) holder: LeaseHolder,
    /// How long it lasts: another instance takes over after so long.
    pub(crate) lasts: Duration,
    /// Where a new subscription begins.
    pub(crate) start: LogPosition,
    /// The fence of the lease that is held.
    held: Mutex<Option<u64>>,
}

impl Lease {
    /// A lease that is not held yet.
    pub(crate) const fn new(
        name: SubscriptionName,
        subscriptions: Arc<dyn Subscriptions>,
        clock: Arc<dyn Clock>,
        holder: LeaseHolder,
        lasts: Duration,
        start: LogPosition,
    ) -> Self {
        Self {
            name,
            subscriptions,
            clock,
            holder,
            lasts,
            start,
            held: Mutex::new(None),
        }
    }

    /// Takes it or renews it. `None`: another has it.
    pub(crate) async fn claim(&self) -> Result<Option<SubscriptionLease>, StoreError> {
        let claim = LeaseClaim {
            name: self.name.clone(),
            holder: self.holder,
            lasts: self.lasts,
            now: self.clock.now(),
            start: self.start,
        };
        let lease = self.subscriptions.lease(&claim).await?;
        self.hold(lease.as_ref().map(|lease| lease.fence));
        Ok(lease)
    }

    /// Takes it, as soon as nobody else has it.
    pub(crate) async fn acquire(&self) -> SubscriptionLease {
        let mut failing = false;
        loop {
            match self.claim().await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {
                    failing = false;
                    self.clock.pause(CLAIM_EVERY).await;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(subscription = %self.name, %error, "the subscription can't be read; it is tried again");
                    }
                    failing = true;
                    self.clock.pause(RETRY).await;
                }
            }
        }
    }

    /// It was lost, or is not wanted any more: it ends by itself.
    pub(crate) fn forget(&self) {
        self.hold(None);
    }

    /// Gives it back, if it is held.
    ///
    /// # Errors
    /// [`StoreError`]: then it ends by itself.
    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(fence) => self.subscriptions.release(&self.name, fence).await,
            None => Ok(()),
        }
    }

    fn hold(&self, fence: Option<u64>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = fence;
    }
}
