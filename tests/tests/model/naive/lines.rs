//! The naive model's lines: quantities, cancellations and dispatches.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{Dispatch, LineId, LineKey, LineState, OrderId, Reference};

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
        if line.total() == to {
            return Answered::Unchanged;
        }
        let gone = line.units_gone();
        if line.state == LineState::Dispatched || to < gone {
            return Answered::Refused("already_dispatched");
        }
        if !line.is_open() {
            return Answered::Refused("line_ended");
        }
        let to = to - gone;
        if to == 0 {
            return self.cancel(&[at]);
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

    pub(super) fn dispatch(&mut self, dispatch: &Dispatch) -> Answered {
        let named = dispatch.lines.as_ref();
        let ids = named.map(|lines| lines.iter().map(|part| part.line.clone()).collect());
        let chosen = match self.chosen(&dispatch.order, ids.as_ref()) {
            Ok(chosen) => chosen,
            Err(refused) => return refused,
        };
        if chosen
            .iter()
            .any(|at| self.lines[*at].is_open() && self.lines[*at].deadline.is_some())
        {
            return Answered::Refused("not_firm");
        }
        let counts = |at: &usize| self.lines[*at].is_open() || self.lines[*at].state == LineState::Dispatched;
        if !chosen.iter().any(counts) || (named.is_some() && !chosen.iter().all(counts)) {
            return Answered::Refused("not_allocated");
        }
        let mut leaving = Vec::new();
        let mut behind = Vec::new();
        for at in chosen.iter().filter(|at| counts(at)) {
            let line = &self.lines[*at];
            let part = named.and_then(|lines| lines.iter().find(|part| part.line == line.key.line));
            let in_all = part
                .and_then(|part| part.quantity)
                .map_or(line.total(), |units| u64::from(units.get()));
            if in_all > line.total() {
                return Answered::Refused("exceeds_line");
            }
            let Some(mut wanted) = in_all.checked_sub(line.units_gone()) else {
                return Answered::Refused("already_dispatched");
            };
            if line.in_any_batch() {
                for (batch, units, since) in &line.held {
                    let here = self
                        .batches
                        .iter()
                        .any(|other| other.reference == *batch && other.eta.is_none());
                    let units = if here { wanted.min(*units) } else { 0 };
                    if units > 0 {
                        leaving.push((*at, (batch.clone(), units, *since)));
                        wanted -= units;
                    }
                }
            }
            if wanted > 0 {
                behind.push(if line.in_any_batch() {
                    "not_in_warehouse"
                } else {
                    "not_allocated"
                });
            }
        }
        let none_left = leaving.is_empty() && chosen.iter().all(|at| self.lines[*at].gone.is_empty());
        if !behind.is_empty() && (dispatch.all_or_nothing || none_left) {
            let waits = behind.contains(&"not_allocated");
            return Answered::Refused(if waits { "not_allocated" } else { "not_in_warehouse" });
        }
        let changed = !leaving.is_empty();
        for (at, (batch, units, since)) in leaving {
            let line = &mut self.lines[at];
            let total = line.total();
            let held = line.held.iter_mut().find(|(other, ..)| *other == batch);
            held.expect("it leaves from where it is").1 -= units;
            line.held.retain(|(_, units, _)| *units > 0);
            line.gone.push((batch, units, since));
            if line.held.is_empty() {
                line.state = LineState::Dispatched;
                line.quantity = total;
            } else {
                line.quantity -= units;
            }
        }
        if changed { Answered::Done } else { Answered::Unchanged }
    }

    pub(super) fn undo_dispatch(&mut self, order: &OrderId, lines: Option<&BTreeSet<LineId>>) -> Answered {
        let chosen = match self.chosen(order, lines) {
            Ok(chosen) => chosen,
            Err(refused) => return refused,
        };
        let state = |at: &usize| self.lines[*at].state;
        let may_return = |at: &usize| matches!(state(at), LineState::Allocated | LineState::Dispatched);
        if !chosen.iter().any(may_return) || (lines.is_some() && !chosen.iter().all(may_return)) {
            return Answered::Refused("not_allocated");
        }
        let returning: Vec<usize> = chosen
            .into_iter()
            .filter(|at| may_return(at) && !self.lines[*at].gone.is_empty())
            .collect();
        let closed = |batch: &Reference| {
            self.batches
                .iter()
                .any(|other| other.reference == *batch && other.closed)
        };
        if returning
            .iter()
            .any(|at| self.lines[*at].gone.iter().any(|(batch, ..)| closed(batch)))
        {
            return Answered::Refused("batch_closed");
        }
        let precedence = self.terms_of(order).precedence;
        for at in &returning {
            let line = &mut self.lines[*at];
            line.precedence = precedence;
            line.quantity = line.total();
            line.state = LineState::Allocated;
            for (batch, units, since) in std::mem::take(&mut line.gone) {
                match line.held.iter_mut().find(|(other, ..)| *other == batch) {
                    Some((_, held, _)) => *held += units,
                    None => line.held.push((batch, units, since)),
                }
            }
            if line.promised.0.is_none() {
                let date = self.date(&self.lines[*at].held);
                self.lines[*at].promise(date);
            }
        }
        if returning.is_empty() {
            Answered::Unchanged
        } else {
            Answered::Done
        }
    }
}
