//! The plain way to answer what planners ask: read everything, and look at each line.

use std::collections::{BTreeMap, BTreeSet};

use earmark_application::{
    AgeClass, EndingHolds, HOLDS_END_WITHIN, LateBatch, LineAtRisk, LineChange, LineFilter, LineOfBatch, LineRead,
    ProductInTime, WaitingLine,
};
use earmark_domain::{
    BatchRecord, Fact, Hit, LineKey, LineState, NetChange, Promising, Reference, RiskKind, SequencedEvent, Sku,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::shop_engine::ShopEngine;

/// More than any of these shops has.
const ALL: usize = 100_000;

/// Everything in a shop, at an instant.
pub(super) struct Everything {
    pub(super) now: Timestamp,
    pub(super) today: Date,
    lines: Vec<LineRead>,
    batches: BTreeMap<Reference, BatchRecord>,
    events: Vec<SequencedEvent>,
}

fn days(from: Date, to: Date) -> u32 {
    u32::try_from((to - from).get_days()).unwrap_or(0)
}

/// What became of a line by its events, told as a day, that it waits, that it has left, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Nowhere,
    Waits,
    For(Date),
    Left,
}

fn stands(before: Stands, fact: &Fact) -> Stands {
    match fact {
        Fact::Allocated { promised_on: day, .. }
        | Fact::Reallocated { promised_to: day, .. }
        | Fact::PromiseChanged { to: day, .. }
        | Fact::DispatchUndone { promised_on: day, .. }
        | Fact::Deallocated {
            promised_on: Some(day),
            left: Some(_),
            ..
        } => Stands::For(*day),
        Fact::Backordered { .. } => Stands::Waits,
        // That it comes back from there is nothing new.
        Fact::Dispatched { left: None, .. }
        | Fact::Deallocated {
            left: None,
            promised_on: Some(_),
            ..
        } => Stands::Left,
        Fact::Deallocated { left: None, .. } => Stands::Nowhere,
        _ => before,
    }
}

impl Everything {
    pub(super) async fn read(shop: &ShopEngine) -> Self {
        let lines = shop.reads.lines(LineFilter::All, None, ALL).await.expect("lines");
        let batches = shop.reads.batches(None, ALL).await.expect("batches");
        Self {
            now: shop.now(),
            today: shop.today(),
            lines,
            batches: batches
                .into_iter()
                .map(|batch| (batch.reference.clone(), batch))
                .collect(),
            events: shop.events().await,
        }
    }

    /// When units with an ETA can leave.
    fn leaves(&self, eta: Option<Date>) -> Date {
        match eta {
            None => self.today,
            Some(eta) if eta < self.today => self.today.tomorrow().expect("a day"),
            Some(eta) => eta,
        }
    }

    fn all_leave(&self, line: &LineRead) -> Option<Date> {
        line.allocations.iter().map(|(_, eta)| self.leaves(*eta)).max()
    }

    fn open(&self, state: LineState) -> impl Iterator<Item = &LineRead> {
        self.lines
            .iter()
            .filter(move |line| line.record.state_at(self.now) == state)
    }

    fn with_units(&self) -> impl Iterator<Item = &LineRead> {
        self.open(LineState::Held).chain(self.open(LineState::Allocated))
    }

    pub(super) fn assert_risks(&self, found: &[LineAtRisk], seed: u64) {
        let required = |line: &LineRead| line.record.terms.precedence.required_by();
        let mut promised_late: Vec<_> = Vec::new();
        let mut overdue = BTreeSet::new();
        for line in self.with_units() {
            let key = line.record.terms.key.clone();
            let leaves = self.all_leave(line).max(line.record.promise.on);
            // Stock in the warehouse that has not left is no delay of a batch.
            let is_overdue = line
                .allocations
                .iter()
                .any(|(_, eta)| eta.is_some_and(|eta| eta < self.today));
            let told = line.record.promise.on.max(leaves.filter(|_| is_overdue));
            let late = required(line).filter(|day| told > Some(*day));
            if let (Some(by), Some(leaves)) = (late, leaves) {
                promised_late.push((by, key, days(by, leaves)));
                continue;
            }
            let etas = line.allocations.iter().filter_map(|(_, eta)| *eta);
            if let Some(eta) = etas.filter(|eta| *eta < self.today).min() {
                overdue.insert((key, days(eta, self.today)));
            }
        }
        promised_late.sort();
        let due = self.open(LineState::Backordered).filter_map(|line| {
            let by = required(line).filter(|day| *day <= self.today)?;
            Some((by, line.record.terms.key.clone(), days(by, self.today)))
        });
        let mut waiting: Vec<_> = due.collect();
        waiting.sort();

        let of = |kind| found.iter().filter(move |line| line.risk.kind == kind);
        let listed = |kind| {
            let lines = of(kind).map(|line| (line.required_by.expect("a day"), line.line.key.clone(), line.risk.days));
            lines.collect::<Vec<_>>()
        };
        assert_eq!(listed(RiskKind::PromisedLate), promised_late, "seed {seed}");
        assert_eq!(listed(RiskKind::Waiting), waiting, "seed {seed}");
        let rests: BTreeSet<_> = of(RiskKind::BatchOverdue)
            .map(|line| (line.line.key.clone(), line.risk.days))
            .collect();
        assert_eq!(
            rests.len(),
            of(RiskKind::BatchOverdue).count(),
            "each once; seed {seed}"
        );
        assert_eq!(rests, overdue, "seed {seed}");
        assert!(found.is_sorted_by_key(|line| line.risk.kind), "seed {seed}");
        assert!(found.iter().all(|line| line.line.at_risk), "seed {seed}");
    }

    /// Whom a batch hits: line by line in order of service, with what other stock is left.
    fn hits(&self, batch: &Reference, promising: Promising) -> BTreeMap<LineKey, Hit> {
        let sku = &self.batches[batch].sku;
        let earliest = promising.earliest_eta(self.today);
        let offered = self.batches.values().filter(|other| {
            other.sku == *sku
                && other.reference != *batch
                && !other.closed
                && other
                    .eta
                    .is_none_or(|eta| earliest.is_none_or(|earliest| eta >= earliest))
        });
        let mut others: Vec<(&BatchRecord, u64)> = offered.map(|other| (other, self.available(other))).collect();
        others.sort_by_key(|(other, _)| other.preference());
        let mut lines: Vec<&LineRead> = self
            .with_units()
            .filter(|line| line.allocations.iter().any(|(part, _)| part.batch == *batch))
            .collect();
        lines.sort_by_key(|line| line.record.service_position());
        let mut hits = BTreeMap::new();
        for line in lines {
            let promise = line.record.promise;
            let by = line
                .record
                .terms
                .precedence
                .required_by()
                .or(promise.first_on)
                .or(promise.on);
            let (by, leaves) = (by.expect("a promise"), self.all_leave(line).expect("units"));
            let hit = if leaves <= by {
                Hit::Slack(days(leaves, by))
            } else {
                let in_time = |eta| self.leaves(eta) <= by;
                let rest_is_late = line
                    .allocations
                    .iter()
                    .any(|(part, eta)| part.batch != *batch && !in_time(*eta));
                let here = line.allocations.iter().filter(|(part, _)| part.batch == *batch);
                let wanted: u64 = here.map(|(part, _)| u64::from(part.quantity.get())).sum();
                let mut free: Vec<&mut (&BatchRecord, u64)> = others
                    .iter_mut()
                    .filter(|(other, left)| *left > 0 && in_time(other.eta))
                    .collect();
                let total: u64 = free.iter().map(|other| other.1).sum();
                let whole = free.iter_mut().find(|other| other.1 >= wanted);
                match (rest_is_late, line.record.terms.split, whole) {
                    (false, false, Some(other)) => {
                        other.1 -= wanted;
                        Hit::Movable(Vec::new())
                    }
                    (false, true, _) if total >= wanted => {
                        let mut missing = wanted;
                        for other in free {
                            let taken = other.1.min(missing);
                            other.1 -= taken;
                            missing -= taken;
                        }
                        Hit::Movable(Vec::new())
                    }
                    _ => Hit::Hurt(days(by, leaves)),
                }
            };
            hits.insert(line.record.terms.key.clone(), hit);
        }
        hits
    }

    /// The units that are available in a batch, holds that have ended not counted.
    fn available(&self, batch: &BatchRecord) -> u64 {
        let quantity = u64::from(batch.quantity.get());
        quantity - batch.dispatched.get() - self.allocated(&batch.reference)
    }

    fn allocated(&self, batch: &Reference) -> u64 {
        let parts = self.with_units().flat_map(|line| &line.allocations);
        let here = parts.filter(|(part, _)| part.batch == *batch);
        here.map(|(part, _)| u64::from(part.quantity.get())).sum()
    }

    pub(super) fn assert_late(&self, found: &[LateBatch], promising: Promising, seed: u64) {
        let late = self.batches.values().filter(|batch| {
            let put_off = batch.created_eta.is_some() && batch.eta > batch.created_eta;
            !batch.closed && batch.eta.is_some_and(|eta| eta < self.today || put_off)
        });
        let mut expected: Vec<_> = late.map(|batch| (batch.eta, &batch.sku, &batch.reference)).collect();
        expected.sort();
        let listed = found.iter().map(|late| &late.batch.record);
        let listed: Vec<_> = listed.map(|batch| (batch.eta, &batch.sku, &batch.reference)).collect();
        assert_eq!(listed, expected, "seed {seed}");
        for late in found {
            let reference = &late.batch.record.reference;
            let hits = self.hits(reference, promising);
            let count = |wanted: fn(&Hit) -> bool| hits.values().filter(|hit| wanted(hit)).count() as u64;
            let lines = [late.hits.hurt, late.hits.movable, late.hits.slack].map(|counted| counted.lines);
            let expected = [
                count(|hit| matches!(hit, Hit::Hurt(_))),
                count(|hit| matches!(hit, Hit::Movable(_))),
                count(|hit| matches!(hit, Hit::Slack(_))),
            ];
            assert_eq!(lines, expected, "{reference}, seed {seed}");
            let units = [late.hits.hurt, late.hits.movable, late.hits.slack].map(|counted| counted.units.get());
            assert_eq!(
                units.iter().sum::<u64>(),
                self.allocated(reference),
                "{reference}, seed {seed}"
            );
            assert_eq!(
                late.batch.record.allocated.get(),
                self.allocated(reference),
                "seed {seed}"
            );
        }
    }

    pub(super) fn assert_lines(&self, batch: &Reference, found: &[LineOfBatch], promising: Promising, seed: u64) {
        let plain = |hit: &Hit| match hit {
            Hit::Movable(_) => Hit::Movable(Vec::new()),
            other => other.clone(),
        };
        let listed = found
            .iter()
            .map(|line| (line.line.key.clone(), plain(line.hit.as_ref().expect("looked at"))));
        let listed: BTreeMap<_, _> = listed.collect();
        assert_eq!(listed.len(), found.len(), "each once; seed {seed}");
        assert_eq!(listed, self.hits(batch, promising), "{batch}, seed {seed}");
        let units: u64 = found.iter().map(|line| u64::from(line.units.get())).sum();
        assert_eq!(units, self.allocated(batch), "seed {seed}");
    }

    pub(super) fn assert_waiting(&self, found: &[WaitingLine], seed: u64) {
        let waiting = self.open(LineState::Backordered);
        let mut expected: Vec<_> = waiting
            .map(|line| (line.record.terms.placed_at, line.record.terms.key.clone()))
            .collect();
        expected.sort();
        let listed: Vec<_> = found
            .iter()
            .map(|line| (line.line.placed_at, line.line.key.clone()))
            .collect();
        assert_eq!(listed, expected, "seed {seed}");
        for line in found {
            let hours = (self.now.as_second() - line.line.placed_at.as_second()) / 3_600;
            let age = match hours {
                ..24 => "day",
                24..168 => "week",
                168..720 => "month",
                _ => "older",
            };
            assert_eq!(line.age.as_str(), age, "seed {seed}");
        }
    }

    pub(super) fn assert_classes(&self, classes: &[AgeClass], seed: u64) {
        let lines: u64 = classes.iter().map(|class| class.counted.lines).sum();
        let units: u64 = classes.iter().map(|class| class.counted.units.get()).sum();
        let waiting: Vec<_> = self.open(LineState::Backordered).collect();
        assert_eq!(lines, waiting.len() as u64, "seed {seed}");
        let wanted = waiting.iter().map(|line| u64::from(line.record.terms.quantity.get()));
        assert_eq!(units, wanted.sum::<u64>(), "seed {seed}");
    }

    pub(super) fn assert_changes(&self, since: u64, found: &[LineChange], seed: u64) {
        let mut lines: BTreeMap<&LineKey, (Stands, Stands, Option<u64>)> = BTreeMap::new();
        let mut wanted: BTreeMap<&LineKey, &Sku> = BTreeMap::new();
        for event in &self.events {
            let fact = &event.event.fact;
            let Some(key) = fact.line() else { continue };
            let line = lines.entry(key).or_insert((Stands::Nowhere, Stands::Nowhere, None));
            line.1 = stands(line.1, fact);
            // An order that was replaced may have named it anew.
            wanted.extend(event.event.subject.sku().map(|sku| (key, sku)));
            if event.sequence <= since {
                line.0 = line.1;
            } else {
                line.2 = line.2.or(Some(event.sequence));
            }
        }
        let changed = lines.into_iter().filter_map(|(key, (from, to, first))| {
            let change = match (from, to) {
                (Stands::Nowhere, Stands::Waits | Stands::For(_)) => NetChange::New,
                (Stands::Waits, Stands::For(_)) => NetChange::Improved,
                (Stands::For(from), Stands::For(to)) if to < from => NetChange::Improved,
                (Stands::For(from), Stands::For(to)) if to > from => NetChange::Delayed,
                (Stands::For(_), Stands::Waits) => NetChange::Lost,
                _ => return None,
            };
            Some((first?, key.clone(), change))
        });
        let mut expected: Vec<_> = changed.collect();
        expected.sort();
        let listed: Vec<_> = found
            .iter()
            .map(|line| (line.sequence, line.key.clone(), line.change))
            .collect();
        assert_eq!(listed, expected, "seed {seed}");
        assert!(found.iter().all(|line| wanted[&line.key] == &line.sku), "seed {seed}");
    }

    pub(super) fn assert_holds(&self, found: &[EndingHolds], seed: u64) {
        let until = HOLDS_END_WITHIN.map(|minutes| self.now + SignedDuration::from_mins(minutes));
        let mut expected: BTreeMap<&Sku, (Timestamp, [u64; 4])> = BTreeMap::new();
        for line in self.open(LineState::Held) {
            let ends = line.record.terms.hold_until.expect("a deadline");
            if ends > until[3] {
                continue;
            }
            let sums = expected.entry(&line.record.sku).or_insert((ends, [0; 4]));
            sums.0 = sums.0.min(ends);
            for (sum, _) in sums.1.iter_mut().zip(until).filter(|(_, until)| ends <= *until) {
                *sum += u64::from(line.record.terms.quantity.get());
            }
        }
        let listed = found.iter().map(|holds| {
            let units: Vec<u64> = holds.units.iter().map(|units| units.get()).collect();
            (&holds.sku, (holds.first, <[u64; 4]>::try_from(units).expect("four")))
        });
        assert_eq!(
            listed.collect::<Vec<_>>(),
            expected.into_iter().collect::<Vec<_>>(),
            "seed {seed}"
        );
    }

    pub(super) fn assert_in_time(&self, product: &ProductInTime, seed: u64) {
        for batch in &product.batches {
            let (record, composition) = (&batch.batch.record, batch.composition);
            let held = self.open(LineState::Held).flat_map(|line| &line.allocations);
            let held = held.filter(|(part, _)| part.batch == record.reference);
            let held: u64 = held.map(|(part, _)| u64::from(part.quantity.get())).sum();
            assert_eq!(composition.held.get(), held, "{}, seed {seed}", record.reference);
            let parts = [
                composition.dispatched,
                composition.allocated,
                composition.held,
                composition.kept_back,
                composition.free,
            ];
            let sum: u64 = parts.iter().map(|units| units.get()).sum();
            assert_eq!(
                sum,
                u64::from(record.quantity.get()),
                "{}, seed {seed}",
                record.reference
            );
        }
        let free: u64 = product.batches.iter().map(|batch| batch.composition.free.get()).sum();
        let last = product
            .availability
            .timeline
            .last()
            .map_or(0, |last| last.available.get());
        assert!(last <= free, "seed {seed}");
    }
}
