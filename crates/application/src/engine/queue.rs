//! The bounded queue of a lane, with backpressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::job::Job;
use crate::answer::CommandError;
use crate::ports::Clock;

/// How many times larger a group of streamed commands may be. The fixed cost of a transaction is then shared by some
/// hundred lines, and a stream's window still holds a second group that waits while the first is stored.
pub(crate) const STREAMED_FACTOR: usize = 4;

/// How many groups of streamed commands wait in a lane, of all streams together: one that is ready when the group before
/// it is taken, and one that fills up meanwhile. A caller with a single command waits behind no more than these, however
/// many streams there are and however long their orders.
const STREAMED_GROUPS_WAITING: usize = 2;

/// An item of a lane's queue.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every item is a job, and a box would cost each an allocation"
)]
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

/// How full the queue of a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Commands that wait, or have a place.
    pub waiting: usize,
    /// Places for commands.
    pub places: usize,
}

/// The sending end of a lane's queue. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LaneQueue {
    queue: mpsc::Sender<Item>,
    threshold: Arc<FillThreshold>,
    /// The room for streamed commands, by their weight.
    streamed: Arc<Semaphore>,
    /// All of it.
    streamed_room: u32,
}

impl LaneQueue {
    /// A queue of this many jobs whose groups have this weight, and its receiving end.
    pub(crate) fn new(capacity: usize, group: usize, threshold: Arc<FillThreshold>) -> (Self, mpsc::Receiver<Item>) {
        let (queue, receiver) = mpsc::channel(capacity.max(1));
        let room = group.max(1).saturating_mul(STREAMED_FACTOR * STREAMED_GROUPS_WAITING);
        let streamed_room = u32::try_from(room.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let queue = Self {
            queue,
            threshold,
            streamed: Arc::new(Semaphore::new(streamed_room as usize)),
            streamed_room,
        };
        (queue, receiver)
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

    /// Queues a job of a stream, and waits for room as long as it takes: first for room among the streams, which get it
    /// in the order they came. If the lane has ended, the job's reply is dropped, which its caller sees.
    pub(crate) async fn send_streamed(&self, mut job: Job) {
        job.room = self.room(job.envelope.command.weight()).await;
        drop(self.queue.send(Item::Job(job)).await);
        self.check_threshold();
    }

    /// Room for a streamed command. One that is heavier than all the room gets all of it.
    async fn room(&self, weight: usize) -> Option<OwnedSemaphorePermit> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).min(self.streamed_room);
        let room = Arc::clone(&self.streamed).acquire_many_owned(weight).await;
        // It is never closed.
        room.ok()
    }

    /// Closes the lane behind what waits now.
    pub(crate) async fn close(&self) {
        // A lane that has ended needs no closing.
        drop(self.queue.send(Item::Close).await);
    }

    /// How full it is.
    pub(crate) fn depth(&self) -> QueueDepth {
        let places = self.queue.max_capacity();
        QueueDepth {
            waiting: places - self.queue.capacity(),
            places,
        }
    }

    fn check_threshold(&self) {
        // To miss the moment costs no more than to go on when the group before is stored.
        if self.depth().waiting >= self.threshold.wanted.load(Ordering::Relaxed) {
            self.threshold.reached.notify_one();
        }
    }
}
