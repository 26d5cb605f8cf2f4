//! Lines that wait or have changed, and holds.

use std::collections::BTreeMap;

use earmark_application::{AgeClass, Counted, EndingHolds, HOLDS_END_WITHIN, LineChange, LineRead, WaitingLine};
use earmark_domain::{Age, LineState, NetChange, Reference, Sku, Standing, Units};
use jiff::SignedDuration;

use super::{Books, Mark, count, stands};

impl Books {
    pub(super) fn age(&self, line: &LineRead) -> Age {
        let waited = self.now.duration_since(line.record.terms.placed_at);
        match waited {
            waited if waited <= SignedDuration::from_hours(24) => Age::Day,
            waited if waited <= SignedDuration::from_hours(7 * 24) => Age::Week,
            waited if waited <= SignedDuration::from_hours(30 * 24) => Age::Month,
            _ => Age::Older,
        }
    }

    pub(super) fn waiting_lines(&self) -> Vec<WaitingLine> {
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

    pub(super) fn classes(&self) -> Vec<AgeClass> {
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

    pub(super) fn changes(&self, mark: &Mark) -> Vec<LineChange> {
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

    pub(super) fn held(&self) -> impl Iterator<Item = &LineRead> {
        self.lines
            .iter()
            .filter(|line| self.state(&line.record) == LineState::Held)
    }

    pub(super) fn ending_holds(&self) -> Vec<EndingHolds> {
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

    pub(super) fn held_units(&self, sku: &Sku) -> Vec<(Reference, Units)> {
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
