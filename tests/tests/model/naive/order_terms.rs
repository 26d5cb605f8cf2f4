//! The naive model's terms of orders: changed, and given to lines that are added.

use std::collections::BTreeSet;

use earmark_domain::{ChangeOrder, LineState, Location, OrderId, Reference, Sku};

use super::orders::Status;
use super::{Answered, Header, Line, Model, Offer, service_position};

impl Model {
    /// The terms of an order, if it has some of its own.
    pub(super) fn terms_of(&self, order: &OrderId) -> Header {
        let none = Header {
            precedence: (0, None),
            deadline: None,
            asked: None,
        };
        self.headers.get(order).cloned().unwrap_or(none)
    }

    /// The terms that a line gets that is added to an order.
    pub(super) fn terms_for_new_line(&self, order: &OrderId) -> Result<Header, Answered> {
        let terms = self.terms_of(order);
        if self.of_order(order).is_empty() {
            return Ok(terms);
        }
        match self.status(order) {
            Status::Cancelled => Err(Answered::Refused("order_cancelled")),
            Status::Expired => Err(Answered::Refused("hold_expired")),
            // The hold on another product may not be ended yet.
            Status::Held if terms.deadline.is_some_and(|deadline| deadline <= self.seconds) => {
                Err(Answered::Refused("hold_expired"))
            }
            Status::Held => Ok(terms),
            Status::Firm | Status::Dispatched => Ok(Header {
                deadline: None,
                ..terms
            }),
        }
    }

    pub(super) fn change_order(&mut self, command: &ChangeOrder) -> Answered {
        let (order, change) = (&command.order, &command.change);
        let lines = self.of_order(order);
        if lines.is_empty() {
            return Answered::Refused("unknown_order");
        }
        match self.status(order) {
            Status::Held | Status::Firm => {}
            Status::Cancelled => return Answered::Refused("order_cancelled"),
            Status::Expired => return Answered::Refused("hold_expired"),
            Status::Dispatched => return Answered::Refused("already_dispatched"),
        }
        if !change.locations.iter().all(|named| self.has_had_stock_at(named)) {
            return Answered::Refused("unknown_location");
        }
        let before = self.terms_of(order);
        let priority = change.priority.map_or(before.precedence.0, |priority| priority.get());
        let required_by = change.required_by.unwrap_or(before.precedence.1);
        let precedence = (priority, required_by);
        let open: Vec<usize> = lines.iter().copied().filter(|at| self.lines[*at].is_open()).collect();
        let new_locations = change.locations.as_ref().map(|locations| locations.as_slice());
        let has_locations = |at: &usize| new_locations.is_none_or(|new| self.lines[*at].locations == new);
        if precedence == before.precedence && open.iter().all(has_locations) {
            return Answered::Unchanged;
        }
        self.headers.insert(order.clone(), Header { precedence, ..before });
        let mut leaving = Vec::new();
        for &at in &open {
            self.lines[at].precedence = precedence;
            if let Some(new) = new_locations {
                self.lines[at].locations = new.to_vec();
            }
            if self.has_units_elsewhere(&self.lines[at]) {
                let line = &mut self.lines[at];
                line.held.clear();
                line.state = LineState::Backordered;
                line.promised.0 = None;
                leaving.push(at);
            }
        }
        leaving.sort_by_key(|at| service_position(&self.lines[*at]));
        for at in leaving {
            self.try_line(at, Offer::Lost);
        }
        let touched: BTreeSet<Sku> = open.iter().map(|at| self.lines[*at].sku.clone()).collect();
        for sku in &touched {
            self.serve(sku);
        }
        Answered::Done
    }

    /// Whether a line has units where they may not come from.
    fn has_units_elsewhere(&self, line: &Line) -> bool {
        let location = |reference: &Reference| {
            let mut batches = self.batches.iter();
            let batch = batches.find(|batch| batch.reference == *reference);
            &batch.expect("a batch").location
        };
        let is_named = |location: &Location| line.locations.is_empty() || line.locations.contains(location);
        line.held.iter().any(|(reference, ..)| !is_named(location(reference)))
    }
}
