//! A lane: the loop that empties a queue group by group.
//!
//! While a group is being stored, as many callers as it has may already wait again. They need not wait for its end: they
//! become the next group, which is decided on the state that the first will leave, and pipelined behind it. So the store
//! goes from one group to the next without a pause. No more than two groups are in flight, and no group is smaller than
//! its predecessor for that: a transaction has a fixed cost, whatever its size.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::group::{Group, Predecessor};
use super::hints::AllBatchesHints;
use super::job::Job;
use super::progress::Progress;
use super::queue::{FillThreshold, Item, LaneQueue};
use super::shared::{EngineSettings, Shared};
use crate::ports::InFlight;

/// A group that is being decided and stored.
struct Running {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    tail: Tail,
}

/// What has to be known of a group to pipeline another behind it.
struct Tail {
    /// Commands in it.
    commands: usize,
    /// Gets the handle of its transaction when the store has it in flight.
    in_flight: oneshot::Receiver<Box<dyn InFlight>>,
    /// Closes when the group ends.
    end: Option<oneshot::Receiver<()>>,
}

impl Running {
    fn start(group: Group, predecessor: Option<Predecessor>, lane: &Lane) -> Self {
        let (sender, in_flight) = oneshot::channel();
        let (ending, end) = oneshot::channel();
        let commands = group.len();
        let (shared, hints, number) = (Arc::clone(&lane.shared), Arc::clone(&lane.hints), lane.number);
        let progress = Arc::clone(&lane.progress);
        progress.begins(shared.clock.monotonic());
        let work = async move {
            let failures = shared.store_failures();
            group.run(&shared, &hints, number, predecessor, sender).await;
            if shared.store_failures() == failures {
                progress.gets_on(shared.clock.monotonic());
            }
            drop::<oneshot::Sender<()>>(ending);
        };
        let tail = Tail {
            commands,
            in_flight,
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
    threshold: Arc<FillThreshold>,
    max_group: usize,
    shared: Arc<Shared>,
    hints: Arc<AllBatchesHints>,
    progress: Arc<Progress>,
    /// Taken from the queue, and too much for the group that was formed then.
    left_over: Option<Job>,
}

impl Lane {
    pub(crate) fn new(
        number: usize,
        settings: &EngineSettings,
        shared: Arc<Shared>,
        progress: Arc<Progress>,
    ) -> (LaneQueue, Self) {
        let threshold = Arc::<FillThreshold>::default();
        let (sender, queue) = LaneQueue::new(settings.queue, settings.group, Arc::clone(&threshold));
        let lane = Self {
            number,
            queue,
            threshold,
            max_group: settings.group.max(1),
            shared,
            hints: Arc::default(),
            progress,
            left_over: None,
        };
        (sender, lane)
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
                    predecessor = self.next_can_follow(&mut running.tail) => predecessor,
                };
                let Some(first) = self.waiting() else {
                    running.work.await;
                    break;
                };
                let group = self.group(first);
                let mut next = Running::start(group, Some(predecessor), &self);
                tokio::select! {
                    biased;
                    () = &mut running.work => {}
                    // It may have its answer from the store before its predecessor has.
                    () = &mut next.work => {
                        running.work.await;
                        break;
                    }
                }
                running = next;
            }
            if self.depth() == 0 {
                self.progress.is_idle();
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
            self.left_over = group.join(job, self.max_group);
            if self.left_over.is_some() {
                break;
            }
        }
        group
    }

    /// How many jobs wait.
    fn depth(&self) -> usize {
        self.queue.len() + usize::from(self.left_over.is_some())
    }

    /// Waits until another group can be pipelined behind a running one, and as many jobs wait as that one has. Where the
    /// store sends no handle, this never ends.
    async fn next_can_follow(&self, tail: &mut Tail) -> Predecessor {
        let Ok(in_flight) = (&mut tail.in_flight).await else {
            return std::future::pending().await;
        };
        let threshold = self.threshold.arm(tail.commands);
        while self.depth() < tail.commands {
            threshold.reached().await;
        }
        let end = tail.end.take().expect("a group has one successor");
        Predecessor { in_flight, end }
    }
}
