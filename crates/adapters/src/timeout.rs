//! A bound on time, by the clock that is handed in.

use std::pin::pin;
use std::time::Duration;

use earmark_application::Clock;
use futures::FutureExt;

/// Awaits `work` for at most `limit`. `None`: it took longer, and is dropped.
///
/// The work is polled before the clock is asked, since most of it is ready at once and needs no timer.
pub(crate) async fn timeout<W: Future>(clock: &dyn Clock, limit: Duration, work: W) -> Option<W::Output> {
    let mut work = pin!(work);
    if let Some(done) = work.as_mut().now_or_never() {
        return Some(done);
    }
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.pause(limit) => None,
    }
}
