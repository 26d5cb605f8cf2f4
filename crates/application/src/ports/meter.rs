//! The meters: where the figures of the engine, of deliveries and of consumers go.

use std::time::Duration;

use super::delivery::SubscriptionName;
use super::messages::SourceName;

/// Takes the engine's figures. Called on the hot path: implementations must not block.
pub trait Meter: Send + Sync {
    /// This many commands of one name were answered with one outcome: `ok`, or the error's code.
    fn answered(&self, command: &'static str, outcome: &'static str, times: u64);
    /// One transaction stored a group of commands. `took`: from the decision until it was stored; for a pipelined group
    /// the wait for its predecessor is part of it.
    fn stored(&self, commands: usize, events: usize, took: Duration);
    /// A decision met a conflict and is taken again.
    fn conflicted(&self);
}

/// Takes the figures of deliveries.
pub trait DeliveryMeter: Send + Sync {
    /// So many events were delivered.
    fn delivered(&self, subscription: &SubscriptionName, events: u64);
    /// A delivery failed, and is tried again.
    fn retried(&self, subscription: &SubscriptionName);
    /// So many events are put aside now.
    fn put_aside(&self, subscription: &SubscriptionName, events: u64);
    /// So many events are still to be delivered, the first of them for so long.
    fn lags(&self, subscription: &SubscriptionName, events: u64, oldest: Duration);
    /// Whether the last delivery failed, and whether the subscription is disabled: nothing is delivered until somebody
    /// enables it.
    fn stands(&self, subscription: &SubscriptionName, is_failing: bool, is_disabled: bool);
    /// The subscription is worked on by another process, if by any: what was put aside, how far it lags and how it stands
    /// is not known here any more.
    fn ended(&self, subscription: &SubscriptionName);
}

/// Takes the figures of consumers: of messages that carry commands.
pub trait ConsumerMeter: Send + Sync {
    /// So many messages were delivered.
    fn received(&self, source: &SourceName, messages: u64);
    /// The commands of so many were carried out.
    fn done(&self, source: &SourceName, messages: u64);
    /// So many were put aside: they can't be read, or are refused.
    fn died(&self, source: &SourceName, messages: u64);
    /// So many had been processed before.
    fn repeated(&self, source: &SourceName, messages: u64);
    /// So many had no answer and are tried again.
    fn retried(&self, source: &SourceName, messages: u64);
    /// Whether nothing is taken from the source: it fails, or as many of its messages are dead as may be.
    fn stopped(&self, source: &SourceName, is_stopped: bool);
}

/// Takes the figures of background jobs.
pub trait JobMeter: Send + Sync {
    /// A job begins: nothing of it has been done yet.
    fn begins(&self, job: &'static str);
    /// A pass of a job has ended, and the store answered or did not.
    fn passed(&self, job: &'static str, has_failed: bool);
    /// So many products are set aside now, because the job's work on them failed.
    fn set_aside(&self, job: &'static str, products: usize);
}

/// Drops all figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn answered(&self, _command: &'static str, _outcome: &'static str, _times: u64) {}

    fn stored(&self, _commands: usize, _events: usize, _took: Duration) {}

    fn conflicted(&self) {}
}

impl ConsumerMeter for NoMeter {
    fn received(&self, _source: &SourceName, _messages: u64) {}

    fn done(&self, _source: &SourceName, _messages: u64) {}

    fn died(&self, _source: &SourceName, _messages: u64) {}

    fn repeated(&self, _source: &SourceName, _messages: u64) {}

    fn retried(&self, _source: &SourceName, _messages: u64) {}

    fn stopped(&self, _source: &SourceName, _is_stopped: bool) {}
}

impl DeliveryMeter for NoMeter {
    fn delivered(&self, _subscription: &SubscriptionName, _events: u64) {}

    fn retried(&self, _subscription: &SubscriptionName) {}

    fn put_aside(&self, _subscription: &SubscriptionName, _events: u64) {}

    fn lags(&self, _subscription: &SubscriptionName, _events: u64, _oldest: Duration) {}

    fn stands(&self, _subscription: &SubscriptionName, _is_failing: bool, _is_disabled: bool) {}

    fn ended(&self, _subscription: &SubscriptionName) {}
}
