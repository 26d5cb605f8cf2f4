//! The relay of the digests: it holds the lease, or waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::active::{ActiveDigests, Taken};
use super::ports::DigestPorts;
use crate::delivery::Lease;
use crate::ports::SubscriptionName;
use crate::store_error::StoreError;

/// The name of the subscription.
const NAME: &str = "mail";

/// How long a lease lasts at least and at most. Another instance takes over after so long, and a digest that comes some
/// seconds later is no worse; so it is renewed more rarely than those of brokers, and costs an idle service less.
const LEASE: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(60));

/// The part of an interval that a lease lasts, within these bounds.
const LEASES_IN_INTERVAL: u32 = 4;

/// Sends the digests, one an interval.
pub struct DigestRelay {
    ports: DigestPorts,
    lease: Lease,
    /// The digest that was taken, where that could not be noted.
    taken: Mutex<Taken>,
}

impl DigestRelay {
    /// The relay of the digests.
    #[must_use]
    pub fn new(ports: DigestPorts) -> Self {
        let (shortest, longest) = LEASE;
        let lease = Lease::new(
            SubscriptionName::new(NAME),
            Arc::clone(&ports.subscriptions),
            Arc::clone(&ports.clock),
            ports.holder,
            (ports.every / LEASES_IN_INTERVAL).clamp(shortest, longest),
            ports.start,
        );
        Self {
            ports,
            lease,
            taken: Mutex::new(None),
        }
    }

    /// Makes the subscription, if it is not there: what happens from now on is told, also if the process ends before it
    /// has come to [`run`](Self::run).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&self) -> Result<(), StoreError> {
        self.lease.claim().await.map(drop)
    }

    /// Sends digests, for ever. May be dropped at any time: then [`release`](Self::release) lets another go on at once.
    pub async fn run(&self) {
        loop {
            let held = self.lease.acquire().await;
            tracing::info!(subscription = NAME, fence = held.fence, "digests are sent");
            let taken = *self.known();
            let taken = ActiveDigests::new(&self.ports, &self.lease, held, taken).run().await;
            *self.known() = taken;
            self.lease.forget();
        }
    }

    /// Gives the lease back, if it is held: for one who has stopped to [`run`](Self::run).
    ///
    /// # Errors
    /// [`StoreError`]: then it ends by itself.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.lease.release().await
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
