//! What planners are told, worked out the plain way: from all lines, batches and events, without any index.
//!
//! Which lines and batches belong to a list, in which order, with which days and sums, is written here once more. What
//! would help a line, and which other stock is free for it, is taken from the domain: from stock that is gathered here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use earmark_application::{
    AgeClass, Counted, EndingHolds, HOLDS_END_WITHIN, Hits, LateBatch, LineAtRisk, LineChange, LineFilter, LineOfBatch,
    LineRead, Page, StoreError, WaitingLine, backlog_by_age, changes_since, ending_holds, late_batches, lines_at_risk,
    lines_of_batch, waiting_lines,
};
use earmark_domain::{
    Age, AllocationRecord, BatchRecord, BatchView, Hit, LineInBatch, LineKey, LineRecord, LineState, NetChange,
    OpenStock, ProductRecord, Promising, Reference, Risk, RiskKind, SequencedEvent, Sku, Standing, Units,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, Unit};

use crate::shop::Shop;

/// How many rows are read at once: few, so that reading needs several pages.
const PAGE: usize = 50;

/// The sizes of pages that each list is read in.
const SIZES: [usize; 3] = [1, 3, 500];

/// Where each line stood after an event.
#[derive(Debug, Clone)]
pub struct Mark {
    sequence: u64,
    standings: BTreeMap<LineKey, Standing>,
}

impl Mark {
    /// Where each line stands now.
    pub async fn of(shop: &Shop) -> Self {
        let lines = exported_lines(shop).await;
        let standing = |line: &LineRead| (line.record.terms.key.clone(), stands(&line.record));
        Self {
            sequence: shop.reads.last_event().await.expect("an answer"),
            standings: lines.iter().map(standing).collect(),
        }
    }
}

/// Where a line stands, by its stored state.
fn stands(line: &LineRecord) -> Standing {
    match line.state {
        LineState::Held | LineState::Allocated => Standing::Promised(line.promise.on.expect("it has units")),
        LineState::Backordered => Standing::Waiting,
        LineState::Dispatched => Standing::Left,
        LineState::Cancelled | LineState::Expired => Standing::Ended,
        LineState::Refused => Standing::Absent,
    }
}

/// The days from one day to a later one.
fn days(from: Date, to: Date) -> u32 {
    let span = to.since((Unit::Day, from)).expect("both are days");
    u32::try_from(span.get_days()).unwrap_or(0)
}

async fn exported_lines(shop: &Shop) -> Vec<LineRead> {
    let mut lines: Vec<LineRead> = Vec::new();
    loop {
        let after = lines.last().map(|line| line.record.terms.key.clone());
        let page = shop.reads.lines(LineFilter::All, after.as_ref(), PAGE).await;
        let page = page.expect("lines");
        if page.is_empty() {
            return lines;
        }
        lines.extend(page);
    }
}

/// All that is stored, as it counts at an instant of a day.
struct Books {
    now: Timestamp,
    today: Date,
    promising: Promising,
    /// By key, with what has left of them.
    lines: Vec<LineRead>,
    /// By reference, without the units of holds that have ended.
    batches: Vec<BatchRecord>,
    allocations: Vec<AllocationRecord>,
    products: BTreeMap<Sku, ProductRecord>,
    events: Vec<SequencedEvent>,
}

impl Books {
    async fn read(shop: &Shop) -> Self {
        let orders: BTreeSet<_> = exported_lines(shop)
            .await
            .into_iter()
            .map(|line| line.record.terms.key.order)
            .collect();
        let mut lines = Vec::new();
        for id in &orders {
            let order = shop.reads.order(id).await.expect("an order");
            lines.extend(order.expect("it exists").lines);
        }
        let mut batches: Vec<BatchRecord> = Vec::new();
        loop {
            let after = batches.last().map(|batch| batch.reference.clone());
            let page = shop.reads.batches(after.as_ref(), PAGE).await.expect("batches");
            if page.is_empty() {
                break;
            }
            batches.extend(page);
        }
        let mut products = BTreeMap::new();
        let of_batches = batches.iter().map(|batch| &batch.sku);
        for sku in of_batches.chain(lines.iter().map(|line| &line.record.sku)) {
            let stored = shop.reads.audited_product(sku).await.expect("an answer");
            products.extend(stored.map(|stored| (sku.clone(), stored.product)));
        }
        let audited = shop.audited_orders().await;
        let mut books = Self {
            now: shop.now(),
            today: shop.today(),
            promising: shop.promising,
            lines,
            batches,
            allocations: audited.into_iter().flat_map(|order| order.allocations).collect(),
            products,
            events: shop.events().await,
        };
        for allocation in &books.allocations {
            if books.holds(&allocation.key) {
                continue;
            }
            let batch = books
                .batches
                .iter_mut()
                .find(|batch| batch.reference == allocation.batch);
            let batch = batch.expect("the batch of an allocation");
            batch.allocated = Units::new(batch.allocated.get() - u64::from(allocation.quantity.get()));
        }
        books
    }

    fn line(&self, key: &LineKey) -> &LineRead {
        let found = self.lines.iter().find(|line| line.record.terms.key == *key);
        found.expect("the line of an allocation")
    }

    /// The state of a line, with the deadline that may have passed.
    fn state(&self, line: &LineRecord) -> LineState {
        match line.terms.hold_until {
            Some(deadline) if self.now >= deadline => LineState::Expired,
            _ => line.state,
        }
    }

    /// Whether a line holds its units.
    fn holds(&self, key: &LineKey) -> bool {
        let state = self.state(&self.line(key).record);
        matches!(state, LineState::Held | LineState::Allocated)
    }

    fn leaves(&self, eta: Option<Date>) -> Date {
        let tomorrow = self.today.tomorrow().expect("a day");
        eta.map_or(self.today, |eta| if eta < self.today { tomorrow } else { eta })
    }

    fn leave(&self, line: &LineRead) -> Option<Date> {
        line.allocations.iter().map(|(_, eta)| self.leaves(*eta)).max()
    }

    fn is_late(&self, line: &LineRead) -> bool {
        let required_by = line.record.terms.precedence.required_by();
        self.holds(line.record.key()) && required_by.is_some() && line.record.promise.due_by.is_none()
    }

    fn waiting(&self) -> impl Iterator<Item = &LineRead> {
        let waits = |line: &&LineRead| self.state(&line.record) == LineState::Backordered;
        self.lines.iter().filter(waits)
    }

    /// The day of the last event that told by when a line leaves.
    fn told_on(&self, key: &LineKey) -> Date {
        const TELL: [&str; 6] = [
            "Allocated",
            "Reallocated",
            "PromiseChanged",
            "PromiseBroken",
            "LineChanged",
            "DispatchUndone",
        ];
        let tells =
            |event: &&SequencedEvent| event.event.fact.line() == Some(key) && TELL.contains(&event.event.fact.name());
        let last = self
            .events
            .iter()
            .rfind(tells)
            .expect("a line that is promised was told");
        last.event.decided_on
    }

    fn at_risk(
        &self,
        line: &LineRead,
        kind: RiskKind,
        days: u32,
        batch: Option<&Reference>,
        since: Date,
    ) -> LineAtRisk {
        LineAtRisk {
            line: line.clone().view(self.now, self.today),
            required_by: line.record.terms.precedence.required_by(),
            risk: Risk {
                kind,
                days,
                batch: batch.cloned(),
            },
            since,
        }
    }

    fn promised_late(&self) -> Vec<LineAtRisk> {
        let mut late: Vec<&LineRead> = self.lines.iter().filter(|line| self.is_late(line)).collect();
        late.sort_by_key(|line| line.record.terms.precedence.required_by());
        let at_risk = |line: &LineRead| {
            let required = line.record.terms.precedence.required_by().expect("it is late");
            let leaves = self.leave(line).max(line.record.promise.on).expect("it has units");
            let last = self.leave(line).expect("it has units");
            let parts = line.allocations.iter();
            let (part, _) = parts.rev().find(|(_, eta)| self.leaves(*eta) == last).expect("a part");
            let since = self.told_on(line.record.key());
            self.at_risk(
                line,
                RiskKind::PromisedLate,
                days(required, leaves),
                Some(&part.batch),
                since,
            )
        };
        late.into_iter().map(at_risk).collect()
    }

    fn is_overdue(&self, batch: &BatchRecord) -> bool {
        !batch.closed && batch.eta.is_some_and(|eta| eta < self.today)
    }

    /// The lines with units in a batch, and how many: the last to leave it first.
    fn in_batch(&self, batch: &Reference) -> Vec<(&LineRead, u64)> {
        let mut held: Vec<&AllocationRecord> = self.allocations.iter().filter(|held| held.batch == *batch).collect();
        held.sort_by_key(|held| {
            let (rank, line) = (held.release_rank, self.line(&held.key));
            let strongest_first = |precedence: earmark_domain::Precedence| {
                let by = precedence.required_by();
                (Reverse(precedence.priority()), by.is_none(), by)
            };
            (
                rank.is_held(),
                strongest_first(rank.precedence()),
                held.allocated_version,
                strongest_first(line.record.terms.precedence),
                line.record.placed_version,
                held.key.clone(),
            )
        });
        let lines = held
            .into_iter()
            .map(|held| (self.line(&held.key), u64::from(held.quantity.get())));
        lines.filter(|(line, _)| self.holds(line.record.key())).collect()
    }

    fn on_overdue_batches(&self) -> Vec<LineAtRisk> {
        let mut overdue: Vec<&BatchRecord> = self.batches.iter().filter(|batch| self.is_overdue(batch)).collect();
        overdue.sort_by_key(|batch| (batch.eta, &batch.sku, &batch.reference));
        let ordinal = |reference: &Reference| self.batches.iter().find(|batch| batch.reference == *reference);
        let mut found = Vec::new();
        for batch in overdue {
            for (line, _) in self.in_batch(&batch.reference) {
                let etas = line
                    .allocations
                    .iter()
                    .filter_map(|(part, eta)| Some(((*eta)?, &part.batch)));
                let first = etas.min_by_key(|(eta, of)| (*eta, ordinal(of).map(|batch| batch.ordinal)));
                let (eta, first) = first.expect("it has units in a batch that has not arrived");
                if first == &batch.reference && !self.is_late(line) {
                    let since = eta.tomorrow().expect("a day");
                    let days = days(eta, self.today);
                    found.push(self.at_risk(line, RiskKind::BatchOverdue, days, Some(first), since));
                }
            }
        }
        found
    }

    fn due(&self) -> Vec<LineAtRisk> {
        let day = |line: &LineRead| line.record.terms.precedence.required_by();
        let mut due: Vec<&LineRead> = self
            .waiting()
            .filter(|line| day(line).is_some_and(|day| day <= self.today))
            .collect();
        due.sort_by_key(|line| day(line));
        let at_risk = |line: &LineRead| {
            let required = day(line).expect("it is due");
            self.at_risk(line, RiskKind::Waiting, days(required, self.today), None, required)
        };
        due.into_iter().map(at_risk).collect()
    }

    /// The batches of a product with something available, in preference order.
    fn open_stock(&self, sku: &Sku) -> OpenStock {
        let free = |batch: &&BatchRecord| {
            batch.sku == *sku && batch.allocated.get() + batch.dispatched.get() < batch.quantity.units().get()
        };
        let mut batches: Vec<BatchRecord> = self.batches.iter().filter(free).cloned().collect();
        batches.sort_by_key(|batch| (batch.eta, batch.ordinal));
        OpenStock {
            product: self.products[sku].clone(),
            batches,
            until: None,
        }
    }

    fn lines_of_batch(&self, batch: &BatchRecord) -> Vec<LineOfBatch> {
        let lines = self.in_batch(&batch.reference);
        let given: Vec<LineInBatch> = lines
            .iter()
            .map(|(line, _)| LineInBatch {
                record: line.record.clone(),
                parts: line.allocations.clone(),
            })
            .collect();
        let stock = self.open_stock(&batch.sku);
        let hits = stock.whom_it_hits(&batch.reference, &given, self.promising, (self.now, self.today));
        let item = |((line, units), told): ((&LineRead, u64), Hit)| {
            let promise = line.record.promise;
            let required_by = line.record.terms.precedence.required_by();
            let counted_on = required_by.or(promise.first_on).or(promise.on);
            let leaves = self.leave(line).expect("it has units");
            let hit = match (counted_on, told) {
                (None, _) => Hit::Slack(0),
                (Some(by), _) if leaves <= by => Hit::Slack(days(leaves, by)),
                (Some(_), Hit::Movable(parts)) => {
                    let wanted: u64 = parts.iter().map(|part| u64::from(part.quantity.get())).sum();
                    assert_eq!(wanted, units, "all of its units move");
                    assert!(
                        parts.iter().all(|part| part.batch != batch.reference),
                        "they leave the batch"
                    );
                    Hit::Movable(parts)
                }
                (Some(by), _) => Hit::Hurt(days(by, leaves)),
            };
            LineOfBatch {
                line: line.clone().view(self.now, self.today),
                units: earmark_domain::Quantity::new(i128::from(units)).expect("a quantity"),
                counted_on,
                hit: Some(hit),
            }
        };
        lines.into_iter().zip(hits).map(item).collect()
    }

    fn late_batches(&self) -> Vec<LateBatch> {
        let is_late = |batch: &&BatchRecord| {
            let put_off = batch.created_eta.is_some() && batch.eta > batch.created_eta;
            !batch.closed && batch.eta.is_some() && (self.is_overdue(batch) || put_off)
        };
        let mut late: Vec<&BatchRecord> = self.batches.iter().filter(is_late).collect();
        late.sort_by_key(|batch| (batch.eta, &batch.sku, &batch.reference));
        let item = |batch: &BatchRecord| {
            let mut hits = Hits::default();
            for line in self.lines_of_batch(batch) {
                let counted = match line.hit {
                    Some(Hit::Hurt(_)) => &mut hits.hurt,
                    Some(Hit::Movable(_)) => &mut hits.movable,
                    _ => &mut hits.slack,
                };
                count(counted, u64::from(line.units.get()));
            }
            LateBatch {
                batch: BatchView::of(batch.clone(), self.products[&batch.sku].version),
                leaves_on: self.leaves(batch.eta),
                hits,
            }
        };
        late.into_iter().map(item).collect()
    }

    fn age(&self, line: &LineRead) -> Age {
        let waited = self.now.duration_since(line.record.terms.placed_at);
        match waited {
            waited if waited <= SignedDuration::from_hours(24) => Age::Day,
            waited if waited <= SignedDuration::from_hours(7 * 24) => Age::Week,
            waited if waited <= SignedDuration::from_hours(30 * 24) => Age::Month,
            _ => Age::Older,
        }
    }

    fn waiting_lines(&self) -> Vec<WaitingLine> {
        let mut waiting: Vec<&LineRead> = self.waiting().collect();
        waiting.sort_by_key(|line| line.record.terms.placed_at);
        let item = |line: &LineRead| {
            let stock = self.open_stock(&line.record.sku);
            let remedies = stock.remedies([&line.record], self.promising, (self.now, self.today));
            WaitingLine {
                line: line.clone().view(self.now, self.today),
                required_by: line.record.terms.precedence.required_by(),
                age: self.age(line),
                remedy: remedies.into_iter().next().flatten(),
            }
        };
        waiting.into_iter().map(item).collect()
    }

    fn classes(&self) -> Vec<AgeClass> {
        let class = |age| {
            let mut counted = Counted::default();
            for line in self.waiting().filter(|line| self.age(line) == age) {
                count(&mut counted, u64::from(line.record.terms.quantity.get()));
            }
            AgeClass {
                age,
                counted,
                more: false,
            }
        };
        [Age::Day, Age::Week, Age::Month, Age::Older].map(class).to_vec()
    }

    fn changes(&self, mark: &Mark) -> Vec<LineChange> {
        let change = |line: &LineRead| {
            let key = line.record.key();
            let (from, to) = (
                mark.standings.get(key).copied().unwrap_or_default(),
                stands(&line.record),
            );
            let change = match (from, to) {
                (Standing::Absent | Standing::Ended, Standing::Waiting | Standing::Promised(_)) => NetChange::New,
                (Standing::Waiting, Standing::Promised(_)) => NetChange::Improved,
                (Standing::Promised(_), Standing::Waiting) => NetChange::Lost,
                (Standing::Promised(before), Standing::Promised(now)) if now < before => NetChange::Improved,
                (Standing::Promised(before), Standing::Promised(now)) if now > before => NetChange::Delayed,
                _ => return None,
            };
            let mut later = self.events.iter().filter(|event| event.sequence > mark.sequence);
            let first = later.find(|event| event.event.fact.line() == Some(key));
            Some(LineChange {
                key: key.clone(),
                sku: line.record.sku.clone(),
                change,
                from,
                to,
                sequence: first.expect("what has changed was told").sequence,
            })
        };
        let mut changes: Vec<LineChange> = self.lines.iter().filter_map(change).collect();
        changes.sort_by_key(|change| change.sequence);
        changes
    }

    fn held(&self) -> impl Iterator<Item = &LineRead> {
        self.lines
            .iter()
            .filter(|line| self.state(&line.record) == LineState::Held)
    }

    fn ending_holds(&self) -> Vec<EndingHolds> {
        let mut products: BTreeMap<&Sku, EndingHolds> = BTreeMap::new();
        let until = HOLDS_END_WITHIN.map(|minutes| self.now + SignedDuration::from_mins(minutes));
        for line in self.held() {
            let deadline = line.record.terms.hold_until.expect("it is held");
            if deadline > until[3] {
                continue;
            }
            let sku = &line.record.sku;
            let ending = products.entry(sku).or_insert_with(|| EndingHolds {
                sku: sku.clone(),
                first: deadline,
                units: vec![Units::ZERO; 4],
            });
            ending.first = ending.first.min(deadline);
            for (units, _) in ending
                .units
                .iter_mut()
                .zip(until)
                .filter(|(_, until)| deadline <= *until)
            {
                *units = Units::new(units.get() + u64::from(line.record.terms.quantity.get()));
            }
        }
        products.into_values().collect()
    }

    fn held_units(&self, sku: &Sku) -> Vec<(Reference, Units)> {
        let mut held: BTreeMap<Reference, u64> = BTreeMap::new();
        for line in self.held().filter(|line| line.record.sku == *sku) {
            let own = self.allocations.iter().filter(|own| own.key == *line.record.key());
            own.for_each(|own| *held.entry(own.batch.clone()).or_default() += u64::from(own.quantity.get()));
        }
        held.into_iter()
            .map(|(batch, units)| (batch, Units::new(units)))
            .collect()
    }
}

fn count(counted: &mut Counted, units: u64) {
    counted.lines += 1;
    counted.units = Units::new(counted.units.get() + units);
}

/// A list, read page by page.
async fn read_whole<T, Place, Read>(mut read: impl FnMut(Option<Place>) -> Read) -> Vec<T>
where
    Read: Future<Output = Result<Page<T, Place>, StoreError>>,
{
    let (mut items, mut after) = (Vec::new(), None);
    for _ in 0..10_000 {
        let page = read(after).await.expect("a page");
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return items;
        }
    }
    unreachable!("the list has an end")
}

fn assert_same<T: Debug + PartialEq>(read: &[T], expected: &[T], what: &str, books: &Books) {
    assert!(
        read == expected,
        "{what} on {} at {}\nread: {read:#?}\nexpected: {expected:#?}",
        books.today,
        books.now
    );
}

/// Asserts that planners are told now what is worked out the plain way. `marks`: since when they ask what has changed.
///
/// # Panics
/// When they are not.
pub async fn assert_outlook(shop: &Shop, marks: &[Mark]) {
    let books = Books::read(shop).await;
    let at = (books.now, books.today);
    let promising = books.promising;
    let reads = shop.reads.as_ref();
    let by_kind = [
        (RiskKind::PromisedLate, books.promised_late()),
        (RiskKind::BatchOverdue, books.on_overdue_batches()),
        (RiskKind::Waiting, books.due()),
    ];
    let all: Vec<LineAtRisk> = by_kind.iter().flat_map(|(_, lines)| lines.clone()).collect();
    for size in SIZES {
        let read = read_whole(|after| lines_at_risk((reads, reads), None, after, at, size)).await;
        assert_same(&read, &all, "lines at risk", &books);
        for (kind, lines) in &by_kind {
            let read = read_whole(|after| lines_at_risk((reads, reads), Some(*kind), after, at, size)).await;
            assert_same(&read, lines, kind.as_str(), &books);
        }
        let read =
            read_whole(|after| async move { late_batches(reads, promising, after.as_ref(), at, size).await }).await;
        assert_same(&read, &books.late_batches(), "late batches", &books);
        for batch in &books.batches {
            let reference = &batch.reference;
            let read = read_whole(|after| async move {
                lines_of_batch(reads, promising, (reference, after.as_ref()), at, size).await
            });
            assert_same(&read.await, &books.lines_of_batch(batch), reference.as_str(), &books);
        }
        let waiting = books.waiting_lines();
        for age in [
            None,
            Some(Age::Day),
            Some(Age::Week),
            Some(Age::Month),
            Some(Age::Older),
        ] {
            let read =
                read_whole(
                    |after| async move { waiting_lines(reads, promising, (age, after.as_ref()), at, size).await },
                );
            let of_age = waiting.iter().filter(|line| age.is_none_or(|age| line.age == age));
            let of_age: Vec<WaitingLine> = of_age.cloned().collect();
            assert_same(&read.await, &of_age, "waiting lines", &books);
        }
        for mark in marks {
            let read = read_whole(|after| changes_since(reads, mark.sequence, after, size)).await;
            assert_same(&read, &books.changes(mark), "changes", &books);
        }
        let read = read_whole(|after| async move { ending_holds(reads, after.as_ref(), at.0, size).await }).await;
        assert_same(&read, &books.ending_holds(), "ending holds", &books);
    }
    let read = backlog_by_age(reads, at.0).await.expect("the backlog");
    assert_same(&read, &books.classes(), "the backlog by age", &books);
    for sku in books.products.keys() {
        let read = reads.held_units(sku, at.0).await.expect("held units");
        assert_same(&read, &books.held_units(sku), "held units", &books);
    }
    let skus: BTreeSet<Sku> = books.products.keys().cloned().collect();
    let read = reads.open_stock(&skus, at.0, 500).await.expect("open stock");
    let open: Vec<OpenStock> = skus.iter().map(|sku| books.open_stock(sku)).collect();
    assert_same(&read, &open, "open stock", &books);
}
