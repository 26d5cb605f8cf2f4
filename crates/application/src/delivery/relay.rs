//! The relay of one subscription: it holds the lease, or waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::active::ActiveSubscription;
use super::subscription::{RelayPorts, Subscription};
use crate::ports::{Publisher, SubscriptionName};
use crate::store_error::StoreError;

/// How often one that is not ours is asked for.
const CLAIM_EVERY: Duration = Duration::from_secs(1);

/// The pause after the store did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Delivers the events of one subscription to its sink.
pub struct Relay {
    subscription: Subscription,
    /// The fence of the lease that is held.
    held: Mutex<Option<u64>>,
}

impl Relay {
    /// The relay of a subscription to a sink.
    #[must_use]
    pub const fn new(name: SubscriptionName, publisher: Arc<dyn Publisher>, ports: RelayPorts) -> Self {
        let subscription = Subscription { name, publisher, ports };
        Self {
            subscription,
            held: Mutex::new(None),
        }
    }

    /// Delivers, for ever. May be dropped at any time: then [`release`](Self::release) lets another go on at once.
    pub async fn run(&self) {
        let Subscription { name, ports, .. } = &self.subscription;
        let mut failing = false;
        loop {
            match self.subscription.claim().await {
                Ok(Some(lease)) => {
                    failing = false;
                    tracing::info!(subscription = %name, fence = lease.fence, "events are delivered");
                    self.hold(Some(lease.fence));
                    ActiveSubscription::new(&self.subscription, lease).run().await;
                    self.hold(None);
                }
                Ok(None) => {
                    failing = false;
                    ports.clock.pause(CLAIM_EVERY).await;
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(subscription = %name, %error, "the subscription can't be read; it is tried again");
                    }
                    failing = true;
                    ports.clock.pause(RETRY).await;
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
            Some(fence) => {
                let Subscription { name, ports, .. } = &self.subscription;
                ports.subscriptions.release(name, fence).await
            }
            None => Ok(()),
        }
    }

    fn hold(&self, fence: Option<u64>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = fence;
    }
}
