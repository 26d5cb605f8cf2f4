//! How far a subscription is behind, as its meter is told.

use std::time::Duration;

use super::active::ActiveSubscription;
use super::chunk::Chunk;

impl ActiveSubscription<'_> {
    /// A part of the log was read, of which nothing is delivered yet.
    pub(super) fn measure_lag(&mut self, chunk: &Chunk) {
        self.waiting_since = chunk.events.first().map(|event| event.event.occurred_at);
        self.tell_lag(chunk.newest.max(self.follower.tail().newest()));
    }

    /// Nothing is delivered, nor read: the sink fails, or the subscription is disabled or has put too much aside.
    pub(super) fn measure_lag_behind(&self) {
        self.tell_lag(self.follower.tail().newest());
        self.tell_state();
    }

    /// Whether the sink fails, and whether the subscription is disabled.
    pub(super) fn tell_state(&self) {
        let progress = &self.held.progress;
        let meter = &self.subscription.ports.meter;
        let (is_failing, is_disabled) = (progress.failing.is_some(), progress.disabled.is_some());
        meter.stands(&self.subscription.name, is_failing, is_disabled);
    }

    fn tell_lag(&self, newest: u64) {
        let ports = &self.subscription.ports;
        let progress = &self.held.progress;
        let events = newest.saturating_sub(progress.place.sequence);
        let since = self
            .waiting_since
            .or(progress.failing.as_ref().map(|failing| failing.since));
        let oldest = since
            .filter(|_| events > 0)
            .map(|since| ports.clock.now().duration_since(since));
        let oldest = oldest.map_or(Duration::ZERO, |oldest| Duration::try_from(oldest).unwrap_or_default());
        ports.meter.lags(&self.subscription.name, events, oldest);
    }

    pub(super) fn count_letters(&self) {
        let meter = &self.subscription.ports.meter;
        meter.put_aside(&self.subscription.name, self.letters.len() as u64);
    }
}
