//! The relay of one subscription: it holds the lease, or waits for it.

use std::sync::Arc;

use super::active::ActiveSubscription;
use super::subscription::{RelayPorts, Subscription};
use crate::ports::{Publisher, SubscriptionName};
use crate::store_error::StoreError;

/// Delivers the events of one subscription to its sink.
pub struct Relay {
    subscription: Subscription,
}

impl Relay {
    /// The relay of a subscription to a sink.
    #[must_use]
    pub fn new(name: SubscriptionName, publisher: Arc<dyn Publisher>, ports: RelayPorts) -> Self {
        Self {
            subscription: Subscription::new(name, publisher, ports),
        }
    }

    /// Delivers, for ever. May be dropped at any time: then [`release`](Self::release) lets another go on at once.
    pub async fn run(&self) {
        let Subscription { name, lease: held, .. } = &self.subscription;
        loop {
            let lease = held.acquire().await;
            tracing::info!(subscription = %name, fence = lease.fence, "events are delivered");
            ActiveSubscription::new(&self.subscription, lease).run().await;
            held.forget();
        }
    }

    /// Gives the lease back, if it is held: for one who has stopped to [`run`](Self::run).
    ///
    /// # Errors
    /// [`StoreError`]: then it ends by itself.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.subscription.lease.release().await
    }
}
