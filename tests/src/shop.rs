//! A shop on a store: runs one command at a time, directly through the ports, and reads what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, BatchRead, Clock, CommandError, Decide, Decided, EventFilter, OrderRead, ProductRead, Report, Store,
    StoreError, Undecided, VerifyPorts, verify,
};
use earmark_domain::{
    AllocationRecord, AuditedOrder, ChangeSet, Command, DecisionContext, DispatchRecord, ExpireHolds, LineKey,
    LineRecord, Loaded, NeedsAllBatches, Outcome, ProductHistory, Promising, Refusal, Scope, SequencedEvent, Sku,
    UnitOfWork,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::build;
use crate::databases::{Adapter, Db, ReadPorts};
use crate::gate::Gate;

/// How often a command is run again after a conflict: far more than any case has concurrent commands.
const MAX_ATTEMPTS: usize = 1_000;

/// How many orders' holds are expired at once: few, so that a case reaches the bound.
const HOLDS_A_TRANSACTION: usize = 3;

/// How many rows are read at once: few, so that reading needs several pages.
const PAGE: usize = 100;

/// A clock that starts at 2026-03-01T09:00:00Z, moves by a millisecond each time it is read, and can be advanced, or be
/// made to step. Its monotonic time passes with readings and advances, and knows nothing of steps.
#[derive(Debug)]
pub struct TestClock {
    millis: AtomicI64,
    elapsed: AtomicI64,
}

impl Default for TestClock {
    fn default() -> Self {
        let start: Timestamp = "2026-03-01T09:00:00Z".parse().expect("an instant");
        Self {
            millis: AtomicI64::new(start.as_millisecond()),
            elapsed: AtomicI64::new(0),
        }
    }
}

impl TestClock {
    /// The instant that is read next. Does not move the clock.
    #[must_use]
    pub fn next(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis.load(Ordering::Relaxed)).expect("an instant")
    }

    /// Advances the clock: so much time passes.
    pub fn advance(&self, by: SignedDuration) {
        self.step(by);
        self.elapsed.fetch_add(whole_millis(by).max(0), Ordering::Relaxed);
    }

    /// Makes the clock step by so much, forwards or backwards, while no time passes.
    pub fn step(&self, by: SignedDuration) {
        self.millis.fetch_add(whole_millis(by), Ordering::Relaxed);
    }

    /// Advances the clock by seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance(SignedDuration::from_secs(seconds));
    }

    /// Sets the clock to an instant.
    pub fn set(&self, instant: Timestamp) {
        self.millis.store(instant.as_millisecond(), Ordering::Relaxed);
    }
}

fn whole_millis(time: SignedDuration) -> i64 {
    i64::try_from(time.as_millis()).expect("a time that a test can wait for")
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let millis = self.millis.fetch_add(1, Ordering::Relaxed);
        self.elapsed.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millisecond(millis).expect("an instant")
    }

    fn monotonic(&self) -> Duration {
        let millis = self.elapsed.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(millis).expect("it never goes back"))
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Everything that is stored, read through the ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The history of every product, by SKU; rows in the order of their keys.
    pub histories: Vec<ProductHistory>,
    /// All orders, with all that is stored of them.
    pub orders: Vec<AuditedOrder>,
    /// All events.
    pub events: Vec<SequencedEvent>,
}

/// A shop on an open store.
#[derive(Clone)]
pub struct Shop {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The read ports.
    pub reads: Arc<dyn ReadPorts>,
    /// The clock.
    pub clock: Arc<TestClock>,
    /// The rules of promising.
    pub promising: Promising,
}

impl Shop {
    /// Opens a database.
    pub async fn open(db: &Db) -> Self {
        Self::with_clock(db, Arc::default()).await
    }

    /// Opens the same database again, as another instance of the service would.
    pub async fn another(&self, db: &Db) -> Self {
        Self::with_clock(db, self.clock.clone()).await
    }

    /// Opens a database, as an instance of the service on another machine would: with a clock of its own.
    pub async fn with_clock(db: &Db, clock: Arc<TestClock>) -> Self {
        let Adapter { store, reads, .. } = db.open().await;
        Self {
            store,
            reads,
            clock,
            promising: Promising::default(),
        }
    }

    /// The current instant. Does not move the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.next()
    }

    /// Today.
    #[must_use]
    pub fn today(&self) -> Date {
        self.clock.today()
    }

    /// The context of a command that is decided now.
    #[must_use]
    pub fn context(&self) -> DecisionContext {
        DecisionContext {
            now: self.clock.now(),
            today: self.today(),
            actor: Arc::from("tester"),
            correlation_id: Arc::from("contract"),
            promising: self.promising,
        }
    }

    /// The decision of one command now. It waits at the gate first.
    pub fn decision(&self, command: &Command, gate: Option<Arc<Gate>>) -> Decide {
        let (command, context) = (command.clone(), self.context());
        Arc::new(move |loaded| {
            let mut unit_of_work = UnitOfWork::open(loaded)?;
            if let Some(gate) = &gate {
                gate.pass();
            }
            let continues_change = matches!(command, Command::Continue(_));
            let pending = unit_of_work.products_with_pending_work();
            if !pending.is_empty() && !continues_change {
                return Err(Undecided::WorkPending(pending));
            }
            let due = unit_of_work.products_with_due_holds(context.now);
            if !continues_change && !due.is_empty() && !matches!(command, Command::ExpireHolds(_)) {
                return Err(Undecided::HoldsDue(due));
            }
            let answer = unit_of_work.decide(&command, &context).map_err(CommandError::Refused);
            Ok(Decided {
                changes: unit_of_work.close()?,
                answers: vec![answer],
            })
        })
    }

    /// Runs one command in one transaction, once. Due holds are expired first, and all batches are loaded where the
    /// decision needs them.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn transact(&self, command: &Command) -> Result<Decided, StoreError> {
        self.transact_by(command, self.decision(command, None)).await
    }

    /// The same, and waits at a gate before the decision.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn transact_at(&self, gate: Arc<Gate>, command: &Command) -> Result<Decided, StoreError> {
        self.transact_by(command, self.decision(command, Some(gate))).await
    }

    async fn transact_by(&self, command: &Command, decision: Decide) -> Result<Decided, StoreError> {
        let mut scope = command.scope();
        for _ in 0..MAX_ATTEMPTS {
            match self.store.transact(&scope, decision.clone()).await {
                Err(StoreError::Undecided(Undecided::HoldsDue(skus))) => self.expire_holds(skus).await,
                Err(StoreError::Undecided(Undecided::NeedsAllBatches(NeedsAllBatches(skus))))
                    if !skus.is_subset(&scope.all_batches_of) =>
                {
                    scope.all_batches_of.extend(skus);
                }
                answer => return answer,
            }
        }
        unreachable!("{command:?} always needs more, or holds under it are always due")
    }

    /// Expires the due holds on some products, as many as one transaction takes.
    pub async fn expire_holds(&self, skus: BTreeSet<Sku>) {
        for _ in 0..MAX_ATTEMPTS {
            let now = self.now();
            let due = self.reads.due_orders(&skus, now, HOLDS_A_TRANSACTION).await;
            let command = Command::ExpireHolds(ExpireHolds {
                at: now,
                skus: skus.clone(),
                orders: due
                    .expect("a list of orders")
                    .into_iter()
                    .map(|order| order.id)
                    .collect(),
            });
            match Box::pin(self.transact(&command)).await {
                Err(StoreError::Conflict) => tokio::task::yield_now().await,
                stored => return drop(stored.expect("the holds are expired")),
            }
        }
        unreachable!("the state kept changing under holds on {skus:?}")
    }

    /// Expires all due holds, as the background job does.
    pub async fn sweep(&self) {
        for _ in 0..MAX_ATTEMPTS {
            let due = self
                .reads
                .products_with_due_holds(self.now(), PAGE)
                .await
                .expect("a list of products");
            if due.is_empty() {
                return;
            }
            for sku in due {
                self.expire_holds(BTreeSet::from([sku])).await;
            }
        }
        unreachable!("there are always due holds")
    }

    /// Runs one command, again after each conflict.
    pub async fn decide(&self, command: &Command) -> Decided {
        for _ in 0..MAX_ATTEMPTS {
            match self.transact(command).await {
                Err(StoreError::Conflict) => tokio::task::yield_now().await,
                stored => return stored.expect("the store stores what the domain decides"),
            }
        }
        unreachable!("the state kept changing under {command:?}")
    }

    /// Runs one command and returns its answer.
    pub async fn ask(&self, command: &Command) -> Answer {
        let mut decided = self.decide(command).await;
        decided.answers.pop().expect("one command has one answer")
    }

    /// Runs one command that must succeed.
    pub async fn done(&self, command: &Command) -> Outcome {
        let answer = self.ask(command).await;
        answer.unwrap_or_else(|error| unreachable!("{command:?} is answered with {error}"))
    }

    /// Runs commands that must succeed, one after the other.
    pub async fn all_done(&self, commands: &[Command]) {
        for command in commands {
            self.done(command).await;
        }
    }

    /// Runs one command that must be refused.
    pub async fn refused(&self, command: &Command) -> Refusal {
        match self.ask(command).await {
            Err(CommandError::Refused(refusal)) => refusal,
            answer => unreachable!("{command:?} is answered with {answer:?}"),
        }
    }

    /// What the store loads for a scope.
    pub async fn load(&self, scope: &Scope) -> Loaded {
        let seen = Arc::new(std::sync::Mutex::new(None));
        let loaded_by_store = seen.clone();
        let decide: Decide = Arc::new(move |loaded| {
            *loaded_by_store.lock().expect("not poisoned") = Some(loaded);
            Ok(Decided {
                changes: ChangeSet::default(),
                answers: Vec::new(),
            })
        });
        self.store.transact(scope, decide).await.expect("the scope is loaded");
        let loaded = seen.lock().expect("not poisoned").take();
        loaded.expect("the decision was taken")
    }

    /// Stores a change set that the domain has not decided.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn forge(&self, scope: &Scope, changes: ChangeSet) -> Result<Decided, StoreError> {
        let decide: Decide = Arc::new(move |_| {
            Ok(Decided {
                changes: changes.clone(),
                answers: Vec::new(),
            })
        });
        self.store.transact(scope, decide).await
    }

    /// All events, read a page at a time.
    pub async fn events(&self) -> Vec<SequencedEvent> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let page = self.reads.events(&EventFilter::default(), after, PAGE).await;
            let page = page.expect("a page of events");
            let last = page.events.len() < PAGE;
            after = page.next;
            events.extend(page.events);
            if last {
                return events;
            }
        }
    }

    /// The history of a product.
    pub async fn history(&self, sku: &Sku) -> ProductHistory {
        let stored = self.reads.audited_product(sku).await.expect("a product");
        let stored = stored.expect("it is known");
        let orders = self.audited_orders().await;
        let own: BTreeSet<LineKey> = orders
            .iter()
            .flat_map(|order| &order.lines)
            .filter(|line| line.sku == *sku)
            .map(|line| line.terms.key.clone())
            .collect();
        let of_product = |event: &SequencedEvent| event.event.product().is_some_and(|(of, _)| of == sku);
        let (mut lines, mut allocations, mut dispatches) = (Vec::new(), Vec::new(), Vec::new());
        for order in orders {
            lines.extend(order.lines);
            allocations.extend(order.allocations);
            dispatches.extend(order.dispatches);
        }
        lines.retain(|line: &LineRecord| own.contains(&line.terms.key));
        allocations.retain(|allocation: &AllocationRecord| own.contains(&allocation.key));
        dispatches.retain(|dispatch: &DispatchRecord| own.contains(&dispatch.key));
        let mut history = ProductHistory {
            product: stored.product,
            batches: stored.batches,
            lines,
            allocations,
            dispatches,
            events: self.events().await.into_iter().filter(of_product).collect(),
        };
        history.batches.sort_by(|a, b| a.reference.cmp(&b.reference));
        history.lines.sort_by(|a, b| a.terms.key.cmp(&b.terms.key));
        history
            .allocations
            .sort_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
        history
            .dispatches
            .sort_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
        history
    }

    /// A batch that exists, as it is now.
    pub async fn batch(&self, reference: &str) -> BatchRead {
        let read = self.reads.batch(&build::reference(reference), self.now()).await;
        read.expect("a batch").expect("it exists")
    }

    /// A product that exists, as it is now.
    pub async fn product(&self, sku: &str) -> ProductRead {
        let read = self.reads.product(&build::sku(sku), self.now()).await;
        read.expect("a product").expect("it exists")
    }

    /// An order that exists.
    pub async fn order(&self, id: &str) -> OrderRead {
        let read = self.reads.order(&build::order(id)).await;
        read.expect("an order").expect("it exists")
    }

    /// All that is stored of orders, read a page at a time.
    pub async fn audited_orders(&self) -> Vec<AuditedOrder> {
        let mut orders: Vec<AuditedOrder> = Vec::new();
        loop {
            let after = orders.last().map(|order| order.id.clone());
            let page = self.reads.audited_orders(after.as_ref(), PAGE).await.expect("orders");
            if page.is_empty() {
                return orders;
            }
            orders.extend(page);
        }
    }

    /// Everything that is stored.
    pub async fn snapshot(&self) -> Snapshot {
        let mut histories = Vec::new();
        let mut after: Option<Sku> = None;
        loop {
            let page = self
                .reads
                .products(None, after.as_ref(), self.now(), PAGE)
                .await
                .expect("products");
            let Some(last) = page.last() else { break };
            after = Some(last.sku.clone());
            for product in page {
                histories.push(self.history(&product.sku).await);
            }
        }
        Snapshot {
            histories,
            orders: self.audited_orders().await,
            events: self.events().await,
        }
    }

    /// Verifies all that is stored.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn verify(&self) -> Result<Report, StoreError> {
        let ports = VerifyPorts {
            views: self.reads.as_ref(),
            events: self.reads.as_ref(),
            audit: self.reads.as_ref(),
        };
        verify(ports).await
    }

    /// Asserts that verify finds nothing: every balance, every event.
    pub async fn assert_sound(&self) {
        let report = self.verify().await.expect("the store can be read");
        assert_eq!(
            report.discrepancies,
            Vec::<String>::new(),
            "checked {:?}",
            report.checked
        );
    }
}
