//! A shop with a store in memory: it keeps records in maps, loads what a scope names, and stores change sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_domain::{
    AllocationRecord, BACKLOG_PAGE, BatchPageEnd, BatchRecord, CHANGE_PAGE, Calendar, Change, ChangeSet, Command,
    DecisionContext, DispatchRecord, Event, ExpireHolds, Fact, JoinedOrder, LineKey, LineRecord, LineState, Loaded,
    NeedsAllBatches, NextHold, OrderId, OrderRecord, Outcome, PassDay, ProductHistory, ProductRecord, Promising,
    Reference, Refusal, ReleaseLines, ReleasePosition, ReleaseRead, ReleaseScope, Scope, SequencedEvent,
    ServicePosition, ServiceRead, Sku, UnitOfWork, Units, audit, is_overdue,
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

/// The outcome of each command, and what has to be stored.
pub(crate) type Decided = (Vec<Result<Outcome, Refusal>>, ChangeSet);

impl Shop {
    /// Runs one command in a transaction of its own.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        self.run_together(&[command]).remove(0)
    }

    /// Runs commands in one transaction.
    pub(crate) fn run_together(&mut self, commands: &[&Command]) -> Vec<Result<Outcome, Refusal>> {
        let many = i64::try_from(commands.len()).expect("a few");
        loop {
            match self.decide_together(commands) {
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
                .map(|(tick, command)| unit_of_work.decide(command, &self.context(tick)))
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

    pub(crate) fn load(&self, scope: &Scope) -> Loaded {
        let mut skus = scope.skus.clone();
        skus.extend(
            scope
                .batches
                .iter()
                .filter_map(|b| Some(self.batches.get(b)?.sku.clone())),
        );
        let mut keys: BTreeSet<LineKey> = scope.lines.clone();
        keys.extend(
            self.lines
                .keys()
                .filter(|key| scope.orders.contains(&key.order))
                .cloned(),
        );
        skus.extend(
            self.lines
                .values()
                .filter(|line| scope.orders.contains(&line.terms.key.order))
                .map(|line| line.sku.clone()),
        );
        let mut backlog = Vec::new();
        for product in skus.iter().filter_map(|sku| self.products.get(sku)) {
            let Some(page) = scope.backlog_of(product) else {
                continue;
            };
            let available = |split: bool| {
                let batches = self.batches.values().filter(|batch| batch.sku == product.sku);
                let units = batches.map(|batch| batch.available().get());
                if split { units.sum() } else { units.max().unwrap_or(0) }
            };
            let mut positions: Vec<ServicePosition> = self
                .lines
                .values()
                .filter(|line| line.sku == product.sku && line.state == LineState::Backordered)
                .filter(|line| !page.fitting || u64::from(line.terms.quantity.get()) <= available(line.terms.split))
                .map(LineRecord::service_position)
                .filter(|position| page.after.as_ref().is_none_or(|after| position > after))
                .collect();
            positions.sort();
            let more = positions.len() > BACKLOG_PAGE;
            positions.truncate(BACKLOG_PAGE);
            backlog.push(ServiceRead {
                sku: product.sku.clone(),
                until: positions.last().filter(|_| more).cloned(),
            });
            keys.extend(positions.into_iter().map(|position| position.key));
        }
        let products: Vec<ProductRecord> = skus.iter().filter_map(|sku| self.products.get(sku).cloned()).collect();
        let release = scope.release_of(&products);
        let (leaving, release_read) = release
            .as_ref()
            .map_or((Vec::new(), None), |need| self.to_release(need));
        keys.extend(leaving);
        let (improvable, improvable_read) = self.to_improve(scope, &products);
        keys.extend(improvable);
        let (broken, more_to_break) = self.to_break(scope);
        keys.extend(broken);
        let lines: Vec<LineRecord> = keys.iter().filter_map(|key| self.lines.get(key).cloned()).collect();
        let allocations: Vec<AllocationRecord> = self
            .allocations
            .values()
            .filter(|allocation| keys.contains(&allocation.key))
            .cloned()
            .collect();
        let dispatches: Vec<DispatchRecord> = self
            .dispatches
            .values()
            .filter(|dispatch| keys.contains(&dispatch.key))
            .cloned()
            .collect();
        let batches_of_lines: BTreeSet<&Reference> = allocations
            .iter()
            .map(|allocation| &allocation.batch)
            .chain(dispatches.iter().map(|dispatch| &dispatch.batch))
            .collect();
        let next_hold = |sku: &Sku| NextHold {
            sku: sku.clone(),
            at: self
                .lines
                .values()
                .filter(|line| line.sku == *sku && !scope.orders.contains(&line.terms.key.order))
                .filter_map(|line| line.terms.hold_until)
                .min(),
        };
        let mut first_page = BTreeSet::new();
        let mut batch_pages_cut = Vec::new();
        for sku in &skus {
            let mut open: Vec<&BatchRecord> = self
                .batches
                .values()
                .filter(|batch| batch.sku == *sku && self.available(batch.reference.as_str()) > 0)
                .collect();
            open.sort_by_key(|batch| batch.preference());
            if open.len() > FIRST_PAGE && !scope.all_batches_of.contains(sku) {
                open.truncate(FIRST_PAGE);
                batch_pages_cut.push(BatchPageEnd {
                    sku: sku.clone(),
                    after: open[FIRST_PAGE - 1].preference(),
                });
            }
            first_page.extend(open.into_iter().map(|batch| &batch.reference));
        }
        let batches = self
            .batches
            .values()
            .filter(|batch| {
                first_page.contains(&batch.reference)
                    || scope.batches.contains(&batch.reference)
                    || release.as_ref().is_some_and(|need| need.batch == batch.reference)
                    || batches_of_lines.contains(&batch.reference)
                    || (skus.contains(&batch.sku) && scope.day.is_some_and(|day| is_untold(batch, day)))
            })
            .cloned()
            .collect();
        Loaded {
            processed: BTreeSet::new(),
            products,
            release: release_read,
            batches,
            batch_pages_cut,
            known_locations: (scope.locations.iter())
                .filter(|location| self.batches.values().any(|batch| batch.location == **location))
                .cloned()
                .collect(),
            orders: (scope.orders.iter().chain(&scope.joined))
                .filter_map(|id| self.orders.get(id).cloned())
                .collect(),
            joined: scope.joined.iter().filter_map(|id| self.joined(id)).collect(),
            lines,
            allocations,
            dispatches,
            next_holds: scope.holds.iter().map(next_hold).collect(),
            backlog,
            improvable: improvable_read,
            more_to_break,
        }
    }

    /// An order that a line is added to.
    fn joined(&self, id: &OrderId) -> Option<JoinedOrder> {
        let lines = self.lines.values().filter(|line| line.terms.key.order == *id);
        let lines: BTreeSet<_> = lines.map(|line| (line.state, line.terms.hold_until)).collect();
        let id = id.clone();
        (!lines.is_empty()).then_some(JoinedOrder { id, lines })
    }

    /// The ETAs of the batches a line has units in.
    fn etas_of(&self, line: &LineRecord) -> Vec<Option<Date>> {
        let own = self.allocations.values().filter(|one| one.key == line.terms.key);
        own.map(|one| self.batches[&one.batch].eta).collect()
    }

    fn to_improve(&self, scope: &Scope, products: &[ProductRecord]) -> (Vec<LineKey>, Option<ServiceRead>) {
        let Some(page) = scope.improvement_of(products) else {
            return (Vec::new(), None);
        };
        let on_overdue = |line: &LineRecord| {
            let mut own = self.allocations.values().filter(|one| one.key == line.terms.key);
            own.any(|one| self.batches[&one.batch].overdue)
        };
        let may_move = |line: &&LineRecord| {
            let etas = self.etas_of(line);
            line.sku == page.sku
                && etas.iter().any(Option::is_some)
                && (!page.at_risk || line.may_be_at_risk(on_overdue(line)))
                && page.after.as_ref().is_none_or(|after| line.service_position() > *after)
        };
        let mut positions: Vec<ServicePosition> = self
            .lines
            .values()
            .filter(may_move)
            .map(LineRecord::service_position)
            .collect();
        positions.sort();
        let most = self.change_page.unwrap_or(CHANGE_PAGE);
        let more = positions.len() > most;
        positions.truncate(most);
        let read = ServiceRead {
            sku: page.sku,
            until: positions.last().filter(|_| more).cloned(),
        };
        (positions.into_iter().map(|position| position.key).collect(), Some(read))
    }

    fn to_break(&self, scope: &Scope) -> (Vec<LineKey>, bool) {
        let Some(day) = scope.day else {
            return (Vec::new(), false);
        };
        let breaks = |line: &&LineRecord| {
            scope.skus.contains(&line.sku)
                && line.promise.due_by.is_some_and(|due_by| due_by <= day)
                && self.etas_of(line).iter().any(|eta| is_overdue(*eta, day))
        };
        let mut keys: Vec<LineKey> = self
            .lines
            .values()
            .filter(breaks)
            .map(|line| line.key().clone())
            .collect();
        let most = self.change_page.unwrap_or(CHANGE_PAGE);
        let more = keys.len() > most;
        keys.truncate(most);
        (keys, more)
    }

    fn to_release(&self, need: &ReleaseScope) -> (Vec<LineKey>, Option<ReleaseRead>) {
        let Some(batch) = self.batches.get(&need.batch) else {
            return (Vec::new(), None);
        };
        let held = self.allocations.values().filter(|a| a.batch == need.batch);
        let mut candidates: Vec<(ReleasePosition, &AllocationRecord)> = held
            .map(|allocation| {
                let position = ReleasePosition {
                    rank: allocation.release_rank,
                    allocated_version: allocation.allocated_version,
                    line: self.lines[&allocation.key].service_position(),
                };
                (position, allocation)
            })
            .collect();
        candidates.sort_by(|(a, _), (b, _)| a.cmp(b));
        let committed = batch.allocated.get() + batch.dispatched.get();
        let mut excess = match &need.lines {
            ReleaseLines::All => u64::MAX,
            ReleaseLines::Beyond(to) => committed.saturating_sub(to.units().get()),
            ReleaseLines::LastFirst { after } => {
                candidates.reverse();
                candidates.retain(|(position, _)| after.as_ref().is_none_or(|after| position < after));
                u64::MAX
            }
        };
        let page = self.change_page.unwrap_or(CHANGE_PAGE);
        let mut chosen = Vec::new();
        let mut more = false;
        for (_, allocation) in candidates {
            if excess == 0 {
                break;
            }
            if chosen.len() == page {
                more = true;
                break;
            }
            excess = excess.saturating_sub(u64::from(allocation.quantity.get()));
            chosen.push(allocation.key.clone());
        }
        let batch = need.batch.clone();
        (chosen, Some(ReleaseRead { batch, more }))
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

/// Whether a batch is overdue on a day, and that was not told.
fn is_untold(batch: &BatchRecord, day: Date) -> bool {
    is_overdue(batch.eta, day) && !batch.overdue && !batch.closed
}
