//! The naive model's lines: quantities, cancellations and dispatches.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{LineId, LineKey, LineState, OrderId, Reference};

use super::{Answered, Model, Offer};

impl Model {
    /// Reduces a line to so many units, those of its earliest batches.
    pub(super) fn reduce(&mut self, at: usize, to: u64) {
        let etas: BTreeMap<_, _> = self
            .batches
            .iter()
            .enumerate()
            .map(|(place, batch)| (batch.reference.clone(), (batch.eta.is_some(), batch.eta, place)))
            .collect();
        let before = self.lines[at].clone();
        let line = &mut self.lines[at];
        line.quantity = to;
        line.held.sort_by_key(|(batch, ..)| etas[batch]);
        let mut left = to;
        for (_, units, _) in &mut line.held {
            *units = (*units).min(left);
            left -= *units;
        }
        line.held.retain(|(_, units, _)| *units > 0);
        if before.in_any_batch() {
            self.tell_again(at, &before);
        }
    }

    pub(super) fn change_quantity(&mut self, key: &LineKey, to: u64) -> Answered {
        let at = match self.named(key) {
            Ok(at) => at,
            Err(refused) => return refused,
        };
        let line = self.lines[at].clone();
        if line.quantity == to {
            return Answered::Unchanged;
        }
        if line.state == LineState::Dispatched {
            return Answered::Refused("already_dispatched");
        }
        if !line.is_open() {
            return Answered::Refused("line_ended");
        }
        if to < line.quantity || line.state == LineState::Backordered {
            self.reduce(at, to);
        } else {
            let more = to - line.quantity;
            let now = self.now;
            let parts = match (&line.held[..], line.split) {
                ([(batch, ..)], false) => {
                    let own_batch = self
                        .batches
                        .iter()
                        .find(|other| other.reference == *batch)
                        .expect("a batch");
                    let fits = self.available(own_batch) >= more
                        && self.promisable(&line.sku) >= more
                        && !self.is_long_overdue(own_batch);
                    fits.then(|| vec![(batch.clone(), more)])
                }
                _ => self.parts_for(&line, more, Offer::New),
            };
            let moves = parts.is_none() && !line.split;
            let parts = if moves {
                // A whole line that does not grow in its batch moves to one that takes it whole.
                self.lines[at].held.clear();
                let parts = self.parts_for(&line, to, Offer::New);
                if parts.is_none() {
                    self.lines[at] = line.clone();
                }
                parts
            } else {
                parts
            };
            let Some(parts) = parts else {
                return Answered::Refused("out_of_stock");
            };
            let changed = &mut self.lines[at];
            changed.quantity = to;
            for (batch, units) in parts {
                match changed.held.iter_mut().find(|(other, ..)| *other == batch) {
                    Some((_, held, _)) => *held += units,
                    None => changed.held.push((batch, units, now)),
                }
            }
            self.tell_again(at, &line);
        }
        self.serve(&line.sku);
        Answered::Done
    }

    pub(super) fn cancel(&mut self, lines: &[usize]) -> Answered {
        if lines.iter().all(|at| self.lines[*at].state == LineState::Dispatched) {
            return Answered::Refused("already_dispatched");
        }
        let mut touched = BTreeSet::new();
        for at in lines {
            let line = &mut self.lines[*at];
            if line.is_open() {
                line.end(LineState::Cancelled);
                touched.insert(line.sku.clone());
            }
        }
        for sku in &touched {
            self.serve(sku);
        }
        if touched.is_empty() {
            Answered::Unchanged
        } else {
            Answered::Done
        }
    }

    fn chosen(&self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Result<Vec<usize>, Answered> {
        let all = self.of_order(order);
        if all.is_empty() {
            return Err(Answered::Refused("unknown_order"));
        }
        let Some(lines) = lines else { return Ok(all) };
        let named = lines.iter().map(|line| {
            self.named(&LineKey {
                order: order.clone(),
                line: line.clone(),
            })
        });
        named.collect()
    }

    pub(super) fn dispatch(&mut self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Answered {
        let chosen = match self.chosen(order, lines) {
            Ok(chosen) => chosen,
            Err(refused) => return refused,
        };
        let state = |at: &usize| self.lines[*at].state;
        if chosen
            .iter()
            .any(|at| self.lines[*at].is_open() && self.lines[*at].deadline.is_some())
        {
            return Answered::Refused("not_firm");
        }
        let may_leave = |at: &usize| matches!(state(at), LineState::Allocated | LineState::Dispatched);
        if !chosen.iter().any(may_leave) || (lines.is_some() && !chosen.iter().all(may_leave)) {
            return Answered::Refused("not_allocated");
        }
        let leaving: Vec<usize> = chosen
            .into_iter()
            .filter(|at| state(at) == LineState::Allocated)
            .collect();
        for at in &leaving {
            let mut held = self.lines[*at].held.iter();
            let here = |batch: &Reference| {
                self.batches
                    .iter()
                    .any(|other| other.reference == *batch && other.eta.is_none())
            };
            if !held.all(|(batch, ..)| here(batch)) {
                return Answered::Refused("not_in_warehouse");
            }
        }
        for at in &leaving {
            self.lines[*at].state = LineState::Dispatched;
        }
        if leaving.is_empty() {
            Answered::Unchanged
        } else {
            Answered::Done
        }
    }

    pub(super) fn undo_dispatch(&mut self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Answered {
        let chosen = match self.chosen(order, lines) {
            Ok(chosen) => chosen,
            Err(refused) => return refused,
        };
        let state = |at: &usize| self.lines[*at].state;
        let may_leave = |at: &usize| matches!(state(at), LineState::Allocated | LineState::Dispatched);
        if !chosen.iter().any(may_leave) || (lines.is_some() && !chosen.iter().all(may_leave)) {
            return Answered::Refused("not_allocated");
        }
        let returning: Vec<usize> = chosen
            .into_iter()
            .filter(|at| state(at) == LineState::Dispatched)
            .collect();
        let closed = |batch: &Reference| {
            self.batches
                .iter()
                .any(|other| other.reference == *batch && other.closed)
        };
        if returning
            .iter()
            .any(|at| self.lines[*at].held.iter().any(|(batch, ..)| closed(batch)))
        {
            return Answered::Refused("batch_closed");
        }
        for at in &returning {
            self.lines[*at].state = LineState::Allocated;
        }
        if returning.is_empty() {
            Answered::Unchanged
        } else {
            Answered::Done
        }
    }
}
