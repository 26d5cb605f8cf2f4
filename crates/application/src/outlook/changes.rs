//! What has changed since an event: what has become of each line all in all, and not what happened to it one by one.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{LineKey, NetChange, OrderId, SequencedEvent, Sku, Standing};

use crate::ports::{EventFeed, EventFilter, Page};
use crate::store_error::StoreError;

/// How many events are read at once.
const EVENTS_AT_ONCE: usize = 500;

/// How many events a page looks at for lines that have changed.
const MAX_EVENTS_READ: usize = 2_000;

/// How many events of orders a page reads to find out what has become of their lines, but for those of its last order.
const MAX_HISTORY_READ: usize = 5_000;

/// What has become of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineChange {
    /// The line.
    pub key: LineKey,
    /// The product it wants.
    pub sku: Sku,
    /// What has become of it.
    pub change: NetChange,
    /// Where it stood.
    pub from: Standing,
    /// Where it stands.
    pub to: Standing,
    /// The sequence of the first event about it since then. The list is in this order.
    pub sequence: u64,
}

/// What has become of lines since the event `since`: in the order in which they were first concerned, from the one behind the
/// event `after` on, at most `limit`. There may be fewer than asked for, or none, though the list goes on. Lines that have
/// left or were cancelled are not among them, nor those that stand as they stood.
///
/// # Errors
/// When the store does not answer.
pub async fn changes_since(
    events: &dyn EventFeed,
    since: u64,
    after: Option<u64>,
    limit: usize,
) -> Result<Page<LineChange, u64>, StoreError> {
    let mut cursor = after.unwrap_or(since).max(since);
    let mut histories = Histories {
        events,
        since,
        orders: BTreeMap::new(),
        read: 0,
    };
    let (mut items, mut looked_at) = (Vec::new(), 0);
    let mut seen = BTreeSet::new();
    loop {
        let page = events.events(&EventFilter::default(), cursor, EVENTS_AT_ONCE).await?;
        for event in &page.events {
            if items.len() >= limit || looked_at >= MAX_EVENTS_READ || histories.read >= MAX_HISTORY_READ {
                return Ok(Page {
                    items,
                    next: Some(cursor),
                });
            }
            looked_at += 1;
            cursor = event.sequence;
            let Some(key) = event.event.fact.line() else { continue };
            if !seen.insert(key.clone()) {
                continue;
            }
            items.extend(histories.change(key, event).await?);
        }
        if page.complete {
            return Ok(Page { items, next: None });
        }
        cursor = page.next;
    }
}

/// Where a line stood and stands.
#[derive(Debug, Clone, Default)]
struct History {
    before: Standing,
    now: Standing,
    /// The product it wants now: an order that was replaced, or placed again, may name its lines anew.
    sku: Option<Sku>,
    /// The first event about it since then.
    first: Option<u64>,
}

/// The lines of the orders that were looked at.
struct Histories<'e> {
    events: &'e dyn EventFeed,
    since: u64,
    orders: BTreeMap<OrderId, BTreeMap<LineKey, History>>,
    /// How many events were read.
    read: usize,
}

impl Histories<'_> {
    /// What has become of a line, if an event is the first about it.
    async fn change(&mut self, key: &LineKey, event: &SequencedEvent) -> Result<Option<LineChange>, StoreError> {
        if !self.orders.contains_key(&key.order) {
            let lines = self.read(&key.order).await?;
            self.orders.insert(key.order.clone(), lines);
        }
        let lines = self.orders.get(&key.order);
        let Some(history) = lines.and_then(|lines| lines.get(key)) else {
            return Ok(None);
        };
        let change = history.before.change_to(history.now);
        let (Some(change), Some(sku)) = (change, &history.sku) else {
            return Ok(None);
        };
        Ok((history.first == Some(event.sequence)).then(|| LineChange {
            key: key.clone(),
            sku: sku.clone(),
            change,
            from: history.before,
            to: history.now,
            sequence: event.sequence,
        }))
    }

    async fn read(&mut self, order: &OrderId) -> Result<BTreeMap<LineKey, History>, StoreError> {
        let filter = EventFilter {
            order: Some(order.clone()),
            ..EventFilter::default()
        };
        let mut lines: BTreeMap<LineKey, History> = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = self.events.events(&filter, after, EVENTS_AT_ONCE).await?;
            self.read += page.events.len();
            for event in &page.events {
                let fact = &event.event.fact;
                let Some(key) = fact.line() else { continue };
                let history = lines.entry(key.clone()).or_default();
                history.now = history.now.after(fact);
                history.sku = event.event.subject.sku().cloned().or(history.sku.take());
                if event.sequence <= self.since {
                    history.before = history.now;
                } else {
                    history.first = history.first.or(Some(event.sequence));
                }
            }
            if page.complete {
                return Ok(lines);
            }
            after = page.next;
        }
    }
}
