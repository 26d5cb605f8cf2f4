//! A subscription: its name, its sink, and what it is delivered with.

use std::sync::Arc;
use std::time::Duration;

use super::letters::AfterRefusal;
use super::tail::EventTail;
use crate::books::LogPosition;
use crate::ports::{
    Clock, DeliveryMeter, Ids, LeaseClaim, LeaseHolder, Publisher, SubscriptionLease, SubscriptionName, Subscriptions,
};
use crate::store_error::StoreError;

/// How long a lease lasts: another instance takes over after so long.
const LEASE: Duration = Duration::from_secs(6);

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

/// A subscription.
pub(super) struct Subscription {
    pub(super) name: SubscriptionName,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) ports: RelayPorts,
}

impl Subscription {
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
}
