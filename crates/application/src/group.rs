//! A group: the commands that share one transaction.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use earmark_domain::{Command, Ledger, Loaded, Occasion, Scope, Sku, Starved};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::engine::{Answer, Envelope, Job, Reply, Shared};
use crate::error::{CommandError, StoreError};
use crate::holds::end_of_holds;
use crate::port::{Announce, Decide, Decided, Undecided, UnderWay};

/// How often a group is decided anew when the state changed under it, before its callers hear "busy". With locking
/// stores conflicts are rare and a second try nearly always succeeds; the bound keeps a rival from starving a lane.
const MOST_ATTEMPTS: u32 = 8;

/// How often holds are ended for a group before its decision keeps the instants it has. Up to then it is taken later than
/// what the ends of holds have led to, as it should be. Holds that end after its instants are not due at them, so from
/// then on it gets its turn, even in a shop in which one ends every moment.
const MOST_ENDINGS: u32 = 8;

/// How many times larger a group of streamed commands may be. What a transaction costs whatever its size is then shared
/// by some hundred lines, and a stream's window still holds a second group that waits while the first is stored.
const STREAMED_TIMES: usize = 4;

/// How many products a lane remembers as ones whose offer had to be read wholly.
const MOST_REMEMBERED: usize = 1_024;

/// Products whose lines lately did not fit the first of their batches. Their offers are read wholly at once: a product
/// that nearly ran out through many batches would otherwise be decided on twice each time.
#[derive(Debug, Default)]
pub(crate) struct Hungry(Mutex<BTreeSet<Sku>>);

impl Hungry {
    fn remember(&self, skus: &BTreeSet<Sku>) {
        let mut remembered = self.skus();
        if remembered.len() + skus.len() > MOST_REMEMBERED {
            // Forgetting costs each of them one more decision.
            remembered.clear();
        }
        remembered.extend(skus.iter().cloned());
    }

    /// Those of a scope.
    fn among(&self, scope: &Scope) -> Vec<Sku> {
        self.skus().intersection(&scope.skus).cloned().collect()
    }

    fn skus(&self) -> MutexGuard<'_, BTreeSet<Sku>> {
        // Whatever is in it is no more than a hint.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The group before, which is still being stored.
pub(crate) struct Predecessor {
    pub(crate) under_way: Box<dyn UnderWay>,
    /// Ends when the group is settled, whatever came of it.
    pub(crate) end: oneshot::Receiver<()>,
}

/// The commands that share a transaction.
pub(crate) struct Group {
    jobs: Vec<Job>,
    weight: usize,
    /// Whether others may join.
    open: bool,
    /// Whether all of them are streamed.
    streamed: bool,
}

impl Group {
    pub(crate) fn of(job: Job) -> Self {
        Self {
            weight: job.envelope.command.weight(),
            open: job.envelope.command.is_joinable(),
            streamed: job.streamed,
            jobs: vec![job],
        }
    }

    /// Takes a job into the group, or gives it back when it has to go into the next one.
    pub(crate) fn join(&mut self, job: Job, most: usize) -> Option<Job> {
        let weight = job.envelope.command.weight();
        let streamed = self.streamed && job.streamed;
        let most = if streamed { most * STREAMED_TIMES } else { most };
        if self.weight + weight > most || !self.open || !job.envelope.command.is_joinable() {
            return Some(job);
        }
        self.weight += weight;
        self.streamed = streamed;
        self.jobs.push(job);
        None
    }

    /// How many commands it has.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Decides and stores the commands, and answers each caller. Behind a group that is still being stored, they are
    /// decided on what it will have left; where that does not do, they wait for its end, so that whoever came first is
    /// served first.
    ///
    /// A command that can't be decided at all (a defect, broken records) fails alone: the others are decided again
    /// without it.
    pub(crate) async fn settle(
        self,
        shared: &Shared,
        hungry: &Hungry,
        lane: usize,
        mut behind: Option<Predecessor>,
        announce: Announce,
    ) {
        let mut announce = Some(announce);
        let mut groups = vec![self.jobs];
        while let Some(mut jobs) = groups.pop() {
            jobs.retain(|job| !job.reply.is_closed());
            if jobs.is_empty() {
                continue;
            }
            let span = tracing::debug_span!("group", lane, commands = jobs.len());
            let mut transaction = Transaction::of(jobs, hungry);
            if let Some(Predecessor { under_way, end }) = behind.take() {
                let announce = announce.take().expect("nothing has been run before");
                let followed = transaction.follow(under_way, announce, shared);
                transaction = match followed.instrument(span.clone()).await {
                    Ok(()) => continue,
                    Err(transaction) => transaction,
                };
                // Nothing is ever sent: it ends.
                drop(end.await);
            }
            let apart = transaction.run(shared, hungry, announce.take()).instrument(span).await;
            groups.extend(apart.into_iter().rev());
        }
    }
}

/// A group on its way: what is asked, beside where the answers go.
struct Transaction {
    /// Shared with the decision, which may outlast this try of it.
    asked: Arc<[Envelope]>,
    replies: Vec<Reply>,
    scope: Scope,
}

impl Transaction {
    fn of(jobs: Vec<Job>, hungry: &Hungry) -> Self {
        let (asked, replies): (Vec<Envelope>, Vec<Reply>) =
            jobs.into_iter().map(|job| (job.envelope, job.reply)).unzip();
        let mut scope = Scope::of(asked.iter().map(|envelope| &envelope.command));
        scope.whole_offers.extend(hungry.among(&scope));
        Self {
            asked: asked.into(),
            replies,
            scope,
        }
    }

    /// One transaction behind another that is under way. Gives the commands back when they have to be run on their own.
    async fn follow(self, ahead: Box<dyn UnderWay>, announce: Announce, shared: &Shared) -> Result<(), Self> {
        let started = Instant::now();
        let decision = self.decision(shared);
        match ahead.follow(&self.scope, decision, announce).await {
            Some(decided) => {
                self.stored(shared, decided, started);
                Ok(())
            }
            None => {
                tracing::debug!("not stored behind the group before");
                Err(self)
            }
        }
    }

    /// One transaction, announced if anybody listens. Gives back what has to be run anew, in order.
    async fn run(mut self, shared: &Shared, hungry: &Hungry, mut announce: Option<Announce>) -> Vec<Vec<Job>> {
        let started = Instant::now();
        let mut attempt = 1;
        let mut decision = self.decision(shared);
        let mut ended = 0;
        while attempt <= MOST_ATTEMPTS {
            let decide = Arc::clone(&decision);
            // Once: what is run anew is run on its own.
            let transacted = match announce.take() {
                Some(announce) => shared.store.transact_and_announce(&self.scope, decide, announce).await,
                None => shared.store.transact(&self.scope, decide).await,
            };
            match transacted {
                Ok(decided) => {
                    self.stored(shared, decided, started);
                    return Vec::new();
                }
                Err(StoreError::Conflict) => {
                    tracing::debug!(attempt, "the state changed; deciding anew");
                    shared.meter.conflicted();
                    attempt += 1;
                    decision = self.decision(shared);
                }
                // Not an attempt that failed either.
                Err(StoreError::Undecided(Undecided::Due(skus))) => {
                    tracing::debug!(products = skus.len(), "ending holds");
                    if let Err(error) = end_holds(skus, shared, hungry).await {
                        self.answer_all(shared, &error);
                        return Vec::new();
                    }
                    ended += 1;
                    if ended < MOST_ENDINGS {
                        decision = self.decision(shared);
                    }
                }
                // Not an attempt that failed: each time more is read, until all is.
                Err(StoreError::Undecided(Undecided::Starved(Starved(skus))))
                    if !skus.is_subset(&self.scope.whole_offers) =>
                {
                    tracing::debug!(products = skus.len(), "reading more batches");
                    hungry.remember(&skus);
                    self.scope.whole_offers.extend(skus);
                }
                Err(StoreError::Undecided(Undecided::Panicked { command })) => {
                    return self.without(command, shared);
                }
                Err(error @ (StoreError::Corrupt(_) | StoreError::Undecided(_))) => {
                    if self.asked.len() > 1 {
                        return self.jobs().map(|job| vec![job]).collect();
                    }
                    tracing::error!(%error, "the command can't be decided");
                    self.answer_all(shared, &CommandError::Internal);
                    return Vec::new();
                }
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, commands = self.asked.len(), "not stored");
                    self.answer_all(shared, &CommandError::Unavailable);
                    return Vec::new();
                }
            }
        }
        tracing::warn!(commands = self.asked.len(), "the state kept changing");
        self.answer_all(shared, &CommandError::Busy);
        Vec::new()
    }

    /// Answers what was stored.
    fn stored(self, shared: &Shared, decided: Decided, started: Instant) {
        let events = decided.changes.events.len();
        tracing::debug!(events, "stored");
        shared.meter.stored(self.asked.len(), events, started.elapsed());
        if decided.changes.unserved().next().is_some() {
            shared.owed.notify_one();
        }
        self.answer(shared, decided.answers);
    }

    /// The decision, at instants of its own: taken anew, it is taken later.
    fn decision(&self, shared: &Shared) -> Decide {
        let asked = Arc::clone(&self.asked);
        let occasions: Vec<Occasion> = asked.iter().map(|envelope| shared.occasion(envelope)).collect();
        Arc::new(move |loaded| decide(&asked, &occasions, loaded))
    }

    /// The commands with their callers, to be run in other groups.
    fn jobs(self) -> impl Iterator<Item = Job> {
        let Self { asked, replies, .. } = self;
        let together = replies.into_iter().enumerate();
        together.map(move |(number, reply)| Job {
            envelope: asked[number].clone(),
            reply,
            // They are in a group already.
            streamed: false,
        })
    }

    /// The group without the command whose decision panicked, which is answered.
    fn without(self, command: usize, shared: &Shared) -> Vec<Vec<Job>> {
        let mut rest: Vec<Job> = self.jobs().collect();
        let Job { envelope, reply, .. } = rest.remove(command);
        tracing::error!(command = ?envelope.command, "deciding the command panicked");
        let error = CommandError::Internal;
        shared.meter.answered(envelope.command.name(), error.code(), 1);
        // The caller may have left.
        drop(reply.send(Err(error)));
        vec![rest]
    }

    fn answer_all(self, shared: &Shared, error: &CommandError) {
        let answers = self.asked.iter().map(|_| Err(error.clone())).collect();
        self.answer(shared, answers);
    }

    /// Counts the answers, then gives them.
    fn answer(self, shared: &Shared, answers: Vec<Answer>) {
        let mut counted = Counted::default();
        for (envelope, answer) in self.asked.iter().zip(&answers) {
            let outcome = answer.as_ref().map_or_else(CommandError::code, |_| "ok");
            counted.add(envelope.command.name(), outcome, shared);
        }
        counted.tell(shared);
        for (reply, answer) in self.replies.into_iter().zip(answers) {
            // The caller may have left; the command stands all the same.
            drop(reply.send(answer));
        }
    }
}

/// Ends the holds on some products that have ended by now, as many as one transaction takes.
async fn end_holds(skus: BTreeSet<Sku>, shared: &Shared, hungry: &Hungry) -> Result<(), CommandError> {
    let command = end_of_holds(shared.store.as_ref(), skus, shared.now()).await;
    let command = command.map_err(|error| {
        tracing::warn!(%error, "holds can't be ended");
        CommandError::Unavailable
    })?;
    let (reply, answer) = oneshot::channel();
    let job = Job {
        envelope: Envelope::of_the_service(command, "holds"),
        reply,
        streamed: false,
    };
    // A transaction that ends holds meets none that is due: this goes no deeper.
    let apart = Box::pin(Transaction::of(vec![job], hungry).run(shared, hungry, None)).await;
    debug_assert!(apart.is_empty(), "a command alone is not run apart");
    answer.await.unwrap_or(Err(CommandError::Internal)).map(|_| ())
}

/// Answers alike that follow one another: they are told to the meter at once.
#[derive(Default)]
struct Counted {
    command: &'static str,
    outcome: &'static str,
    times: u64,
}

impl Counted {
    fn add(&mut self, command: &'static str, outcome: &'static str, shared: &Shared) {
        if (command, outcome) != (self.command, self.outcome) {
            self.tell(shared);
            *self = Self {
                command,
                outcome,
                times: 0,
            };
        }
        self.times += 1;
    }

    fn tell(&self, shared: &Shared) {
        if self.times > 0 {
            shared.meter.answered(self.command, self.outcome, self.times);
        }
    }
}

/// Decides commands one after the other on what was read.
fn decide(asked: &[Envelope], occasions: &[Occasion], loaded: Loaded) -> Result<Decided, Undecided> {
    let mut ledger = Ledger::open(loaded)?;
    let ends_holds = matches!(
        asked,
        [Envelope {
            command: Command::ExpireHolds(_),
            ..
        }]
    );
    if let Some(last) = occasions.last().filter(|_| !ends_holds) {
        let due = ledger.due(last.now);
        if !due.is_empty() {
            return Err(Undecided::Due(due));
        }
    }
    let mut answers = Vec::with_capacity(asked.len());
    for (number, (envelope, occasion)) in asked.iter().zip(occasions).enumerate() {
        // A panic leaves the ledger torn, so it is thrown away with it.
        let answer = catch_unwind(AssertUnwindSafe(|| one(&mut ledger, envelope, occasion)))
            .map_err(|_| Undecided::Panicked { command: number })??;
        answers.push(answer);
    }
    let changes = ledger.close()?;
    Ok(Decided { changes, answers })
}

/// Decides one command. Of a preview the books keep nothing.
fn one(ledger: &mut Ledger, envelope: &Envelope, occasion: &Occasion) -> Result<Answer, Undecided> {
    let Envelope { command, mode, .. } = envelope;
    let decide = |ledger: &mut Ledger| match mode.if_version {
        Some(version) => ledger.decide_on(version, command, occasion),
        None => ledger.decide(command, occasion),
    };
    let answer = if mode.preview {
        ledger.preview(decide)?
    } else {
        decide(ledger)
    };
    Ok(answer.map_err(CommandError::from))
}
