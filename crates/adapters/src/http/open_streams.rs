//! The streams that are open: counted, and bounded in number.
//!
//! Nobody can tell a client that waits from one that has gone to sleep while nothing happens. So when all places are
//! taken, the stream that has been open for longest ends, unless that is not long at all; its client can connect again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// The streams of one kind in this process.
#[derive(Debug, Clone)]
pub(crate) struct OpenStreams {
    places: Arc<Mutex<VecDeque<Place>>>,
    most: usize,
    kept_for: Duration,
    gauge: Gauge,
}

#[derive(Debug)]
struct Place {
    ended: Arc<Notify>,
    opened: Duration,
}

/// An open stream. Dropped, it makes room for another.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: OpenStreams,
    ended: Arc<Notify>,
}

impl OpenStreams {
    /// No stream yet, and at most `most` at a time. For `kept_for` a stream keeps its place whoever else wants it.
    /// `gauge` shows how many there are.
    pub(crate) fn new(most: usize, kept_for: Duration, gauge: Gauge) -> Self {
        Self {
            places: Arc::default(),
            most,
            kept_for,
            gauge,
        }
    }

    /// Opens a stream at an instant of the clock's monotonic time. `None`: too many are open, and none of them for long.
    pub(crate) fn open(&self, now: Duration) -> Option<OpenStream> {
        let mut places = self.places();
        if places.len() >= self.most {
            // They are in the order in which they were opened.
            let oldest = places.front()?;
            if now.saturating_sub(oldest.opened) < self.kept_for {
                return None;
            }
            oldest.ended.notify_one();
            places.pop_front();
        } else {
            self.gauge.inc();
        }
        let ended = Arc::new(Notify::new());
        places.push_back(Place {
            ended: Arc::clone(&ended),
            opened: now,
        });
        Some(OpenStream {
            streams: self.clone(),
            ended,
        })
    }

    /// Nothing panics with the lock held, so a poisoned one is as good as any.
    fn places(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenStream {
    /// Waits until the stream has lost its place to another.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut places = self.streams.places();
        let place = places.iter().position(|place| Arc::ptr_eq(&place.ended, &self.ended));
        // Without a place it was counted for the stream that has it now.
        if let Some(place) = place {
            places.remove(place);
            self.streams.gauge.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const KEPT_FOR: Duration = Duration::from_secs(60);

    #[test]
    fn the_oldest_stream_makes_room_once_it_has_been_open_for_long() {
        let gauge = Gauge::default();
        let streams = OpenStreams::new(2, KEPT_FOR, gauge.clone());
        let first = streams.open(Duration::ZERO).expect("a place");
        let second = streams.open(KEPT_FOR / 2).expect("a place");
        assert!(streams.open(KEPT_FOR - Duration::from_secs(1)).is_none());
        assert!(first.ended().now_or_never().is_none());

        let third = streams.open(KEPT_FOR).expect("the place of the first");
        assert!(first.ended().now_or_never().is_some());
        assert!(second.ended().now_or_never().is_none());
        assert!(streams.open(KEPT_FOR).is_none());
        drop(first);
        assert_eq!(gauge.get(), 2);
        assert!(streams.open(KEPT_FOR).is_none(), "the first had no place any more");
        drop((second, third));
        assert_eq!(gauge.get(), 0);
    }
}
