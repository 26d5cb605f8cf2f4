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
    /// By when the last delivery has arrived if it was taken: before it ends, that is the latest instant at which it may
    /// arrive. For deliveries that keep an interval; `None` for others.
    pub delivery_at: Option<Timestamp>,
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

/// The most dead letters of a subscription. With so many it goes no further until some are decided on: its relay has them
/// all in memory.
pub const MAX_DEAD_LETTERS: usize = 10_000;

/// An event that was put aside, so that the others get on: its subscriber has not taken it, or it waits behind such a one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's sequence.
    pub sequence: u64,
    /// The product it is about.
    pub sku: Option<Sku>,
    /// What is to become of it.
    pub state: LetterState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was put aside.
    pub since: Timestamp,
}

/// What is to become of an event that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterState {
    /// It is delivered when no earlier event of its product is left.
    Waits,
    /// It was not taken, for this reason, and is tried again.
    Tried(String),
    /// It was not taken too often, for this reason. Somebody has to decide on it.
    Dead(String),
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
    /// How many events are put aside.
    pub put_aside: u64,
    /// How many of these somebody has to decide on.
    pub dead: u64,
}

/// What is to be done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterAction {
    /// They are delivered once more, in their order: they wait, and were never tried.
    Replay,
    /// They are dropped, whatever was to become of them.
    Skip,
}

/// What became of an event that was tried once more, in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// How it stands is stored.
    Stored,
    /// Somebody has dropped it meanwhile, and so it stays.
    Dropped,
    /// The fence is not that of the last lease.
    Fenced,
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

    /// Stores how far a subscription has got, with the events that are put aside or tried again, if the fence is that of
    /// the last lease. `false`: it is not, and nothing has changed. Where `disabled` is `None` it stays as it is: somebody
    /// may have disabled the subscription meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError>;

    /// Stores how an event stands that was put aside and was tried once more, if the fence is that of the last lease. MUST
    /// NOT put aside again what somebody has dropped.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn retried(&self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Result<Retried, StoreError>;

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

    /// The events that a subscription has put aside, after a sequence, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Decides on events that were put aside: all of a subscription, or those with these sequences. Replaying is of dead
    /// ones alone. Answers how many it concerned.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError>;

    /// Removes events that were put aside and are delivered now, if the fence is that of the last lease. `false`: it is not.
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
