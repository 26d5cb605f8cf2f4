//! The tally: what the events of an interval were about, in bounded memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use earmark_domain::{Fact, LineKey, MoveReason, Reference, SequencedEvent, ShortageOutcome, Sku};
use jiff::Timestamp;
use jiff::civil::Date;

/// The events that buyers want to hear of.
pub(super) const TOLD: [&str; 4] = ["OutOfStock", "Backordered", "PromiseBroken", "BatchOverdue"];

/// The most products, refused lines, promises and batches that are remembered, of each: some ten megabytes. What comes
/// beyond is counted.
pub(super) const MAX_REMEMBERED: usize = 100_000;

/// What the events were about.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many events it has.
    pub(super) events: u64,
    /// When the first of them occurred,
    pub(super) first: Option<Timestamp>,
    /// and the last.
    pub(super) last: Option<Timestamp>,
    /// The last one's sequence.
    pub(super) end: Option<u64>,
    short: BTreeMap<Sku, Shortage>,
    refused: usize,
    broken: BTreeMap<LineKey, Broken>,
    overdue: BTreeMap<Reference, Late>,
    /// Shortages of products, promises and batches that are not remembered.
    pub(super) forgotten: Forgotten,
}

/// How many events are about what is not remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Forgotten {
    pub(super) shortages: u64,
    pub(super) promises: u64,
    pub(super) batches: u64,
}

/// How a product was short.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Shortage {
    /// Units that lines lacked, whether they wait or were refused.
    units: u64,
    /// The lines that were refused, with the units that each lacked the last time.
    refused: BTreeMap<LineKey, u64>,
    /// Refusals of lines that are not remembered, and the units that they lacked.
    forgotten: (u64, u64),
}

impl Shortage {
    /// How many lines were refused, and how many units they lacked.
    pub(super) fn refused(&self) -> (u64, u64) {
        let (more_lines, more_units) = self.forgotten;
        let units = (self.refused.values()).fold(more_units, |sum, units| sum.saturating_add(*units));
        (more_lines.saturating_add(self.refused.len() as u64), units)
    }
}

/// A promise that was broken, as it was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) sku: Sku,
    pub(super) required_by: Date,
    pub(super) promised_on: Date,
    pub(super) why: MoveReason,
}

/// A batch that is overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) sku: Sku,
    pub(super) eta: Date,
}

impl Tally {
    /// Whether there was nothing to tell.
    pub(super) const fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Takes an event in.
    pub(super) fn take(&mut self, event: SequencedEvent) {
        let (sequence, occurred_at) = (event.sequence, event.event.occurred_at);
        let Some(sku) = event.event.subject.sku().cloned() else {
            return;
        };
        match event.event.fact {
            Fact::OutOfStock { line, available, kept } => {
                let lacked = u64::from(line.quantity.get()).saturating_sub(available.get());
                // A line that waits is told by what it waits for.
                let refused = (kept != ShortageOutcome::Backordered).then_some(line.key);
                self.short_of(sku, lacked, refused);
            }
            Fact::Backordered { line, .. } => self.short_of(sku, u64::from(line.quantity.get()), None),
            Fact::PromiseBroken {
                key,
                required_by,
                to,
                why,
                ..
            } => {
                let broken = Broken {
                    sku,
                    required_by,
                    promised_on: to,
                    why,
                };
                put(&mut self.broken, key, broken, &mut self.forgotten.promises);
            }
            Fact::BatchOverdue { reference, eta } => {
                put(
                    &mut self.overdue,
                    reference,
                    Late { sku, eta },
                    &mut self.forgotten.batches,
                );
            }
            _ => return,
        }
        self.events = self.events.saturating_add(1);
        self.first = Some(self.first.map_or(occurred_at, |first| first.min(occurred_at)));
        self.last = self.last.max(Some(occurred_at));
        self.end = self.end.max(Some(sequence));
    }

    fn short_of(&mut self, sku: Sku, lacked: u64, refused: Option<LineKey>) {
        let is_full = self.short.len() >= MAX_REMEMBERED;
        let shortage = match self.short.entry(sku) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => {
                self.forgotten.shortages = self.forgotten.shortages.saturating_add(1);
                return;
            }
            Entry::Vacant(new) => new.insert(Shortage::default()),
        };
        shortage.units = shortage.units.saturating_add(lacked);
        let Some(line) = refused else { return };
        match shortage.refused.entry(line) {
            Entry::Occupied(mut known) => {
                known.insert(lacked);
            }
            Entry::Vacant(_) if self.refused >= MAX_REMEMBERED => {
                let (lines, units) = shortage.forgotten;
                shortage.forgotten = (lines.saturating_add(1), units.saturating_add(lacked));
            }
            Entry::Vacant(new) => {
                new.insert(lacked);
                self.refused += 1;
            }
        }
    }

    /// The products that were short, those first that lacked most units.
    pub(super) fn short(&self) -> Vec<(&Sku, &Shortage)> {
        let mut worst: Vec<_> = self.short.iter().collect();
        worst.sort_by_key(|(_, shortage)| Reverse(shortage.units));
        worst
    }

    /// The promises that were broken, those first that are latest.
    pub(super) fn broken(&self) -> Vec<(&LineKey, &Broken)> {
        let mut worst: Vec<_> = self.broken.iter().collect();
        worst.sort_by_key(|(_, broken)| Reverse(days_late(broken.required_by, broken.promised_on)));
        worst
    }

    /// The batches that were overdue, those first that were due first.
    pub(super) fn overdue(&self) -> Vec<(&Reference, &Late)> {
        let mut worst: Vec<_> = self.overdue.iter().collect();
        worst.sort_by_key(|(_, late)| late.eta);
        worst
    }
}

fn days_late(required_by: Date, promised_on: Date) -> i32 {
    required_by.until(promised_on).map_or(0, |late| late.get_days())
}

fn put<Key: Ord, Value>(all: &mut BTreeMap<Key, Value>, key: Key, value: Value, forgotten: &mut u64) {
    let is_full = all.len() >= MAX_REMEMBERED;
    match all.entry(key) {
        Entry::Occupied(mut known) => {
            known.insert(value);
        }
        Entry::Vacant(_) if is_full => *forgotten = forgotten.saturating_add(1),
        Entry::Vacant(new) => {
            new.insert(value);
        }
    }
}
