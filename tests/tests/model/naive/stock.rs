//! The naive model's products and batches.

use std::cmp::Reverse;

use earmark_domain::{ChangeBatch, Count, CreateBatch, LineState, PutProduct, Reference, Rest};
use earmark_tests::build::reference;
use jiff::civil::Date;

use super::{Answered, Batch, Line, Model, Offer, service_position};

/// Which lines leave a batch first: held lines, then those of the lowest priority, then of the latest required date, where
/// none counts as the latest, then the latest allocated.
fn release_rank(line: &Line, reference: &Reference) -> impl Ord + use<> {
    let (priority, required_by) = line.precedence;
    let since = line.in_batch(reference).map(|(_, _, since)| *since);
    (
        line.state != LineState::Held,
        priority,
        Reverse(required_by.unwrap_or(Date::MAX)),
        Reverse(since),
        Reverse(service_position(line)),
    )
}

/// The references that decide what the rest of a batch is called: the given one; or the first that follows from that of
/// the batch, and, if the batch may be a rest itself, what it would be a rest of, and the next.
pub(super) fn rest_names(of: &Reference, given: Option<&Reference>) -> Vec<Reference> {
    if let Some(given) = given {
        return vec![given.clone()];
    }
    let mut names = vec![reference(&format!("{of}/2"))];
    if let Some((whole, number)) = of.as_str().split_once('/') {
        let number: u32 = number.parse().unwrap_or(0);
        if number >= 2 {
            names.extend([reference(whole), reference(&format!("{whole}/{}", number + 1))]);
        }
    }
    names
}

impl Model {
    pub(super) fn put(&mut self, put: &PutProduct) -> Answered {
        let to = put.safety_stock.map(|units| u64::from(units.get()));
        let from = *self.safety_stock.entry(put.sku.clone()).or_insert(0);
        let Some(to) = to.filter(|to| *to != from) else {
            return Answered::Unchanged;
        };
        self.safety_stock.insert(put.sku.clone(), to);
        if to < from {
            self.serve(&put.sku);
        }
        Answered::Done
    }

    pub(super) fn create(&mut self, create: &CreateBatch) -> Answered {
        let created = (u64::from(create.quantity.get()), create.eta);
        if let Some(batch) = self.batches.iter().find(|batch| batch.reference == create.reference) {
            let same = (&batch.sku, batch.created, &batch.location) == (&create.sku, created, &create.location);
            return if same {
                Answered::Unchanged
            } else {
                Answered::Refused("batch_exists")
            };
        }
        self.safety_stock.entry(create.sku.clone()).or_insert(0);
        self.batches.push(Batch {
            reference: create.reference.clone(),
            sku: create.sku.clone(),
            location: create.location.clone(),
            created,
            quantity: created.0,
            eta: create.eta,
            receipt: None,
            closed: false,
        });
        self.serve(&create.sku);
        Answered::Done
    }

    fn batch(&self, reference: &Reference) -> Option<usize> {
        self.batches.iter().position(|batch| batch.reference == *reference)
    }

    fn may_count(&self, at: usize, to: u64) -> Option<Answered> {
        let batch = &self.batches[at];
        if batch.closed && to != batch.quantity {
            return Some(Answered::Refused("batch_closed"));
        }
        (to < self.dispatched(&batch.reference)).then_some(Answered::Refused("below_dispatched"))
    }

    pub(super) fn change(&mut self, change: &ChangeBatch) -> Answered {
        let Some(at) = self.batch(&change.reference) else {
            return Answered::Refused("unknown_batch");
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
            return Answered::Refused("batch_closed");
        }
        if batch.eta.is_none() && eta.is_some() {
            return Answered::Refused("already_received");
        }
        self.change_batch(at, to, eta)
    }

    pub(super) fn receive(&mut self, reference: &Reference, counted: Option<Count>) -> Answered {
        let Some(at) = self.batch(reference) else {
            return Answered::Refused("unknown_batch");
        };
        let batch = self.batches[at].clone();
        if batch.closed {
            return Answered::Refused("batch_closed");
        }
        let counted = counted.map(|units| u64::from(units.get()));
        let Some(eta) = batch.eta else {
            let arrived = batch.receipt.map_or(batch.created.0, |(_, _, arrived)| arrived);
            return match counted {
                Some(counted) if counted != arrived => Answered::Refused("already_received"),
                _ => Answered::Unchanged,
            };
        };
        let to = counted.unwrap_or(batch.quantity);
        self.batches[at].receipt = Some((eta, batch.quantity, to));
        self.change_batch(at, to, None)
    }

    pub(super) fn receive_part(&mut self, reference: &Reference, arrived: u64, rest: &Rest) -> Answered {
        let Some(at) = self.batch(reference) else {
            return Answered::Refused("unknown_batch");
        };
        let batch = self.batches[at].clone();
        if batch.closed {
            return Answered::Refused("batch_closed");
        }
        let names = rest_names(reference, rest.reference.as_ref());
        let name = match &names[..] {
            [_, whole, next] if self.batch(whole).is_some_and(|at| self.batches[at].sku == batch.sku) => next,
            names => &names[0],
        };
        let taken = self.batch(name).map(|at| self.batches[at].clone());
        let Some(eta) = batch.eta else {
            let (counted, expected_on) = batch
                .receipt
                .map_or((batch.created.0, None), |(eta, _, arrived)| (arrived, Some(eta)));
            let same = taken.is_some_and(|other| {
                let terms = (&other.sku, &other.location, other.created.1);
                *name != *reference && terms == (&batch.sku, &batch.location, rest.eta.or(expected_on))
            });
            return if same && counted == arrived {
                Answered::Unchanged
            } else {
                Answered::Refused("already_received")
            };
        };
        if arrived >= batch.quantity {
            return Answered::Refused("no_rest");
        }
        if taken.is_some() {
            return Answered::Refused("batch_exists");
        }
        let expected_on = Some(rest.eta.unwrap_or(eta));
        let left = batch.quantity - arrived;
        self.batches.push(Batch {
            reference: name.clone(),
            created: (left, expected_on),
            quantity: left,
            eta: expected_on,
            receipt: None,
            ..batch.clone()
        });
        self.batches[at].receipt = Some((eta, arrived, arrived));
        self.batches[at].eta = None;
        self.divide(at, arrived);
        self.serve(&batch.sku);
        Answered::Done
    }

    /// Leaves those lines in a batch that fit in what has arrived, the last to leave first. The others leave it one by one.
    fn divide(&mut self, at: usize, arrived: u64) {
        let reference = self.batches[at].reference.clone();
        let mut lines: Vec<usize> = (0..self.lines.len())
            .filter(|line| self.lines[*line].in_batch(&reference).is_some())
            .collect();
        lines.sort_by_cached_key(|line| Reverse(release_rank(&self.lines[*line], &reference)));
        let here = |model: &Self, line: usize| model.lines[line].in_batch(&reference).map_or(0, |(_, units, _)| *units);
        let all = |model: &Self| (0..model.lines.len()).map(|line| here(model, line)).sum::<u64>();
        let mut kept = 0;
        for line in lines {
            if all(self) > arrived && kept + here(self, line) > arrived {
                self.lines[line].held.clear();
                self.lines[line].state = LineState::Backordered;
                self.lines[line].promised.0 = None;
                self.batches[at].quantity = all(self).max(arrived);
                self.now += 1;
                self.try_line(line, Offer::Lost);
            } else {
                let date = self.date(&self.lines[line].held);
                self.lines[line].promise(date);
            }
            kept += here(self, line);
        }
        self.batches[at].quantity = arrived;
        self.now += 1;
    }

    pub(super) fn undo_receipt(&mut self, reference: &Reference) -> Answered {
        let Some(at) = self.batch(reference) else {
            return Answered::Refused("unknown_batch");
        };
        let batch = self.batches[at].clone();
        match batch.receipt {
            _ if batch.closed => Answered::Refused("batch_closed"),
            _ if batch.eta.is_some() => Answered::Unchanged,
            None => Answered::Refused("not_received"),
            Some(_) if self.dispatched(reference) > 0 => Answered::Refused("already_dispatched"),
            Some((eta, expected, _)) => {
                self.batches[at].receipt = None;
                self.change_batch(at, expected, Some(eta))
            }
        }
    }

    pub(super) fn cancel_batch(&mut self, reference: &Reference) -> Answered {
        let Some(at) = self.batch(reference) else {
            return Answered::Refused("unknown_batch");
        };
        if self.batches[at].closed {
            return Answered::Unchanged;
        }
        self.batches[at].closed = true;
        let (dispatched, eta) = (self.dispatched(reference), self.batches[at].eta);
        self.change_batch(at, dispatched, eta);
        Answered::Done
    }

    /// Changes the quantity and the date of a batch, and reallocates its lines.
    fn change_batch(&mut self, at: usize, to: u64, eta: Option<Date>) -> Answered {
        let before = self.batches[at].clone();
        let reference = &before.reference;
        if (before.quantity, before.eta) == (to, eta) {
            return Answered::Unchanged;
        }
        let here = |line: &Line| line.in_batch(reference).map(|(_, units, _)| *units);
        let mut by_release_rank: Vec<usize> = (0..self.lines.len())
            .filter(|at| here(&self.lines[*at]).is_some())
            .collect();
        by_release_rank.sort_by_cached_key(|at| release_rank(&self.lines[*at], reference));
        // Release until the rest fits, then put back what fits, the last released first.
        let mut left = before.quantity - self.available(&before);
        let mut released = Vec::new();
        for at in by_release_rank {
            if left <= to {
                break;
            }
            left -= here(&self.lines[at]).expect("held");
            released.push(at);
        }
        let mut leaving = Vec::new();
        for at in released.into_iter().rev() {
            let units = here(&self.lines[at]).expect("held");
            if left + units <= to {
                left += units;
            } else {
                leaving.push(at);
            }
        }
        let before_release = self.lines.clone();
        for at in &leaving {
            self.lines[*at].held.clear();
            self.lines[*at].state = LineState::Backordered;
            self.lines[*at].promised.0 = None;
        }
        (self.batches[at].quantity, self.batches[at].eta) = (to, eta);
        if eta != before.eta {
            self.move_to_earlier(reference);
        }
        for at in &leaving {
            let parts = |line: &Line| {
                line.held
                    .iter()
                    .map(|(batch, units, _)| (batch.clone(), *units))
                    .collect::<Vec<_>>()
            };
            // A line that gets the same allocations again has not moved.
            if self.try_line(*at, Offer::Lost) && parts(&self.lines[*at]) == parts(&before_release[*at]) {
                self.lines[*at] = before_release[*at].clone();
            }
        }
        if eta != before.eta {
            // Whoever still has units there is told the new day.
            for at in 0..self.lines.len() {
                if self.lines[at].in_batch(reference).is_some() {
                    let date = self.date(&self.lines[at].held);
                    self.lines[at].promise(date);
                }
            }
        }
        if to > before.quantity || !leaving.is_empty() || eta != before.eta {
            self.serve(&before.sku);
        }
        Answered::Done
    }

    /// Moves lines of a batch that arrives later than was told to batches that arrive earlier.
    fn move_to_earlier(&mut self, reference: &Reference) {
        let all = 0..self.lines.len();
        let mut lines: Vec<usize> = all.filter(|at| self.lines[*at].in_batch(reference).is_some()).collect();
        lines.sort_by_key(|at| service_position(&self.lines[*at]));
        for at in lines {
            let stays = self.lines[at].clone();
            let date = self.date(&stays.held);
            if date <= stays.promised.0 {
                continue;
            }
            self.lines[at].held.clear();
            let moved = self.try_line(at, Offer::Move) && self.date(&self.lines[at].held) < date;
            if !moved {
                self.lines[at] = stays;
            }
        }
    }
}
