//! A shop with a store in memory: it keeps records in maps, loads what a scope names, and stores change sets.

mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_domain::{
    AllocationRecord, BatchRecord, Calendar, Change, ChangeSet, Command, DecisionContext, DispatchRecord, Event,
    ExpireHolds, Fact, LineKey, LineRecord, LineState, NeedsAllBatches, OrderId, OrderRecord, Outcome, PassDay,
    ProductHistory, ProductRecord, Promising, Reference, Refusal, Scope, SequencedEvent, Sku, UnitOfWork, Units, audit,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{day, key, reference};

/// How many batches with available units are read at first. The least there can be, so that decisions often need more.
const FIRST_PAGE: usize = 1;

/// All records, and a clock that ticks with each command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shop {
    pub(crate) products: BTreeMap<Sku, ProductRecord>,
    pub(crate) batches: BTreeMap<Reference, BatchRecord>,
    pub(crate) orders: BTreeMap<OrderId, OrderRecord>,
    pub(crate) lines: BTreeMap<LineKey, LineRecord>,
    pub(crate) allocations: BTreeMap<(LineKey, Reference), AllocationRecord>,
    pub(crate) dispatches: BTreeMap<(LineKey, Reference, u64), DispatchRecord>,
    pub(crate) events: Vec<Event>,
    pub(crate) promising: Promising,
    /// How many lines of a batch that changes are read at once; `None`: as many as a store reads.
    pub(crate) change_page: Option<usize>,
    ticks: i64,
}

/// What has to be done before commands can be decided.
#[derive(Debug)]
pub(crate) enum First {
    /// Holds on these products have to be ended.
    EndHolds(BTreeSet<Sku>),
    /// The work on these products has to be continued.
    Continue(BTreeSet<Sku>),
}

/// How a command is decided.
type Decide<'a> = dyn Fn(&mut UnitOfWork, &Command, &DecisionContext) -> Result<Outcome, Refusal> + 'a;

/// The outcome of each command, and what has to be stored.
pub(crate) type Decided = (Vec<Result<Outcome, Refusal>>, ChangeSet);

impl Shop {
    /// Runs one command in a transaction of its own.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        self.run_together(&[command]).remove(0)
    }

    /// Runs commands in one transaction.
    pub(crate) fn run_together(&mut self, commands: &[&Command]) -> Vec<Result<Outcome, Refusal>> {
        self.run_by(commands, &UnitOfWork::decide)
    }

    /// Runs a command on the condition that what it is about has a version.
    pub(crate) fn run_on(&mut self, version: u64, command: &Command) -> Result<Outcome, Refusal> {
        let decide = |unit_of_work: &mut UnitOfWork, command: &Command, context: &DecisionContext| {
            unit_of_work.decide_on(&[version], command, context)
        };
        self.run_by(&[command], &decide).remove(0)
    }

    fn run_by(&mut self, commands: &[&Command], decide: &Decide<'_>) -> Vec<Result<Outcome, Refusal>> {
        let many = i64::try_from(commands.len()).expect("a few");
        loop {
            match self.decide_by(commands, decide) {
                Ok((outcomes, changes)) => {
                    self.ticks += many;
                    self.store(changes);
                    self.check();
                    return outcomes;
                }
                Err(First::EndHolds(due)) => self.end_holds(due),
                Err(First::Continue(pending)) => pending.into_iter().for_each(|sku| self.continue_work(sku)),
            }
        }
    }

    /// Decides commands in one transaction, at the next ticks, and stores nothing.
    ///
    /// # Errors
    /// What has to be done first.
    pub(crate) fn decide_together(&self, commands: &[&Command]) -> Result<Decided, First> {
        self.decide_by(commands, &UnitOfWork::decide)
    }

    fn decide_by(&self, commands: &[&Command], decide: &Decide<'_>) -> Result<Decided, First> {
        let mut scope = Scope::of(commands.iter().copied());
        let many = i64::try_from(commands.len()).expect("a few");
        loop {
            let mut unit_of_work = UnitOfWork::open(self.load(&scope)).expect("sound records");
            let continues = matches!(commands, [Command::Continue(_)]);
            let pending = unit_of_work.products_with_pending_work();
            if !pending.is_empty() && !continues {
                return Err(First::Continue(pending));
            }
            let due = unit_of_work.products_with_due_holds(self.context(self.ticks + many).now);
            let ends_holds = matches!(commands, [Command::ExpireHolds(_)]);
            if !due.is_empty() && !ends_holds && !continues {
                return Err(First::EndHolds(due));
            }
            let outcomes = (self.ticks + 1..)
                .zip(commands)
                .map(|(tick, command)| decide(&mut unit_of_work, command, &self.context(tick)))
                .collect();
            match unit_of_work.close() {
                Ok(changes) => return Ok((outcomes, changes)),
                Err(NeedsAllBatches(skus)) => {
                    assert!(
                        !skus.is_subset(&scope.all_batches_of),
                        "more batches are needed although all were read"
                    );
                    scope.all_batches_of.extend(skus);
                }
            }
        }
    }

    /// Continues the work on a product by one step.
    pub(crate) fn continue_work(&mut self, sku: Sku) {
        self.run(&Command::Continue(sku)).expect("work is continued");
    }

    /// Continues the work on all products until nothing is left to do. Returns the number of steps.
    pub(crate) fn finish_work(&mut self) -> usize {
        let mut steps = 0;
        loop {
            let pending = self.products.values().find(|product| product.pending.is_some());
            let Some(sku) = pending.map(|product| product.sku.clone()) else {
                return steps;
            };
            self.continue_work(sku);
            steps += 1;
            assert!(steps < 10_000, "work comes to an end");
        }
    }

    /// Today.
    pub(crate) fn today(&self) -> Date {
        self.next_context().today
    }

    /// Tells what the day has changed, as the first sweep of the day does.
    pub(crate) fn pass_day(&mut self) {
        let today = self.today();
        let skus: Vec<Sku> = self.products.keys().cloned().collect();
        for sku in skus {
            let pass = Command::PassDay(PassDay { sku, today });
            while self.run(&pass) == Ok(Outcome::DayPassed { done: false }) {}
        }
    }

    /// Lets days pass, with the first sweep of the last of them.
    pub(crate) fn advance_days(&mut self, days: i64) {
        self.advance_clock(days * 24 * 60 * 60);
        self.pass_day();
    }

    /// Ends one due hold on these products: the least that a sweep can do in one transaction.
    fn end_holds(&mut self, skus: BTreeSet<Sku>) {
        let now = self.context(self.ticks + 1).now;
        let due = |line: &&LineRecord| {
            line.terms.hold_until.is_some_and(|deadline| deadline <= now) && skus.contains(&line.sku)
        };
        let orders = self
            .lines
            .values()
            .filter(due)
            .take(1)
            .map(|line| line.terms.key.order.clone())
            .collect();
        self.run(&Command::ExpireHolds(ExpireHolds { at: now, skus, orders }))
            .expect("holds end");
    }

    /// Ends all due holds.
    pub(crate) fn sweep(&mut self) {
        loop {
            let now = self.context(self.ticks + 1).now;
            let due = self
                .products
                .values()
                .filter(|product| product.next_expiry.is_some_and(|next| next <= now));
            let skus: BTreeSet<Sku> = due.map(|product| product.sku.clone()).collect();
            if skus.is_empty() {
                return;
            }
            self.end_holds(skus);
        }
    }

    /// Sets the clock to the time of another shop.
    pub(crate) const fn set_clock_by(&mut self, other: &Self) {
        self.ticks = other.ticks;
    }

    /// Lets time pass.
    pub(crate) fn advance_clock(&mut self, seconds: i64) {
        self.ticks += seconds * 1_000_000;
    }

    /// The context of the next command.
    pub(crate) fn next_context(&self) -> DecisionContext {
        self.context(self.ticks + 1)
    }

    fn context(&self, tick: i64) -> DecisionContext {
        let noon = jiff::tz::Offset::UTC
            .to_timestamp(day(0).at(12, 0, 0, 0))
            .expect("an instant");
        let now = Timestamp::from_microsecond(noon.as_microsecond() + tick).expect("an instant");
        DecisionContext {
            now,
            today: Calendar::UTC.day_of(now),
            actor: Arc::from("test"),
            correlation_id: Arc::from("test"),
            promising: self.promising,
        }
    }

    /// The events after the first `n`, each by name and order.
    pub(crate) fn events_since(&self, n: usize) -> Vec<String> {
        self.events[n..]
            .iter()
            .map(|event| match event.fact.line() {
                Some(key) => format!("{} {}", event.fact.name(), key.order),
                None => event.fact.name().to_owned(),
            })
            .collect()
    }

    pub(crate) fn available(&self, batch: &str) -> u64 {
        let record = &self.batches[&reference(batch)];
        u64::from(record.quantity.get()) - record.allocated.get() - record.dispatched.get()
    }

    pub(crate) fn state(&self, order_id: &str, line: &str) -> Option<LineState> {
        self.lines.get(&key(order_id, line)).map(|line| line.state)
    }

    /// The day that the line of an order is promised for, whose id is its SKU.
    pub(crate) fn promised_on(&self, order_id: &str) -> Option<Date> {
        self.lines[&key(order_id, "LAMP")].promise.on
    }

    /// The units of a line, by batch.
    pub(crate) fn units_of(&self, order_id: &str, line: &str) -> Vec<(String, u32)> {
        self.allocations
            .values()
            .filter(|allocation| allocation.key == key(order_id, line))
            .map(|allocation| (allocation.batch.to_string(), allocation.quantity.get()))
            .collect()
    }

    pub(crate) fn store(&mut self, changes: ChangeSet) {
        for change in changes.products {
            let before = self.products.insert(change.record.sku.clone(), change.record);
            assert_eq!(before.map(|record| record.version), change.read_version);
        }
        for released in changes.released {
            self.batches.get_mut(&released.batch).expect("a batch").allocated = self.batches[&released.batch]
                .allocated
                .checked_sub(released.quantity.units())
                .expect("units");
            let removed = self.allocations.remove(&(released.key.clone(), released.batch.clone()));
            assert_eq!(removed, Some(released));
        }
        for returned in changes.returned {
            let batch = self.batches.get_mut(&returned.batch).expect("a batch");
            batch.dispatched = batch.dispatched.checked_sub(returned.quantity.units()).expect("units");
            let id = (
                returned.key.clone(),
                returned.batch.clone(),
                returned.dispatched_version,
            );
            let removed = self.dispatches.remove(&id);
            assert_eq!(removed, Some(returned));
        }
        for change in changes.batches {
            match change {
                Change::New(batch) => {
                    let fresh = BatchRecord {
                        allocated: Units::ZERO,
                        dispatched: Units::ZERO,
                        ..batch
                    };
                    assert_eq!(self.batches.insert(fresh.reference.clone(), fresh), None);
                }
                Change::Changed(batch) => {
                    let stored = self.batches.get_mut(&batch.reference).expect("a batch");
                    *stored = BatchRecord {
                        allocated: stored.allocated,
                        dispatched: stored.dispatched,
                        ..batch
                    };
                }
            }
        }
        for change in changes.orders {
            let new = matches!(change, Change::New(_));
            let order = change.value().clone();
            assert_eq!(self.orders.insert(order.id.clone(), order).is_none(), new);
        }
        for change in changes.lines {
            let new = matches!(change, Change::New(_));
            let line = change.value().clone();
            assert_eq!(self.lines.insert(line.terms.key.clone(), line).is_none(), new);
        }
        for earmarked in changes.earmarked {
            let batch = self.batches.get_mut(&earmarked.batch).expect("a batch");
            batch.allocated = batch.allocated.checked_add(earmarked.quantity.units()).expect("units");
            let id = (earmarked.key.clone(), earmarked.batch.clone());
            assert_eq!(self.allocations.insert(id, earmarked), None);
        }
        for dispatched in changes.dispatched {
            let batch = self.batches.get_mut(&dispatched.batch).expect("a batch");
            batch.dispatched = batch
                .dispatched
                .checked_add(dispatched.quantity.units())
                .expect("units");
            let id = (
                dispatched.key.clone(),
                dispatched.batch.clone(),
                dispatched.dispatched_version,
            );
            assert_eq!(self.dispatches.insert(id, dispatched), None);
        }
        self.events.extend(changes.events);
    }

    /// Checks the records against every invariant and against the events.
    pub(crate) fn check(&self) {
        let found = self.discrepancies();
        assert!(found.is_empty(), "{found:#?}");
        let placed = self
            .events
            .iter()
            .filter(|e| matches!(e.fact, Fact::OrderPlaced { .. }))
            .filter_map(Event::order);
        let changed = self
            .events
            .iter()
            .filter(|e| matches!(e.fact, Fact::OrderChanged { .. }));
        let told: BTreeSet<&OrderId> = placed.chain(changed.filter_map(Event::order)).collect();
        assert_eq!(told, self.orders.keys().collect());
        for line in self.lines.values().filter(|line| line.state.is_open()) {
            let header = self.orders.get(&line.terms.key.order);
            let of_order = header.map(|header| header.precedence).unwrap_or_default();
            assert_eq!(line.terms.precedence, of_order, "a line has its order's precedence");
            let deadline = line.terms.hold_until;
            assert!(deadline.is_none() || deadline == header.and_then(|header| header.hold_until));
        }
    }

    /// What the audit finds in the records.
    pub(crate) fn discrepancies(&self) -> Vec<String> {
        let found = self.products.values().flat_map(|product| audit(&self.history(product)));
        found.map(|discrepancy| discrepancy.0).collect()
    }

    fn history(&self, product: &ProductRecord) -> ProductHistory {
        let own = |line: &&LineRecord| line.sku == product.sku;
        let lines: Vec<LineRecord> = self.lines.values().filter(own).cloned().collect();
        let keys: BTreeSet<&LineKey> = lines.iter().map(|line| &line.terms.key).collect();
        let events = self.events.iter().zip(1..);
        let events = events.filter(|(event, _)| event.product().is_some_and(|(sku, _)| *sku == product.sku));
        let allocations = self
            .allocations
            .values()
            .filter(|allocation| keys.contains(&allocation.key));
        let dispatches = self.dispatches.values().filter(|dispatch| keys.contains(&dispatch.key));
        let batches = self.batches.values().filter(|batch| batch.sku == product.sku);
        ProductHistory {
            product: product.clone(),
            batches: batches.cloned().collect(),
            allocations: allocations.cloned().collect(),
            dispatches: dispatches.cloned().collect(),
            events: events
                .map(|(event, sequence)| SequencedEvent {
                    sequence,
                    event: event.clone(),
                })
                .collect(),
            lines,
        }
    }
}
