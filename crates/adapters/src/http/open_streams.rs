//! The event streams that are open: counted, and bounded in number.

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most streams that are open at a time: each queries the store ten times a second, and thousands would cost more
/// than the commands.
const MAX_STREAMS: usize = 128;

/// The streams of this process.
#[derive(Debug)]
pub(crate) struct OpenStreams {
    permits: Arc<Semaphore>,
    gauge: Gauge,
}

/// An open stream. Dropped, it makes room for another.
#[derive(Debug)]
pub(crate) struct OpenStream {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl OpenStreams {
    /// No stream yet; `gauge` shows how many there are.
    pub(crate) fn counted_by(gauge: Gauge) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_STREAMS)),
            gauge,
        }
    }

    /// Opens a stream. `None`: too many are open.
    pub(crate) fn open(&self) -> Option<OpenStream> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        self.gauge.inc();
        Some(OpenStream {
            gauge: self.gauge.clone(),
            _permit: permit,
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
