//! Which addresses a host has.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::Clock;
use tokio::sync::Semaphore;

use crate::timeout::timeout;

/// Finds the addresses of hosts.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of a host. May be dropped at any time; MUST answer within a bound.
    ///
    /// # Errors
    /// When it has none, or nobody can tell.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// A name that nobody has told the address of by then has none for now.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// So many look-ups at once. One blocks a thread until the system gives up, which may be long after its caller has; all
/// together may block a part of the threads that the runtime has for that.
const MAX_LOOKUPS: usize = 64;

/// Asks the operating system, as every other program on the machine does.
#[derive(Clone)]
pub struct SystemResolver {
    clock: Arc<dyn Clock>,
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver that waits by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.lookups).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            // Held for as long as the thread is, though the caller may be gone.
            let _place = place;
            let addresses = (host.as_str(), 0).to_socket_addrs()?;
            Ok(addresses.map(|address| address.ip()).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = timeout(&*self.clock, LOOKUP_TIMEOUT, self.lookup(host)).await;
        found.unwrap_or_else(|| {
            let reason = format!("nobody told its address within {} s", LOOKUP_TIMEOUT.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, reason))
        })
    }
}
