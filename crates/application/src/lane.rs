//! A lane: a bounded queue, and the loop that empties it group by group.
//!
//! While a group is being stored, as many callers as it has may already wait again. They are not left waiting for its
//! end: they become the next group, which is decided on what the first will have left and handed to the store behind it.
//! So the store goes from one to the next without a pause. No more than two are under way, and no group is made smaller
//! than the one before it for that: a transaction costs something whatever its size.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::engine::{EngineSettings, Job, Shared};
use crate::error::CommandError;
use crate::group::{Group, Hungry, Predecessor};
use crate::port::{Clock, UnderWay};

/// What stands in a lane's queue.
enum Item {
    Job(Job),
    /// Take nothing after this.
    Close,
}

/// Told when as many jobs wait as the lane wants. It would be woken for each of them otherwise.
#[derive(Debug)]
struct Bell {
    wanted: AtomicUsize,
    rung: Notify,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            wanted: AtomicUsize::new(usize::MAX),
            rung: Notify::new(),
        }
    }
}

impl Bell {
    /// Has it told when so many wait, until that is let go.
    fn listen(&self, wanted: usize) -> Listening<'_> {
        self.wanted.store(wanted, Ordering::Relaxed);
        Listening(self)
    }
}

/// While it is there, the bell is rung.
struct Listening<'a>(&'a Bell);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.wanted.store(usize::MAX, Ordering::Relaxed);
    }
}

/// Where jobs enter a lane. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Entrance {
    queue: mpsc::Sender<Item>,
    bell: Arc<Bell>,
}

impl Entrance {
    /// Queues a job. Where there is no place, it waits for one at the door, no longer than so; who came first gets it
    /// first, whatever else wants in.
    ///
    /// # Errors
    /// When none came free, or the lane takes nothing any more.
    pub(crate) async fn enter_within(
        &self,
        patience: Duration,
        clock: &dyn Clock,
        job: Job,
    ) -> Result<(), CommandError> {
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(TrySendError::Closed(())) => return Err(CommandError::ShuttingDown),
            // A clock may let it wait a moment all the same.
            Err(TrySendError::Full(())) if patience.is_zero() => return Err(CommandError::Busy),
            Err(TrySendError::Full(())) => tokio::select! {
                biased;
                place = self.queue.reserve() => place.map_err(|_| CommandError::ShuttingDown)?,
                () = clock.pause(patience) => return Err(CommandError::Busy),
            },
        };
        place.send(Item::Job(job));
        self.ring();
        Ok(())
    }

    /// Queues a job, and waits for a place. Where there will never be one, its caller is told so by a reply that is
    /// dropped.
    pub(crate) async fn enter(&self, job: Job) {
        drop(self.queue.send(Item::Job(job)).await);
        self.ring();
    }

    /// Lets the lane take nothing after what waits now.
    pub(crate) async fn close(&self) {
        // A lane that has ended already needs no word.
        drop(self.queue.send(Item::Close).await);
    }

    fn ring(&self) {
        // To miss the moment costs no more than to go on when the group before is stored.
        if self.queue.max_capacity() - self.queue.capacity() >= self.bell.wanted.load(Ordering::Relaxed) {
            self.bell.rung.notify_one();
        }
    }
}

/// A group that is being decided and stored.
struct Running {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    tail: Tail,
}

/// What one has to know of a group to follow it.
struct Tail {
    /// Commands in it.
    commands: usize,
    /// Comes when the store has it under way.
    announced: oneshot::Receiver<Box<dyn UnderWay>>,
    /// Ends with it.
    end: Option<oneshot::Receiver<()>>,
}

impl Running {
    fn start(group: Group, behind: Option<Predecessor>, lane: &Lane) -> Self {
        let (announce, announced) = oneshot::channel();
        let (ending, end) = oneshot::channel();
        let commands = group.len();
        let (shared, hungry, number) = (Arc::clone(&lane.shared), Arc::clone(&lane.hungry), lane.number);
        let work = async move {
            group.settle(&shared, &hungry, number, behind, announce).await;
            drop::<oneshot::Sender<()>>(ending);
        };
        let tail = Tail {
            commands,
            announced,
            end: Some(end),
        };
        Self {
            work: Box::pin(work),
            tail,
        }
    }
}

/// One lane. A future for the binary to run.
pub struct Lane {
    number: usize,
    queue: mpsc::Receiver<Item>,
    bell: Arc<Bell>,
    most: usize,
    shared: Arc<Shared>,
    hungry: Arc<Hungry>,
    /// Taken from the queue, and too much for the group that was made then.
    left_over: Option<Job>,
}

impl Lane {
    pub(crate) fn new(number: usize, settings: &EngineSettings, shared: Arc<Shared>) -> (Entrance, Self) {
        let (sender, queue) = mpsc::channel(settings.queue.max(1));
        let bell = Arc::<Bell>::default();
        let entrance = Entrance {
            queue: sender,
            bell: Arc::clone(&bell),
        };
        let lane = Self {
            number,
            queue,
            bell,
            most: settings.group.max(1),
            shared,
            hungry: Arc::default(),
            left_over: None,
        };
        (entrance, lane)
    }

    /// Runs until the engine is drained and the queue is empty.
    pub async fn run(mut self) {
        while let Some(first) = self.next().await {
            let group = self.group(first);
            let mut running = Running::start(group, None, &self);
            loop {
                let predecessor = tokio::select! {
                    biased;
                    () = &mut running.work => break,
                    predecessor = self.time_to_follow(&mut running.tail) => predecessor,
                };
                let Some(first) = self.waiting() else {
                    running.work.await;
                    break;
                };
                let group = self.group(first);
                let mut following = Running::start(group, Some(predecessor), &self);
                tokio::select! {
                    biased;
                    () = &mut running.work => {}
                    // It may have heard of its store before the other one has.
                    () = &mut following.work => {
                        running.work.await;
                        break;
                    }
                }
                running = following;
            }
        }
    }

    /// Waits for a job; `None` when there will be no more.
    async fn next(&mut self) -> Option<Job> {
        if let Some(job) = self.left_over.take() {
            return Some(job);
        }
        loop {
            match self.queue.recv().await? {
                Item::Job(job) => return Some(job),
                Item::Close => self.queue.close(),
            }
        }
    }

    /// A job that waits already.
    fn waiting(&mut self) -> Option<Job> {
        if let Some(job) = self.left_over.take() {
            return Some(job);
        }
        while let Ok(item) = self.queue.try_recv() {
            match item {
                Item::Job(job) => return Some(job),
                Item::Close => self.queue.close(),
            }
        }
        None
    }

    /// A group of a job and what waits behind it.
    fn group(&mut self, first: Job) -> Group {
        let mut group = Group::of(first);
        while let Some(job) = self.waiting() {
            self.left_over = group.join(job, self.most);
            if self.left_over.is_some() {
                break;
            }
        }
        self.shared.meter.queued(self.number, self.depth());
        group
    }

    /// How many jobs wait.
    fn depth(&self) -> usize {
        self.queue.len() + usize::from(self.left_over.is_some())
    }

    /// Waits until a group that is running can be followed, and as many jobs wait as it has. Where it can't be followed,
    /// that never comes.
    async fn time_to_follow(&self, tail: &mut Tail) -> Predecessor {
        let Ok(under_way) = (&mut tail.announced).await else {
            return std::future::pending().await;
        };
        let bell = self.bell.listen(tail.commands);
        while self.depth() < tail.commands {
            bell.0.rung.notified().await;
        }
        let end = tail.end.take().expect("a group is followed once");
        Predecessor { under_way, end }
    }
}
