//! Products and batches, naively.

use std::cmp::Reverse;

use earmark_domain::{ChangeBatch, Count, CreateBatch, LineState, PutProduct, Reference};
use jiff::civil::Date;

use super::{Batch, Line, Model, Told, service};

/// What leaves a batch first: held lines, then the lowest priority, then the latest day required by, none counting as
/// latest, then the most recently earmarked.
fn leaves(line: &Line, reference: &Reference) -> impl Ord + use<> {
    let (priority, required_by) = line.precedence;
    let since = line.in_batch(reference).map(|(_, _, since)| *since);
    (
        line.state != LineState::Held,
        priority,
        Reverse(required_by.unwrap_or(Date::MAX)),
        Reverse(since),
        Reverse(service(line)),
    )
}

impl Model {
    pub(super) fn put(&mut self, put: &PutProduct) -> Told {
        let to = put.safety_stock.map(|units| u64::from(units.get()));
        let from = *self.kept_back.entry(put.sku.clone()).or_insert(0);
        let Some(to) = to.filter(|to| *to != from) else {
            return Told::Unchanged;
        };
        self.kept_back.insert(put.sku.clone(), to);
        if to < from {
            self.serve(&put.sku);
        }
        Told::Done
    }

    pub(super) fn create(&mut self, create: &CreateBatch) -> Told {
        let created = (u64::from(create.quantity.get()), create.eta);
        if let Some(batch) = self.batches.iter().find(|batch| batch.reference == create.reference) {
            let same = (&batch.sku, batch.created, &batch.location) == (&create.sku, created, &create.location);
            return if same {
                Told::Unchanged
            } else {
                Told::Refused("batch_exists")
            };
        }
        self.kept_back.entry(create.sku.clone()).or_insert(0);
        self.batches.push(Batch {
            reference: create.reference.clone(),
            sku: create.sku.clone(),
            location: create.location.clone(),
            created,
            quantity: created.0,
            eta: create.eta,
            closed: false,
        });
        self.serve(&create.sku);
        Told::Done
    }

    fn batch(&self, reference: &Reference) -> Option<usize> {
        self.batches.iter().position(|batch| batch.reference == *reference)
    }

    fn may_count(&self, at: usize, to: u64) -> Option<Told> {
        let batch = &self.batches[at];
        if batch.closed && to != batch.quantity {
            return Some(Told::Refused("batch_closed"));
        }
        (to < self.gone(&batch.reference)).then_some(Told::Refused("below_dispatched"))
    }

    pub(super) fn change(&mut self, change: &ChangeBatch) -> Told {
        let Some(at) = self.batch(&change.reference) else {
            return Told::Refused("unknown_batch");
        };
        let batch = self.batches[at].clone();
        let to = change.quantity.map_or(batch.quantity, |units| u64::from(units.get()));
        if change.quantity.is_some()
            && let Some(refused) = self.may_count(at, to)
        {
            return refused;
        }
        let eta = change.eta.map_or(batch.eta, Some);
        if batch.closed && eta != batch.eta {
            return Told::Refused("batch_closed");
        }
        self.carry_through(at, to, eta)
    }

    pub(super) fn receive(&mut self, reference: &Reference, counted: Option<Count>) -> Told {
        let Some(at) = self.batch(reference) else {
            return Told::Refused("unknown_batch");
        };
        let batch = self.batches[at].clone();
        if batch.closed {
            return Told::Refused("batch_closed");
        }
        if batch.eta.is_none() {
            return Told::Unchanged;
        }
        let to = counted.map_or(batch.quantity, |units| u64::from(units.get()));
        if let Some(refused) = self.may_count(at, to) {
            return refused;
        }
        self.carry_through(at, to, None)
    }

    pub(super) fn cancel_batch(&mut self, reference: &Reference) -> Told {
        let Some(at) = self.batch(reference) else {
            return Told::Refused("unknown_batch");
        };
        if self.batches[at].closed {
            return Told::Unchanged;
        }
        self.batches[at].closed = true;
        let (gone, eta) = (self.gone(reference), self.batches[at].eta);
        self.carry_through(at, gone, eta);
        Told::Done
    }

    /// Gives a batch another quantity and another day, and sees to its lines.
    fn carry_through(&mut self, at: usize, to: u64, eta: Option<Date>) -> Told {
        let before = self.batches[at].clone();
        let reference = &before.reference;
        if (before.quantity, before.eta) == (to, eta) {
            return Told::Unchanged;
        }
        let here = |line: &Line| line.in_batch(reference).map(|(_, units, _)| *units);
        let mut worst_first: Vec<usize> = (0..self.lines.len())
            .filter(|at| here(&self.lines[*at]).is_some())
            .collect();
        worst_first.sort_by_cached_key(|at| leaves(&self.lines[*at], reference));
        // All that may have to go, then back with all that fits, best first.
        let mut left = before.quantity - self.free(&before);
        let mut gone = Vec::new();
        for at in worst_first {
            if left <= to {
                break;
            }
            left -= here(&self.lines[at]).expect("held");
            gone.push(at);
        }
        let mut leaving = Vec::new();
        for at in gone.into_iter().rev() {
            let units = here(&self.lines[at]).expect("held");
            if left + units <= to {
                left += units;
            } else {
                leaving.push(at);
            }
        }
        let stood = self.lines.clone();
        for at in &leaving {
            self.lines[*at].held.clear();
            self.lines[*at].state = LineState::Backordered;
        }
        (self.batches[at].quantity, self.batches[at].eta) = (to, eta);
        if eta != before.eta {
            self.move_to_earlier(&before);
        }
        for at in &leaving {
            let parts = |line: &Line| {
                line.held
                    .iter()
                    .map(|(batch, units, _)| (batch.clone(), *units))
                    .collect::<Vec<_>>()
            };
            // A line that is where it was has not moved.
            if self.try_line(*at, false) && parts(&self.lines[*at]) == parts(&stood[*at]) {
                self.lines[*at] = stood[*at].clone();
            }
        }
        if to > before.quantity || !leaving.is_empty() || eta != before.eta {
            self.serve(&before.sku);
        }
        Told::Done
    }

    /// Moves lines of a batch that comes later to stock that is there earlier.
    fn move_to_earlier(&mut self, before: &Batch) {
        let all = 0..self.lines.len();
        let mut lines: Vec<usize> = all
            .filter(|at| self.lines[*at].in_batch(&before.reference).is_some())
            .collect();
        lines.sort_by_key(|at| service(&self.lines[*at]));
        for at in lines {
            let etas: Vec<_> = self
                .batches
                .iter()
                .map(|batch| (batch.reference.clone(), batch.eta))
                .collect();
            let now = |reference: &_| {
                etas.iter()
                    .find(|(batch, _)| batch == reference)
                    .and_then(|(_, eta)| *eta)
            };
            let then = |reference: &_| {
                if *reference == before.reference {
                    before.eta
                } else {
                    now(reference)
                }
            };
            let stays = self.lines[at].clone();
            let date = Self::date(&stays, now);
            if date <= Self::date(&stays, then) {
                continue;
            }
            self.lines[at].held.clear();
            let moved = self.try_line(at, false) && Self::date(&self.lines[at], now) < date;
            if !moved {
                self.lines[at] = stays;
            }
        }
    }
}
