//! The naive model's orders: allocated, placed, replaced and confirmed.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    Allocate, ConfirmOrder, LineId, LineKey, LineState, OnOrderShortage, OnShortage, OrderId, PlaceOrder, Sku,
};

use super::{Answered, Header, Line, Model, Offer};

/// The status of an order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    Held,
    Firm,
    Expired,
    Cancelled,
    Dispatched,
}

impl Model {
    pub(super) fn named(&self, key: &LineKey) -> Result<usize, Answered> {
        if self.of_order(&key.order).is_empty() {
            return Err(Answered::Refused("unknown_order"));
        }
        let found = self.lines.iter().position(|line| line.key == *key);
        found.ok_or(Answered::Refused("unknown_line"))
    }

    pub(super) fn status(&self, order: &OrderId) -> Status {
        let lines: Vec<&Line> = self.of_order(order).into_iter().map(|at| &self.lines[at]).collect();
        let any = |test: &dyn Fn(&Line) -> bool| lines.iter().any(|line| test(line));
        if any(&|line| line.state == LineState::Expired) {
            Status::Expired
        } else if any(&|line| line.is_open() && line.deadline.is_some()) {
            Status::Held
        } else if any(&|line| line.is_open()) {
            Status::Firm
        } else if any(&|line| line.state == LineState::Dispatched) {
            Status::Dispatched
        } else {
            Status::Cancelled
        }
    }

    pub(super) fn allocate(&mut self, allocate: &Allocate) -> Answered {
        let request = &allocate.line;
        let quantity = u64::from(request.quantity.get());
        if let Some(line) = self.lines.iter().find(|line| line.key == request.key) {
            let same = match &line.asked {
                Some(asked) => {
                    (asked.line.clone(), asked.on_shortage, asked.split, &asked.locations)
                        == (
                            request.clone(),
                            allocate.on_shortage,
                            allocate.split,
                            &allocate.locations,
                        )
                }
                None => {
                    line.sku == request.sku
                        && line.total() == quantity
                        && line.split == allocate.split
                        && line.locations == allocate.locations.as_slice()
                }
            };
            return match line.state {
                _ if !same => Answered::Refused("line_exists"),
                LineState::Refused | LineState::Cancelled | LineState::Expired => Answered::Refused("line_ended"),
                _ => Answered::Unchanged,
            };
        }
        if !self.knows(&request.sku) {
            return Answered::Refused("unknown_sku");
        }
        if !self.has_had_stock_at(&allocate.locations) {
            return Answered::Refused("unknown_location");
        }
        let header = match self.terms_for_new_line(&request.key.order) {
            Ok(header) => header,
            Err(refused) => return refused,
        };
        self.lines.push(Line {
            key: request.key.clone(),
            sku: request.sku.clone(),
            quantity,
            split: allocate.split,
            whole: false,
            placed: self.now,
            precedence: header.precedence,
            locations: allocate.locations.as_slice().to_vec(),
            deadline: header.deadline,
            state: LineState::Backordered,
            held: Vec::new(),
            asked: Some(allocate.clone()),
            gone: Vec::new(),
            promised: (None, None),
        });
        let fits = self.try_line(self.lines.len() - 1, Offer::New);
        if !fits && allocate.on_shortage == OnShortage::Reject {
            self.lines.pop();
            return Answered::Refused("out_of_stock");
        }
        Answered::Done
    }

    fn has_lines_of(&self, place: &PlaceOrder, whole: bool) -> bool {
        let lines = self.of_order(place.order()).into_iter().map(|at| &self.lines[at]);
        let stored: BTreeMap<&LineId, _> = lines
            .filter(|line| line.whole == whole)
            .map(|line| {
                (
                    &line.key.line,
                    (&line.sku, line.total(), line.split, line.locations.as_slice()),
                )
            })
            .collect();
        let split = place.terms().split;
        let requested = place.lines().iter();
        let requested: BTreeMap<&LineId, _> = requested
            .map(|line| {
                (
                    &line.line,
                    (
                        &line.sku,
                        u64::from(line.quantity.get()),
                        split,
                        line.locations.as_slice(),
                    ),
                )
            })
            .collect();
        stored == requested
    }

    fn was_placed_like(&self, place: &PlaceOrder) -> bool {
        let Some(asked) = self.headers.get(place.order()).and_then(|header| header.asked.as_ref()) else {
            return self.has_lines_of(place, false);
        };
        let lines = |request: &PlaceOrder| {
            let mut lines = request.lines().to_vec();
            lines.sort_by(|a, b| a.line.cmp(&b.line));
            lines
        };
        asked.terms() == place.terms() && lines(asked) == lines(place)
    }

    fn header(&self, place: &PlaceOrder) -> Header {
        let terms = place.terms();
        Header {
            precedence: (terms.precedence.priority().get(), terms.precedence.required_by()),
            deadline: terms.hold_for.map(|hold| self.seconds + hold.duration().as_secs()),
            asked: Some(place.clone()),
        }
    }

    fn line(&self, place: &PlaceOrder, line: &earmark_domain::OrderLine, header: &Header) -> Line {
        Line {
            key: LineKey {
                order: place.order().clone(),
                line: line.line.clone(),
            },
            sku: line.sku.clone(),
            quantity: u64::from(line.quantity.get()),
            split: place.terms().split,
            whole: true,
            placed: self.now,
            precedence: header.precedence,
            locations: line.locations.as_slice().to_vec(),
            deadline: header.deadline,
            state: LineState::Backordered,
            held: Vec::new(),
            asked: None,
            gone: Vec::new(),
            promised: (None, None),
        }
    }

    pub(super) fn place(&mut self, place: &PlaceOrder) -> Answered {
        if !self.of_order(place.order()).is_empty() {
            let same = self.was_placed_like(place);
            return match self.status(place.order()) {
                _ if !same => Answered::Refused("order_exists"),
                Status::Cancelled => Answered::Refused("order_cancelled"),
                Status::Expired => Answered::Refused("hold_expired"),
                Status::Held | Status::Firm | Status::Dispatched => Answered::Unchanged,
            };
        }
        let header = self.header(place);
        let refused = self.put_lines(place, &header, &self.lines.clone());
        if refused.is_none() {
            self.headers.insert(place.order().clone(), header);
        }
        refused.unwrap_or(Answered::Done)
    }

    /// Stores the lines of an order, in place of those that exist already, unless the order is refused. `before` are all
    /// lines before the command.
    fn put_lines(&mut self, place: &PlaceOrder, header: &Header, before: &[Line]) -> Option<Answered> {
        if place.lines().iter().any(|line| !self.knows(&line.sku)) {
            return Some(Answered::Refused("unknown_sku"));
        }
        if !place.lines().iter().all(|line| self.has_had_stock_at(&line.locations)) {
            return Some(Answered::Refused("unknown_location"));
        }
        let mut fitted = 0;
        for line in place.lines() {
            let mut line = self.line(place, line, header);
            let at = match self.lines.iter().position(|other| other.key == line.key) {
                Some(at) => {
                    let replaced = before
                        .iter()
                        .find(|other| other.key == line.key)
                        .filter(|other| other.is_open());
                    // An open line keeps its time of placing.
                    line.placed = replaced.map_or(line.placed, |replaced| replaced.placed);
                    // So does it keep what was told.
                    line.promised = replaced.map_or(line.promised, |replaced| (None, replaced.promised.1));
                    self.lines[at] = line;
                    at
                }
                None => {
                    self.lines.push(line);
                    self.lines.len() - 1
                }
            };
            if self.try_line(at, Offer::New) {
                fitted += 1;
                let key = &self.lines[at].key;
                if let Some(before) = before.iter().find(|other| other.key == *key && other.in_any_batch()) {
                    self.tell_again(at, before);
                }
            } else if place.terms().on_shortage == OnOrderShortage::Partial {
                self.lines[at].end(LineState::Refused);
            }
        }
        let refused = match place.terms().on_shortage {
            OnOrderShortage::Reject => fitted < place.lines().len(),
            OnOrderShortage::Partial => fitted == 0,
            OnOrderShortage::Backorder => false,
        };
        if refused {
            self.lines = before.to_vec();
            return Some(Answered::Refused("out_of_stock"));
        }
        None
    }

    pub(super) fn replace(&mut self, place: &PlaceOrder) -> Answered {
        let order = place.order();
        if self.of_order(order).is_empty() {
            return self.place(place);
        }
        match self.status(order) {
            Status::Held if self.headers.contains_key(order) => {}
            Status::Expired => return Answered::Refused("hold_expired"),
            Status::Cancelled => return Answered::Refused("order_cancelled"),
            _ if self.was_placed_like(place) => return Answered::Unchanged,
            _ => return Answered::Refused("not_held"),
        }
        let stored = self.headers[order].clone();
        let new = self.header(place);
        if stored.precedence == new.precedence && new.deadline.is_none() && self.has_lines_of(place, true) {
            return Answered::Unchanged;
        }
        if place.lines().iter().any(|line| !self.knows(&line.sku)) {
            return Answered::Refused("unknown_sku");
        }
        if !place.lines().iter().all(|line| self.has_had_stock_at(&line.locations)) {
            return Answered::Refused("unknown_location");
        }
        let own: BTreeSet<LineKey> = self
            .of_order(order)
            .into_iter()
            .map(|at| &self.lines[at])
            .filter(|line| line.whole || line.state == LineState::Cancelled)
            .map(|line| line.key.clone())
            .collect();
        for line in place.lines() {
            let named = self
                .lines
                .iter()
                .find(|other| other.key.order == *order && other.key.line == line.line);
            if named.is_some_and(|other| !own.contains(&other.key) || other.sku != line.sku) {
                return Answered::Refused("line_exists");
            }
        }
        let header = Header {
            deadline: new.deadline.or(stored.deadline),
            ..new
        };
        let before = self.clone();
        let mut touched: BTreeSet<Sku> = place.lines().iter().map(|line| line.sku.clone()).collect();
        let requested: BTreeSet<&LineId> = place.lines().iter().map(|line| &line.line).collect();
        for line in self.lines.iter_mut().filter(|line| own.contains(&line.key)) {
            touched.insert(line.sku.clone());
            line.held.clear();
            if !requested.contains(&line.key.line) {
                line.end(LineState::Cancelled);
                line.whole = false;
            } else if !line.is_open() {
                line.state = LineState::Cancelled;
            }
        }
        if let Some(refused) = self.put_lines(place, &header, &before.lines) {
            *self = before;
            return refused;
        }
        // A line that was added to it gets its new terms, too.
        for line in self.lines.iter_mut().filter(|line| line.key.order == *order) {
            if line.is_open() && !line.whole {
                (line.precedence, line.deadline) = (header.precedence, header.deadline);
                touched.insert(line.sku.clone());
            }
        }
        self.headers.insert(order.clone(), header);
        for sku in &touched {
            self.serve(sku);
        }
        Answered::Unchanged
    }

    pub(super) fn confirm(&mut self, confirm: &ConfirmOrder) -> Answered {
        let order = &confirm.order;
        let lines = self.of_order(order);
        if lines.is_empty() {
            return Answered::Refused("unknown_order");
        }
        let mut wanted: BTreeMap<usize, u64> = BTreeMap::new();
        match &confirm.lines {
            None => wanted.extend(lines.iter().map(|at| (*at, self.lines[*at].quantity))),
            Some(some) => {
                for line in some {
                    let key = LineKey {
                        order: order.clone(),
                        line: line.line.clone(),
                    };
                    let at = match self.named(&key) {
                        Ok(at) => at,
                        Err(refused) => return refused,
                    };
                    let held = self.lines[at].quantity;
                    let quantity = line.quantity.map_or(held, |units| u64::from(units.get()));
                    if quantity > held {
                        return Answered::Refused("exceeds_hold");
                    }
                    wanted.insert(at, quantity);
                }
            }
        }
        let in_state = |at: &usize, state: LineState| self.lines[*at].state == state;
        let brought_back = |at: &usize| in_state(at, LineState::Refused) || in_state(at, LineState::Cancelled);
        if confirm.lines.is_some() && wanted.keys().any(brought_back) {
            return Answered::Refused("line_ended");
        }
        let is_held = |at: &usize| self.lines[*at].is_open() && self.lines[*at].deadline.is_some();
        if wanted.keys().any(|at| in_state(at, LineState::Expired)) {
            if !confirm.reacquire {
                return Answered::Refused("hold_expired");
            }
        } else if !lines.iter().any(is_held) {
            return match self.status(order) {
                Status::Cancelled => Answered::Refused("not_held"),
                _ => Answered::Unchanged,
            };
        }
        if !self.reacquire(&wanted) {
            return Answered::Refused("hold_expired");
        }
        let mut touched = BTreeSet::new();
        for at in lines {
            if !self.lines[at].is_open() || self.lines[at].deadline.is_none() {
                continue;
            }
            touched.insert(self.lines[at].sku.clone());
            match wanted.get(&at) {
                None => self.lines[at].end(LineState::Cancelled),
                Some(quantity) => {
                    self.reduce(at, *quantity);
                    let line = &mut self.lines[at];
                    line.deadline = None;
                    if line.state == LineState::Held {
                        line.state = LineState::Allocated;
                    }
                }
            }
        }
        for sku in &touched {
            self.serve(sku);
        }
        Answered::Done
    }

    fn reacquire(&mut self, wanted: &BTreeMap<usize, u64>) -> bool {
        let before = self.lines.clone();
        for (at, quantity) in wanted {
            if self.lines[*at].state != LineState::Expired {
                continue;
            }
            self.lines[*at].quantity = *quantity;
            self.lines[*at].deadline = None;
            // It is placed anew: nothing was promised to it.
            self.lines[*at].promised = (None, None);
            if !self.try_line(*at, Offer::New) {
                self.lines = before;
                return false;
            }
        }
        true
    }
}
