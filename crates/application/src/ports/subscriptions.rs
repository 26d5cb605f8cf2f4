//! Subscriptions: who is told of events, how far they have got, and which events they do not take.
//!
//! A subscription is worked on by one relay at a time, whichever instance it runs in. The relay holds a *lease*, which
//! ends by itself. Each new holder gets a higher *fence*, and whoever writes with an older one is refused: a relay that
//! was stopped for longer than its lease changes nothing any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earmark_domain::Sku;
use jiff::Timestamp;

use crate::books::LogPosition;
use crate::store_error::StoreError;

/// The name of a subscription: the address of its sink without what is secret in it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionName(Arc<str>);

impl SubscriptionName {
    /// A subscription of this name: 1 to 500 characters, none of them a control character. Others are cut and replaced.
    #[must_use]
    pub fn new(name: &str) -> Self {
        const MAX_CHARS: usize = 500;
        let chars = name.chars().take(MAX_CHARS);
        let name: String = chars.map(|char| if char.is_control() { '?' } else { char }).collect();
        Self(name.into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubscriptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies a holder of leases: drawn at random when a process starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseHolder(pub [u8; 16]);

/// A request for the lease on a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseClaim {
    /// The subscription. It is made if it is not there.
    pub name: SubscriptionName,
    /// Who asks.
    pub holder: LeaseHolder,
    /// For how long.
    pub lasts: Duration,
    /// The current instant. A store that several instances share MUST go by a clock that they share, and not by this.
    pub now: Timestamp,
    /// Where a new subscription begins.
    pub start: LogPosition,
}

/// The lease on a subscription, and how far it has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionLease {
    /// The number of the lease: higher with each new holder.
    pub fence: u64,
    /// Where the subscription began.
    pub start: LogPosition,
    /// How far it has got.
    pub progress: Progress,
}

/// How far a subscription has got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// All events up to here were delivered, or are dead letters.
    pub place: LogPosition,
    /// The last event of the delivery that is under way, where deliveries are repeated as they were: it begins behind
    /// `place`.
    pub delivery_end: Option<u64>,
    /// Since when the sink has not taken the next delivery, and how often it was tried.
    pub failing: Option<Failing>,
    /// Why nothing is sent any more, until it is enabled again.
    pub disabled: Option<String>,
}

/// A delivery that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: String,
}

/// An event that a subscriber has not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's sequence.
    pub sequence: u64,
    /// The product it is about.
    pub sku: Option<Sku>,
    /// Why it was not taken.
    pub reason: DeadReason,
    /// When it was put aside.
    pub since: Timestamp,
    /// Whether it is to be delivered once more.
    pub replay: bool,
}

/// Why an event is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadReason {
    /// The subscriber refused it.
    Refused(String),
    /// It waits behind an earlier dead letter of its product.
    Waits,
}

/// A subscription as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Its name.
    pub name: SubscriptionName,
    /// How far it has got.
    pub progress: Progress,
    /// Whether somebody holds its lease.
    pub is_leased: bool,
    /// How many dead letters it has.
    pub dead_letters: u64,
}

/// What is to be done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterAction {
    /// They are delivered once more, in their order.
    Replay,
    /// They are dropped.
    Skip,
}

/// Stores subscriptions. Every method is one transaction and is bounded.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Takes the lease on a subscription, or renews it for its holder, who keeps the fence. `None`: another has it. Of all
    /// claims at once, through however many instances, MUST let one have it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError>;

    /// Stores how far a subscription has got, with the dead letters that are added to it, if the fence is that of the last
    /// lease. `false`: it is not, and nothing has changed. A dead letter that is there already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        dead: &[DeadLetter],
    ) -> Result<bool, StoreError>;

    /// Gives the lease back before it ends, if it still is this one.
    ///
    /// # Errors
    /// [`StoreError`]: then the lease ends by itself.
    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError>;

    /// All subscriptions, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn subscriptions(&self, now: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError>;

    /// The dead letters of a subscription after a sequence, ascending; `replay`: those alone that are to be delivered
    /// once more.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        replay: bool,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// The first dead letter of a product in a subscription, if there is one that is not being replayed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_blocked(&self, name: &SubscriptionName, sku: &Sku) -> Result<bool, StoreError>;

    /// Decides on dead letters: all of a subscription, or those with these sequences. Answers how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError>;

    /// Removes dead letters that were delivered, if the fence is that of the last lease. `false`: it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError>;

    /// Enables or disables a subscription. Enabling lets it try at once. `false`: there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError>;
}
