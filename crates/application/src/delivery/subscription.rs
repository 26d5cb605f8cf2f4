//! A subscription: its name, its sink, and what it is delivered with.

use std::sync::Arc;
use std::time::Duration;

use super::lease::Lease;
use super::letters::AfterRefusal;
use super::tail::EventTail;
use crate::books::LogPosition;
use crate::ports::{Clock, DeliveryMeter, Ids, LeaseHolder, Publisher, SubscriptionName, Subscriptions};

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
    pub(super) lease: Lease,
}

impl Subscription {
    pub(super) fn new(name: SubscriptionName, publisher: Arc<dyn Publisher>, ports: RelayPorts) -> Self {
        let (subscriptions, clock) = (Arc::clone(&ports.subscriptions), Arc::clone(&ports.clock));
        let lease = Lease::new(
            name.clone(),
            subscriptions,
            clock,
            ports.holder,
            LEASE,
            LogPosition::START,
        );
        Self {
            name,
            publisher,
            ports,
            lease,
        }
    }
}
