//! What the relay of the digests needs.

use std::sync::Arc;
use std::time::Duration;

use super::content::Digest;
use crate::books::LogPosition;
use crate::ports::{Clock, DeliveryMeter, EventFeed, Ids, LeaseHolder, Mail, Mailer, Subscriptions, Views};

/// Puts a digest into words. Handed in, because the application knows no format.
pub type RenderDigest = dyn Fn(&Digest) -> Mail + Send + Sync;

/// What the relay of the digests needs.
pub struct DigestPorts {
    /// Where its lease and its place are stored.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// The log.
    pub feed: Arc<dyn EventFeed>,
    /// How things stand.
    pub views: Arc<dyn Views>,
    /// How the mail leaves.
    pub mailer: Arc<dyn Mailer>,
    /// Puts a digest into words.
    pub render: Box<RenderDigest>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// Where figures go.
    pub meter: Arc<dyn DeliveryMeter>,
    /// By which this process holds its lease.
    pub holder: LeaseHolder,
    /// The interval: one digest in each at most.
    pub every: Duration,
    /// How long one mail may take, no longer than the interval.
    pub mail_limit: Duration,
    /// Where a new subscription begins.
    pub start: LogPosition,
}
