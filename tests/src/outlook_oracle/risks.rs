//! Promises at risk.

use std::cmp::Reverse;

use earmark_application::{LineAtRisk, LineRead};
use earmark_domain::{AllocationRecord, BatchRecord, LineKey, Reference, Risk, RiskKind, SequencedEvent};
use jiff::civil::Date;

use super::{Books, days};

impl Books {
    /// The day of the last event that told by when a line leaves.
    pub(super) fn told_on(&self, key: &LineKey) -> Date {
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

    pub(super) fn at_risk(
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

    pub(super) fn promised_late(&self) -> Vec<LineAtRisk> {
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

    pub(super) fn is_overdue(&self, batch: &BatchRecord) -> bool {
        !batch.closed && batch.eta.is_some_and(|eta| eta < self.today)
    }

    /// The lines with units in a batch, and how many: the last to leave it first.
    pub(super) fn in_batch(&self, batch: &Reference) -> Vec<(&LineRead, u64)> {
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

    pub(super) fn on_overdue_batches(&self) -> Vec<LineAtRisk> {
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

    pub(super) fn due(&self) -> Vec<LineAtRisk> {
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
}
