//! The relay of one subscription: it holds the lease, or waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::active::ActiveSubscription;
use super::letters::AfterRefusal;
use super::tail::EventTail;
use crate::books::LogPosition;
use crate::ports::{
    Clock, DeliveryMeter, Ids, LeaseClaim, LeaseHolder, Publisher, SubscriptionLease, SubscriptionName, Subscriptions,
};
use crate::store_error::StoreError;

/// How long a lease lasts: another instance takes over after so long.
const LEASE: Duration = Duration::from_secs(6);

/// How often one that is not ours is asked for.
const CLAIM_EVERY: Duration = Duration::from_secs(1);

/// The pause after the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// What all relays of a process share.
#[derive(Clone)]
pub struct RelayPorts {
    /// Where subscriptions are stored.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// The log.
    pub tail: Arc<EventTail>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// Where figures go.
    pub meter: Arc<dyn DeliveryMeter>,
    /// By which this process holds leases.
    pub holder: LeaseHolder,
    /// Whether the events of a product wait behind one that was not taken.
    pub after_refusal: AfterRefusal,
}

/// Delivers the events of one subscription to its sink.
pub struct Relay {
    pub(super) name: SubscriptionName,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) ports: RelayPorts,
    /// The fence of the lease that is held.
    held: Mutex<Option<u64>>,
}

impl Relay {
    /// The relay of a subscription to a sink.
    #[must_use]
    pub const fn new(name: SubscriptionName, publisher: Arc<dyn Publisher>, ports: RelayPorts) -> Self {
        Self {
            name,
            publisher,
            ports,
            held: Mutex::new(None),
        }
    }

    /// Delivers, for ever. May be dropped at any time: then [`release`](Self::release) lets another go on at once.
    pub async fn run(&self) {
        let mut failing = false;
        loop {
            match self.claim().await {
                Ok(Some(lease)) => {
                    failing = false;
                    tracing::info!(subscription = %self.name, fence = lease.fence, "events are delivered");
                    self.hold(Some(lease.fence));
                    ActiveSubscription::new(self, lease).run().await;
                    self.hold(None);
                }
                Ok(None) => {
                    failing = false;
                    self.ports.clock.pause(CLAIM_EVERY).await;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(subscription = %self.name, %error, "the subscription can't be read; it is tried again");
                    }
                    failing = true;
                    self.ports.clock.pause(RETRY).await;
                }
            }
        }
    }

    /// Gives the lease back, if it is held: for one who has stopped to [`run`](Self::run).
    ///
    /// # Errors
    /// [`StoreError`]: then it ends by itself.
    pub async fn release(&self) -> Result<(), StoreError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(fence) => self.ports.subscriptions.release(&self.name, fence).await,
            None => Ok(()),
        }
    }

    /// Takes the lease or renews it.
    pub(super) async fn claim(&self) -> Result<Option<SubscriptionLease>, StoreError> {
        let claim = LeaseClaim {
            name: self.name.clone(),
            holder: self.ports.holder,
            lasts: LEASE,
            now: self.ports.clock.now(),
            start: LogPosition::START,
        };
        self.ports.subscriptions.lease(&claim).await
    }

    fn hold(&self, fence: Option<u64>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = fence;
    }
}
