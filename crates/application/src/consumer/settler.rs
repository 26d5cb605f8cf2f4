//! The half of a session that settles messages: what has ended is put aside if it is dead, answered and acknowledged.
//!
//! In this order, so that a crash in between loses nothing: the effects of a message are stored, with how it ended; then
//! it is buried, then answered, then acknowledged. Delivered again, it goes the same way from wherever it had got to.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;

use super::pending::Pending;
use super::session::Session;
use super::shared::Shared;
use crate::ports::{Body, DeadMessage, DeliveryId, Reply};

/// How many messages are settled at once.
const BATCH: usize = 512;

/// How long a source with too many dead messages waits until it looks again.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// How often is tried again what has no answer while the source is drained. What is left then is delivered again.
const MAX_DRAINING_ATTEMPTS: u32 = 5;

/// How many different reasons of messages that are lost are logged: one each, since they are the last trace of these.
const MAX_LOGGED_REASONS: usize = 100;

/// What became of dead messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buried {
    Yes,
    /// There are too many.
    Full,
    /// The store does not answer, and the source is drained.
    GivenUp,
}

/// Settles the messages of a session, in the order in which they were received.
pub(super) struct Settler<'a> {
    session: &'a Session<'a>,
    shared: &'a Shared,
    window: mpsc::Receiver<Pending>,
    /// Taken from the window, before those that are still there.
    taken: VecDeque<Pending>,
    /// How often in a row there was no answer.
    failures: u32,
}

impl<'a> Settler<'a> {
    pub(super) const fn new(session: &'a Session<'a>, window: mpsc::Receiver<Pending>) -> Self {
        Self {
            session,
            shared: session.shared,
            window,
            taken: VecDeque::new(),
            failures: 0,
        }
    }

    /// Settles until nothing more is received.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.next().await {
            self.settle(batch).await;
            self.session.tell_in_time().await;
        }
    }

    /// Waits for messages that have ended for good.
    async fn next(&mut self) -> Option<Vec<Pending>> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            let mut first = match self.taken.pop_front() {
                Some(first) => first,
                None => self.session.awaiting(self.window.recv()).await?,
            };
            self.session.awaiting(first.end()).await;
            if first.is_to_be_tried_again() {
                self.taken.push_front(first);
                self.try_again().await;
                continue;
            }
            if self.failures > 0 {
                tracing::info!(source = %self.shared.name, "commands of messages are answered again");
                self.failures = 0;
            }
            batch.push(first);
        }
        while batch.len() < BATCH {
            let Some(mut next) = self.taken.pop_front().or_else(|| self.window.try_recv().ok()) else {
                break;
            };
            if !next.has_ended() || next.is_to_be_tried_again() {
                self.taken.push_front(next);
                break;
            }
            batch.push(next);
        }
        Some(batch)
    }

    /// Submits anew, in their order, all commands that have no answer. Nothing is submitted behind them meanwhile.
    async fn try_again(&mut self) {
        let order = self.session.awaiting(self.session.order.lock()).await;
        while let Ok(pending) = self.window.try_recv() {
            self.taken.push_back(pending);
        }
        for pending in &mut self.taken {
            self.session.awaiting(pending.end()).await;
        }
        self.failures += 1;
        if self.failures == 1 {
            tracing::warn!(source = %self.shared.name, "commands of messages have no answer; they are tried again");
        }
        if self.shared.is_draining() && self.failures > MAX_DRAINING_ATTEMPTS {
            self.give_up();
            return;
        }
        self.session.awaiting(self.shared.back_off(self.failures)).await;
        let mut again = 0;
        for pending in self.taken.iter_mut().filter(|pending| pending.is_to_be_tried_again()) {
            again += 1;
            let message = &pending.message;
            let Body::Whole(body) = &message.body else { continue };
            match self
                .shared
                .envelope(body, message.id.clone(), message.correlation_id.as_ref())
            {
                Ok(envelope) => {
                    let ticket = self.session.awaiting(order.submit(envelope)).await;
                    pending.resubmitted(ticket);
                }
                Err(reason) => pending.unreadable(reason),
            }
        }
        self.shared.ports.meter.retried(&self.shared.name, again);
    }

    /// Lets go of what has no answer. It is delivered again, or, where nothing is, put aside.
    fn give_up(&mut self) {
        let (left, mut rest): (VecDeque<Pending>, VecDeque<Pending>) =
            self.taken.drain(..).partition(Pending::is_to_be_tried_again);
        tracing::warn!(source = %self.shared.name, messages = left.len(), "messages are left without an answer");
        if !self.shared.source.redelivers() {
            rest.extend(left.into_iter().map(|mut pending| {
                let reason = pending.reason().unwrap_or_default().into_owned();
                pending.unreadable(reason);
                pending
            }));
        }
        self.taken = rest;
    }

    /// Settles messages that have ended.
    async fn settle(&self, batch: Vec<Pending>) {
        let (dead, sound): (Vec<Pending>, Vec<Pending>) =
            batch.into_iter().partition(|pending| pending.reason().is_some());
        if dead.is_empty() {
            return self.acknowledge(sound).await;
        }
        let now = self.shared.ports.clock.now();
        let letters: Vec<DeadMessage> = dead
            .iter()
            .filter_map(|pending| Some(pending.dead(&pending.reason()?, self.shared, now)))
            .collect();
        let mut buried = self.bury(&letters).await;
        self.acknowledge(sound).await;
        let was_full = buried == Buried::Full;
        if was_full {
            self.shared.stopped(true);
            tracing::warn!(source = %self.shared.name, "too many messages are put aside; no more are taken until some are decided on");
        }
        while buried == Buried::Full {
            if self.shared.is_draining() {
                break;
            }
            self.session.awaiting(self.shared.pause(FULL_PAUSE)).await;
            buried = self.bury(&letters).await;
        }
        if was_full {
            self.shared.stopped(false);
        }
        if buried == Buried::Yes {
            if let Some(letter) = letters.last() {
                self.shared.notice_dead(letters.len(), &letter.reason);
            }
            self.acknowledge(dead).await;
        } else {
            self.leave(&letters);
        }
    }

    /// Leaves dead messages that could not be put aside before the source was drained. They are delivered again or, where
    /// nothing is, lost: what was wrong with them is then said here for the last time.
    fn leave(&self, letters: &[DeadMessage]) {
        let (source, messages) = (&self.shared.name, letters.len());
        if self.shared.source.redelivers() {
            tracing::warn!(source = %source, messages, "dead messages are not put aside yet; they are delivered again");
            return;
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in letters {
            *reasons.entry(&letter.reason).or_default() += 1;
        }
        for (reason, messages) in reasons.iter().take(MAX_LOGGED_REASONS) {
            tracing::error!(source = %source, messages, reason, "dead messages are lost");
        }
        if reasons.len() > MAX_LOGGED_REASONS {
            tracing::error!(source = %source, messages, "dead messages are lost, some of them for further reasons");
        }
        self.shared.ports.meter.died(source, messages as u64);
    }

    /// Puts dead messages aside, as soon as the store answers.
    async fn bury(&self, letters: &[DeadMessage]) -> Buried {
        let mut failures = 0;
        loop {
            let bury = self.shared.ports.inbox.bury(&self.shared.name, letters);
            match self.session.awaiting(bury).await {
                Ok(buried) => {
                    self.shared.store_answers();
                    return if buried { Buried::Yes } else { Buried::Full };
                }
                Err(error) => self.shared.store_failed(&error),
            }
            failures += 1;
            if self.shared.is_draining() && failures > MAX_DRAINING_ATTEMPTS {
                return Buried::GivenUp;
            }
            self.session.awaiting(self.shared.back_off(failures)).await;
        }
    }

    /// Answers messages and acknowledges them.
    async fn acknowledge(&self, settled: Vec<Pending>) {
        if settled.is_empty() {
            return;
        }
        self.measure(&settled);
        let source = &self.shared.source;
        if !self.session.has_failed() {
            let replies: Vec<Reply> = settled
                .iter()
                .filter_map(|pending| pending.reply(self.shared))
                .collect();
            if !replies.is_empty()
                && let Err(error) = source.reply(&replies).await
            {
                self.session.fail(error);
            }
        }
        // What it has delivered means nothing to a source that has failed: it comes again, and is known then.
        if !self.session.has_failed() {
            let deliveries: Vec<DeliveryId> = settled.iter().map(Pending::delivery).collect();
            if let Err(error) = source.acknowledge(&deliveries).await {
                self.session.fail(error);
            }
        }
        self.session.release(&settled);
    }

    fn measure(&self, settled: &[Pending]) {
        let (meter, name) = (&self.shared.ports.meter, &self.shared.name);
        let count = |is: fn(&Pending) -> bool| settled.iter().filter(|pending| is(pending)).count() as u64;
        let (done, repeats) = (count(Pending::is_done), count(Pending::is_repeat));
        let dead = settled.len() as u64 - done - repeats;
        if done > 0 {
            meter.done(name, done);
        }
        if repeats > 0 {
            meter.repeated(name, repeats);
        }
        if dead > 0 {
            meter.died(name, dead);
        }
    }
}
