//! The bounds: how long a connection may stand still.

use std::time::Duration;

/// How long a client may take nothing of a response: longer than a mobile phone is without a network in a tunnel.
pub(super) const STANDSTILL: Duration = Duration::from_secs(30);

/// How long a client may take for what is written at once, which is 1 MiB at most: a slow line takes a tenth of that.
pub(super) const SLOWEST_WRITE: Duration = Duration::from_secs(300);

/// How long a client may take nothing while the service drains.
pub(super) const STANDSTILL_IN_DRAIN: Duration = Duration::from_secs(2);

/// How long a connection may be without a request when most connections are taken.
pub(super) const IDLE_IN_CROWD: Duration = Duration::from_secs(2);

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The client does not read.
    StandsStill,
    /// There is no request, and others want in.
    Idle,
}

/// What the bounds are about, in the clock's monotonic time.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// Since when the client has taken nothing that waits to be written.
    pub(super) blocked_since: Option<Duration>,
    /// Since when something waits to be written.
    pub(super) writing_since: Option<Duration>,
    /// Since when no byte has come or gone, as far as a check has noticed.
    pub(super) quiet_since: Option<Duration>,
}

impl Bounds {
    pub(super) fn fault(&self, now: Duration, draining: bool, crowded: bool, in_use: bool) -> Option<Fault> {
        let longer = |since: Option<Duration>, limit| since.is_some_and(|since| now.saturating_sub(since) >= limit);
        let standstill = if draining { STANDSTILL_IN_DRAIN } else { STANDSTILL };
        if longer(self.blocked_since, standstill) || longer(self.writing_since, SLOWEST_WRITE) {
            return Some(Fault::StandsStill);
        }
        (crowded && !in_use && longer(self.quiet_since, IDLE_IN_CROWD)).then_some(Fault::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn ago(time: Duration) -> Option<Duration> {
        Some(NOW - time)
    }

    #[test]
    fn a_client_that_takes_nothing_stands_still_after_the_bound_and_sooner_in_a_drain() {
        let bounds = |blocked| Bounds {
            blocked_since: ago(blocked),
            writing_since: ago(blocked),
            ..Bounds::default()
        };
        let fault = |blocked, draining| bounds(blocked).fault(NOW, draining, false, true);
        assert_eq!(fault(STANDSTILL - Duration::from_secs(1), false), None);
        assert_eq!(fault(STANDSTILL, false), Some(Fault::StandsStill));
        assert_eq!(fault(STANDSTILL_IN_DRAIN, true), Some(Fault::StandsStill));
        assert_eq!(Bounds::default().fault(NOW, true, true, true), None);
    }

    #[test]
    fn a_client_that_takes_a_byte_now_and_then_stands_still_in_the_end() {
        let bounds = |writing| Bounds {
            blocked_since: ago(Duration::ZERO),
            writing_since: ago(writing),
            ..Bounds::default()
        };
        assert_eq!(bounds(SLOWEST_WRITE / 2).fault(NOW, false, false, true), None);
        assert_eq!(
            bounds(SLOWEST_WRITE).fault(NOW, false, false, true),
            Some(Fault::StandsStill)
        );
    }

    #[test]
    fn only_a_connection_without_a_request_is_idle_and_only_in_a_crowd() {
        let quiet = Bounds {
            quiet_since: ago(Duration::from_secs(60)),
            ..Bounds::default()
        };
        assert_eq!(quiet.fault(NOW, false, true, false), Some(Fault::Idle));
        assert_eq!(quiet.fault(NOW, false, true, true), None);
        assert_eq!(quiet.fault(NOW, false, false, false), None);
    }
}
