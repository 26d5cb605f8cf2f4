//! The bounded queue of a lane, with backpressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use super::job::Job;
use crate::answer::CommandError;
use crate::ports::Clock;

/// An item of a lane's queue.
pub(crate) enum Item {
    Job(Job),
    /// Take nothing after this.
    Close,
}

/// Wakes the lane when as many jobs wait as it wants, and not for each of them.
#[derive(Debug)]
pub(crate) struct FillThreshold {
    wanted: AtomicUsize,
    reached: Notify,
}

impl Default for FillThreshold {
    fn default() -> Self {
        Self {
            wanted: AtomicUsize::new(usize::MAX),
            reached: Notify::new(),
        }
    }
}

impl FillThreshold {
    /// Arms the threshold until the guard is dropped.
    pub(crate) fn arm(&self, wanted: usize) -> ArmedThreshold<'_> {
        self.wanted.store(wanted, Ordering::Relaxed);
        ArmedThreshold(self)
    }
}

/// An armed threshold. Dropped, it is disarmed.
pub(crate) struct ArmedThreshold<'a>(&'a FillThreshold);

impl ArmedThreshold<'_> {
    /// Waits until a job that was queued has reached the threshold.
    pub(crate) async fn reached(&self) {
        self.0.reached.notified().await;
    }
}

impl Drop for ArmedThreshold<'_> {
    fn drop(&mut self) {
        self.0.wanted.store(usize::MAX, Ordering::Relaxed);
    }
}

/// The sending end of a lane's queue. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LaneQueue {
    queue: mpsc::Sender<Item>,
    threshold: Arc<FillThreshold>,
}

impl LaneQueue {
    /// A queue of this many jobs, and its receiving end.
    pub(crate) fn new(capacity: usize, threshold: Arc<FillThreshold>) -> (Self, mpsc::Receiver<Item>) {
        let (queue, receiver) = mpsc::channel(capacity.max(1));
        (Self { queue, threshold }, receiver)
    }

    /// Queues a job. A full queue is waited for, no longer than `timeout`; callers get room in the order they came.
    ///
    /// # Errors
    /// When there was no room in time, or the lane takes nothing any more.
    pub(crate) async fn send_within(&self, timeout: Duration, clock: &dyn Clock, job: Job) -> Result<(), CommandError> {
        let room = match self.queue.try_reserve() {
            Ok(room) => room,
            Err(TrySendError::Closed(())) => return Err(CommandError::ShuttingDown),
            // A clock may pause for a moment even when asked for none.
            Err(TrySendError::Full(())) if timeout.is_zero() => return Err(CommandError::Busy),
            Err(TrySendError::Full(())) => tokio::select! {
                biased;
                room = self.queue.reserve() => room.map_err(|_| CommandError::ShuttingDown)?,
                () = clock.pause(timeout) => return Err(CommandError::Busy),
            },
        };
        room.send(Item::Job(job));
        self.check_threshold();
        Ok(())
    }

    /// Queues a job, and waits for room as long as it takes. If the lane has ended, the job's reply is dropped, which its
    /// caller sees.
    pub(crate) async fn send(&self, job: Job) {
        drop(self.queue.send(Item::Job(job)).await);
        self.check_threshold();
    }

    /// Closes the lane behind what waits now.
    pub(crate) async fn close(&self) {
        // A lane that has ended needs no closing.
        drop(self.queue.send(Item::Close).await);
    }

    fn check_threshold(&self) {
        // To miss the moment costs no more than to go on when the group before is stored.
        if self.queue.max_capacity() - self.queue.capacity() >= self.threshold.wanted.load(Ordering::Relaxed) {
            self.threshold.reached.notify_one();
        }
    }
}
