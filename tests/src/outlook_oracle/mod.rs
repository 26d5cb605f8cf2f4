//! What planners are told, worked out the plain way: from all lines, batches and events, without any index.
//!
//! Which lines and batches belong to a list, in which order, with which days and sums, is written here once more. What
//! would help a line, and which other stock is free for it, is taken from the domain: from stock that is gathered here.

mod lists;
mod risks;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use earmark_application::{
    Counted, LineAtRisk, LineFilter, LineRead, Page, StoreError, WaitingLine, backlog_by_age, changes_since,
    ending_holds, late_batches, lines_at_risk, lines_of_batch, waiting_lines,
};
use earmark_domain::{
    Age, AllocationRecord, BatchRecord, LineKey, LineRecord, LineState, OpenStock, ProductRecord, Promising, RiskKind,
    SequencedEvent, Sku, Standing, Units,
};
use jiff::civil::Date;
use jiff::{Timestamp, Unit};

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
