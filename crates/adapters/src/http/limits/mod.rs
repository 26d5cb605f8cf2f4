//! Limits: what one client may take of the service, so that enough is left for the others.
//!
//! Whoever shows a key that has opened the service is held to the requests of that key. Everybody else, who guesses or
//! has no key, is held to those of an address: a look-up in the store for each guess would be work for strangers.
//! Each instance counts for itself.

mod rate;

use std::fmt::{self, Debug, Formatter};
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Clock, Principal, Shown};

use super::response::problem::Problem;
use super::response::rate_limit::RateLimit;
use crate::wire::answers::kinds;
use rate::{Caller, Rate};

/// What clients may take. Connections are limited where the service listens, by [`serve`](super::serve).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The requests a second of a key; of an address as long as no key was made. `None`: as many as it likes, since the
    /// engine answers in time that it is busy.
    pub requests_per_second: Option<NonZeroU32>,
    /// The requests a second of an address without a key that has opened the service.
    pub unknown_per_second: NonZeroU32,
    /// How long the head of a request may take to arrive. Heads are a few hundred bytes; a client that needs longer only
    /// occupies a connection.
    pub head: Duration,
    /// How long the body of a call may take to arrive: by default 1 MiB over the slowest mobile line. A client that
    /// trickles can't hold a connection for longer.
    pub body: Duration,
    /// The bulk streams that are open at a time: a few fill the engine, and each may hold a megabyte.
    pub bulk_streams: NonZeroUsize,
    /// The event streams that are open at a time. What is new is read once for all of them, so each costs a connection
    /// and what it sends.
    pub event_streams: NonZeroUsize,
}

impl Default for Limits {
    /// No limit on the requests of a key, 100 a second of an unknown caller, 10 s for a head, 30 s for a body, 64 bulk
    /// streams, 2,048 event streams.
    fn default() -> Self {
        const fn at_least_one(count: usize) -> NonZeroUsize {
            NonZeroUsize::new(count).expect("more than none")
        }
        Self {
            requests_per_second: None,
            unknown_per_second: const { NonZeroU32::new(100).expect("more than none") },
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            bulk_streams: const { at_least_one(64) },
            event_streams: const { at_least_one(2_048) },
        }
    }
}

/// How long the body of a call may take to arrive, and by which clock.
#[derive(Clone, Copy)]
pub(super) struct BodyTime<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) limit: Duration,
}

/// The requests of this process, counted by caller.
pub(super) struct Limiter {
    /// By key; `None`: they are not limited.
    requests: Option<Rate>,
    /// By address, of those who are not known.
    unknown: Rate,
}

impl Debug for Limiter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

impl Limiter {
    /// Nobody has asked yet.
    pub(super) fn new(limits: &Limits, clock: &Arc<dyn Clock>) -> Self {
        let rate = |policy, per_second| Rate::new(policy, per_second, Arc::clone(clock));
        Self {
            requests: limits.requests_per_second.map(|most| rate("requests", most)),
            unknown: rate("unknown", limits.unknown_per_second),
        }
    }

    /// Counts a request of a caller who is not known.
    ///
    /// # Errors
    /// A problem when its address has sent too many.
    pub(super) fn count_unknown(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let counted = self.unknown.count(caller_at(address)).map(drop);
        counted.map_err(|limit| too_many(limit, "without a valid access key from this address"))
    }

    /// Counts a request of a principal from an address, known by its name where it has shown anything. Returns what is left to it;
    /// `None`: it may ask as often as it likes.
    ///
    /// # Errors
    /// A problem when it has sent too many.
    pub(super) fn count(
        &self,
        address: Option<IpAddr>,
        principal: &Principal,
        shown: &Shown,
    ) -> Result<Option<RateLimit>, Problem> {
        let Some(rate) = &self.requests else {
            return Ok(None);
        };
        let (caller, from) = match shown {
            Shown::Key(_) | Shown::Session(_) | Shown::Token(_) => {
                (Caller::Key(Arc::clone(principal.name())), "with this access key")
            }
            Shown::Nothing => (caller_at(address), "from this address"),
        };
        rate.count(caller).map(Some).map_err(|limit| too_many(limit, from))
    }
}

fn caller_at(address: Option<IpAddr>) -> Caller {
    address.map_or(Caller::Crowd, Caller::at)
}

fn too_many(limit: RateLimit, from: &str) -> Problem {
    let detail = format!("more than {} requests came {from} within a second", limit.of);
    Problem::new(&kinds::TOO_MANY_REQUESTS, detail).because_of(limit)
}
