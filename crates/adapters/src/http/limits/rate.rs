//! A rate: so many requests a second of each caller, and as many at once (the generic cell rate algorithm).

use std::fmt::{self, Debug, Formatter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use earmark_application::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::http::response::rate_limit::RateLimit;

/// How many callers are counted apart. Addresses are cheap for who has a network of them: those beyond are one crowd.
const MAX_CALLERS: usize = 65_536;

/// After so many requests those are forgotten who have not asked within a second.
const FORGET_EVERY: usize = 4_096;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// The holder of a key, by its name.
    Key(Arc<str>),
    /// Whoever calls from an address.
    Address(IpAddr),
    /// All others.
    Crowd,
}

impl Caller {
    /// Whoever calls from an address. Of IPv6 a customer has a network of 64 bits, and so is counted.
    pub(super) const fn at(address: IpAddr) -> Self {
        const NETWORK: u128 = !0 << 64;
        let address = address.to_canonical();
        match address {
            IpAddr::V4(_) => Self::Address(address),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & NETWORK);
                Self::Address(IpAddr::V6(network))
            }
        }
    }
}

/// The service's clock as the limiter reads it.
#[derive(Clone)]
struct Watch(Arc<dyn Clock>);

impl Debug for Watch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl governor::clock::Clock for Watch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The requests of callers, each held to the same rate.
pub(super) struct Rate {
    policy: &'static str,
    per_second: NonZeroU32,
    limiter: RateLimiter<Caller, HashMapStateStore<Caller>, Watch, StateInformationMiddleware>,
    watch: Watch,
    counted: AtomicUsize,
}

impl Rate {
    /// A rate by its name.
    pub(super) fn new(policy: &'static str, per_second: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        let watch = Watch(clock);
        let limiter = RateLimiter::hashmap_with_clock(Quota::per_second(per_second), watch.clone());
        Self {
            policy,
            per_second,
            limiter: limiter.with_middleware(),
            watch,
            counted: AtomicUsize::new(0),
        }
    }

    /// Counts a request. Returns what is left to the caller.
    ///
    /// # Errors
    /// The same: it has asked too often.
    pub(super) fn count(&self, caller: Caller) -> Result<RateLimit, RateLimit> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let caller = match caller {
            Caller::Address(_) if self.limiter.len() >= MAX_CALLERS => Caller::Crowd,
            caller => caller,
        };
        let limit = |left, more_in| RateLimit {
            policy: self.policy,
            of: self.per_second,
            left,
            more_in,
        };
        match self.limiter.check_key(&caller) {
            Ok(state) => Ok(limit(state.remaining_burst_capacity(), 1)),
            Err(until) => {
                let wait = until.wait_time_from(governor::clock::Clock::now(&self.watch));
                // In whole seconds: who waits a little too long is let in, and who is a little too early is not.
                Err(limit(0, (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    #[derive(Default)]
    struct SetClock(Mutex<Duration>);

    #[async_trait]
    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().expect("not poisoned")
        }

        async fn pause(&self, _: Duration) {}
    }

    fn rate(per_second: u32) -> (Rate, Arc<SetClock>) {
        let clock = Arc::new(SetClock::default());
        let per_second = NonZeroU32::new(per_second).expect("more than none");
        (Rate::new("requests", per_second, Arc::clone(&clock) as _), clock)
    }

    fn key(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    #[test]
    fn who_has_asked_too_often_is_told_when_to_ask_again_and_nobody_else_is_held_up() {
        let (rate, clock) = rate(10);
        for left in (0..10).rev() {
            assert_eq!(rate.count(key("shop")).map(|limit| limit.left), Ok(left));
        }
        let limit = rate.count(key("shop")).expect_err("too many");
        assert_eq!((limit.left, limit.more_in), (0, 1));
        assert!(rate.count(key("wms")).is_ok());
        *clock.0.lock().expect("not poisoned") += Duration::from_millis(100);
        assert!(rate.count(key("shop")).is_ok());
        assert!(rate.count(key("shop")).is_err());
    }

    #[test]
    fn a_customers_network_is_one_caller() {
        let at = |text: &str| Caller::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn callers_beyond_the_bound_are_one_crowd_until_others_are_forgotten() {
        let (rate, clock) = rate(2);
        let address = |at: usize| Caller::Address(IpAddr::V4(u32::try_from(at).expect("few").into()));
        for at in 0..MAX_CALLERS {
            assert!(rate.count(address(at)).is_ok());
        }
        let crowd = |from: usize| (from..from + 10).filter(|at| rate.count(address(*at)).is_ok()).count();
        assert_eq!(crowd(MAX_CALLERS), 2);
        assert!(rate.count(key("shop")).is_ok(), "keys are counted apart: there are few");
        *clock.0.lock().expect("not poisoned") += Duration::from_secs(10);
        for _ in 0..FORGET_EVERY {
            let _ = rate.count(key("shop"));
        }
        assert_eq!(crowd(2 * MAX_CALLERS), 10);
    }
}
