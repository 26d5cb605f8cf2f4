//! The connections of the process, counted, and what is served on each.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use earmark_application::Clock;

use super::bounds::Bounds;
use crate::http::readiness::Readiness;

/// How often the bounds are checked, of each connection by itself.
pub(super) const CHECK_PERIOD: Duration = Duration::from_secs(2);

/// How often they are checked while the service drains.
pub(super) const CHECK_PERIOD_IN_DRAIN: Duration = Duration::from_millis(500);

/// The connections of the process.
pub(in crate::http) struct Connections {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) readiness: Readiness,
    pub(super) open: AtomicUsize,
    /// How many make a crowd, in which idle connections are closed.
    crowd: usize,
    /// How many requests are served of those that share a connection with others.
    streams: AtomicUsize,
    most_streams: usize,
}

impl Connections {
    /// No connection yet, and at most `most` later.
    pub(in crate::http) fn new(clock: Arc<dyn Clock>, readiness: Readiness, most: usize) -> Self {
        Self {
            clock,
            readiness,
            open: AtomicUsize::new(0),
            crowd: most / 4 * 3,
            streams: AtomicUsize::new(0),
            most_streams: most,
        }
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= self.crowd
    }

    pub(in crate::http) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(in crate::http) const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Waits until a client that takes nothing stands still. `writing_since`: since when it is given what it does not
    /// take.
    pub(in crate::http) async fn standstill(self: &Arc<Self>, writing_since: Duration) {
        let began = self.clock.monotonic();
        let bounds = Bounds {
            blocked_since: Some(began),
            writing_since: Some(writing_since),
            quiet_since: None,
        };
        loop {
            Arc::clone(self).next_check().await;
            let now = self.clock.monotonic();
            if bounds.fault(now, self.readiness.is_draining(), false, true).is_some() {
                return;
            }
        }
    }

    /// Waits until the bounds are to be checked again.
    pub(super) async fn next_check(self: Arc<Self>) {
        if self.readiness.is_draining() {
            return self.clock.pause(CHECK_PERIOD_IN_DRAIN).await;
        }
        tokio::select! {
            () = self.clock.pause(CHECK_PERIOD) => {}
            () = self.readiness.draining() => {}
        }
    }
}

/// How many requests are served on a connection.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct InUse(pub(super) Rc<Cell<usize>>);

impl InUse {
    /// From now on a request is served, or none: on a connection that serves one after the other.
    pub(in crate::http) fn set(&self, in_use: bool) {
        self.0.set(usize::from(in_use));
    }

    /// Takes a place for a request that shares the connection with others. `None`: so many are served on all connections
    /// as there may be connections. Else one connection would be worth a hundred.
    pub(in crate::http) fn share(&self, connections: &Arc<Connections>) -> Option<SharedUse> {
        if connections.streams.fetch_add(1, Ordering::Relaxed) >= connections.most_streams {
            connections.streams.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.0.set(self.0.get() + 1);
        Some(SharedUse {
            in_use: self.clone(),
            connections: Arc::clone(connections),
        })
    }
}

/// A request that shares its connection with others, while it is served.
pub(in crate::http) struct SharedUse {
    in_use: InUse,
    connections: Arc<Connections>,
}

impl Drop for SharedUse {
    fn drop(&mut self) {
        self.in_use.0.set(self.in_use.0.get() - 1);
        self.connections.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
