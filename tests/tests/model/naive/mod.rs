//! A naive model of the domain: it stores batches and lines with their allocations, computes everything from them each
//! time, in the simplest way, and shares no code with the domain but the types of the commands.

mod lines;
mod order_terms;
mod orders;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    Allocate, Command, Delivery, Dispatch, LineKey, LineState, Location, Locations, OrderId, PlaceOrder, Reference, Sku,
};
use jiff::civil::Date;

use earmark_tests::build::day;

use self::stock::rest_names;

#[derive(Debug, Clone)]
pub(crate) struct Batch {
    reference: Reference,
    sku: Sku,
    location: Location,
    created: (u64, Option<Date>),
    quantity: u64,
    eta: Option<Date>,
    /// The day and the quantity that were expected before it was received, and the units that arrived.
    receipt: Option<(Date, u64, u64)>,
    closed: bool,
}

/// The state of each line: its state, quantity, units by batch, and the days that were told last and first.
pub(crate) type LineStates =
    BTreeMap<LineKey, (LineState, u32, BTreeMap<Reference, u64>, (Option<Date>, Option<Date>))>;

/// Units in a batch, and when they were allocated there: by which step, and by one step in the order of service.
type Held = (Reference, u64, usize);

#[derive(Debug, Clone)]
pub(crate) struct Line {
    key: LineKey,
    sku: Sku,
    quantity: u64,
    split: bool,
    whole: bool,
    /// The step at which it was placed.
    placed: usize,
    /// Priority and required date.
    precedence: (i32, Option<Date>),
    locations: Vec<Location>,
    /// In seconds.
    deadline: Option<i64>,
    state: LineState,
    /// Its allocations; once it is dispatched, its dispatches.
    held: Vec<Held>,
    /// The request that placed it alone.
    asked: Option<Allocate>,
    /// The units that have left, in the order in which they left.
    gone: Vec<Held>,
    /// The day it is promised for, as it was last told, and the day that was told first.
    promised: (Option<Date>, Option<Date>),
}

#[derive(Debug, Clone)]
pub(crate) struct Header {
    precedence: (i32, Option<Date>),
    deadline: Option<i64>,
    /// The request that placed it, or replaced it last; none for lines that were placed one by one.
    asked: Option<PlaceOrder>,
}

/// The answer to a command, as far as the model knows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Done,
    Unchanged,
    Refused(&'static str),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    /// In the order they were created.
    batches: Vec<Batch>,
    lines: Vec<Line>,
    headers: BTreeMap<OrderId, Header>,
    safety_stock: BTreeMap<Sku, u64>,
    /// The number of steps so far: commands, and ends of holds. No clock tells what came first.
    now: usize,
    /// The seconds that have passed.
    seconds: i64,
    /// The days that have passed.
    days: i8,
}

/// For how many days an overdue batch is offered.
const GRACE: i8 = 7;

/// What is offered to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// To one whose units were not promised before: what is not kept back, and not too long overdue.
    New,
    /// To one that moves to an earlier date: what is not too long overdue.
    Move,
    /// To one that lost its units: all, what is too long overdue last.
    Lost,
}

/// The order of service: by priority, the highest first, then by required date, none last, then by the order of placing.
fn service_position(line: &Line) -> (i32, Date, usize, LineKey) {
    let (priority, required_by) = line.precedence;
    (
        -priority,
        required_by.unwrap_or(Date::MAX),
        line.placed,
        line.key.clone(),
    )
}

impl Line {
    fn is_open(&self) -> bool {
        matches!(
            self.state,
            LineState::Held | LineState::Allocated | LineState::Backordered
        )
    }

    fn in_any_batch(&self) -> bool {
        matches!(self.state, LineState::Held | LineState::Allocated)
    }

    fn in_batch(&self, reference: &Reference) -> Option<&Held> {
        let here = matches!(self.state, LineState::Held | LineState::Allocated);
        self.held.iter().find(|(batch, ..)| here && batch == reference)
    }

    /// Ends the line. What has left stays so, and is all that it wanted.
    fn end(&mut self, state: LineState) {
        self.deadline = None;
        self.held.clear();
        if self.gone.is_empty() {
            self.state = state;
            self.promised.0 = None;
        } else {
            self.state = LineState::Dispatched;
            self.quantity = self.units_gone();
        }
    }

    fn units_gone(&self) -> u64 {
        self.gone.iter().map(|(_, units, _)| units).sum()
    }

    /// All its units, whether it still wants them or they have left.
    fn total(&self) -> u64 {
        match self.state {
            LineState::Dispatched => self.quantity,
            _ => self.quantity + self.units_gone(),
        }
    }

    fn promise(&mut self, date: Option<Date>) {
        self.promised = (date, self.promised.1.or(date));
    }
}

impl Model {
    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.seconds += seconds;
    }

    fn available(&self, batch: &Batch) -> u64 {
        let held = self.lines.iter().flat_map(|line| line.held.iter().chain(&line.gone));
        let here = held.filter(|(reference, ..)| *reference == batch.reference);
        let committed: u64 = here.map(|(_, units, _)| units).sum();
        batch.quantity.checked_sub(committed).expect("never more than it holds")
    }

    fn dispatched(&self, reference: &Reference) -> u64 {
        let gone = self.lines.iter().flat_map(|line| &line.gone);
        gone.filter(|(batch, ..)| batch == reference)
            .map(|(_, units, _)| units)
            .sum()
    }

    pub(crate) fn today(&self) -> Date {
        day(self.days)
    }

    fn is_long_overdue(&self, batch: &Batch) -> bool {
        batch.eta.is_some_and(|eta| eta < day(self.days - GRACE))
    }

    /// Lets days pass.
    pub(crate) fn pass_days(&mut self, days: i8) {
        self.days += days;
        self.seconds += i64::from(days) * 24 * 60 * 60;
    }

    /// Batches of a SKU with their available units, in the order they are tried for a line.
    fn candidates(&self, sku: &Sku, locations: &[Location], offer: Offer) -> Vec<(Reference, u64)> {
        let mut own: Vec<&Batch> = self.batches.iter().filter(|batch| batch.sku == *sku).collect();
        own.sort_by_key(|batch| batch.eta.map_or((0, None), |eta| (1, Some(eta))));
        let rank = |batch: &Batch| locations.iter().position(|location| *location == batch.location);
        if !locations.is_empty() {
            own.retain(|batch| rank(batch).is_some());
            own.sort_by_key(|batch| rank(batch));
        }
        own.sort_by_key(|batch| self.is_long_overdue(batch));
        own.retain(|batch| offer == Offer::Lost || !self.is_long_overdue(batch));
        own.iter()
            .map(|batch| (batch.reference.clone(), self.available(batch)))
            .collect()
    }

    /// Units that may be promised: the available ones beyond the safety stock.
    pub(crate) fn promisable(&self, sku: &Sku) -> u64 {
        let total: u64 = self.candidates(sku, &[], Offer::New).iter().map(|(_, free)| free).sum();
        total.saturating_sub(self.safety_stock.get(sku).copied().unwrap_or(0))
    }

    /// Whether a product has units beyond its safety stock, whatever the day.
    pub(crate) fn is_in_stock(&self, sku: &Sku) -> bool {
        let total: u64 = self
            .candidates(sku, &[], Offer::Lost)
            .iter()
            .map(|(_, free)| free)
            .sum();
        total > self.safety_stock.get(sku).copied().unwrap_or(0)
    }

    /// Whether there ever was a batch of a product.
    pub(crate) fn has_batches(&self, sku: &Sku) -> bool {
        self.batches.iter().any(|batch| batch.sku == *sku)
    }

    fn parts_for(&self, line: &Line, wanted: u64, offer: Offer) -> Option<Vec<(Reference, u64)>> {
        if offer == Offer::New && wanted > self.promisable(&line.sku) {
            return None;
        }
        let candidates = self.candidates(&line.sku, &line.locations, offer);
        if !line.split {
            let found = candidates.into_iter().find(|(_, free)| *free >= wanted);
            return found.map(|(batch, _)| vec![(batch, wanted)]);
        }
        let mut left = wanted;
        let mut parts = Vec::new();
        for (batch, free) in candidates {
            let given = free.min(left);
            if given > 0 {
                parts.push((batch, given));
                left -= given;
            }
        }
        (left == 0).then_some(parts)
    }

    /// Allocates a line if it fits, and tells it a day.
    fn try_line(&mut self, at: usize, offer: Offer) -> bool {
        let line = &self.lines[at];
        let Some(parts) = self.parts_for(line, line.quantity, offer) else {
            return false;
        };
        let now = self.now;
        let line = &mut self.lines[at];
        line.state = match line.deadline {
            Some(_) => LineState::Held,
            None => LineState::Allocated,
        };
        line.held = parts.into_iter().map(|(batch, units)| (batch, units, now)).collect();
        let date = self.date(&self.lines[at].held);
        self.lines[at].promise(date);
        true
    }

    /// The day for which units are promised when it is told today.
    fn date<'a>(&self, held: impl IntoIterator<Item = &'a Held>) -> Option<Date> {
        let today = self.today();
        let leaves = |reference: &Reference| {
            let mut batches = self.batches.iter();
            let batch = batches.find(|batch| batch.reference == *reference).expect("a batch");
            match batch.eta {
                Some(eta) if eta >= today => eta,
                Some(_) => day(self.days + 1),
                None => today,
            }
        };
        held.into_iter().map(|(batch, ..)| leaves(batch)).max()
    }

    /// Tells a line that got other units because its customer wants others, or other terms: what it keeps was told before.
    fn tell_again(&mut self, at: usize, before: &Line) {
        let line = &self.lines[at];
        let units = |line: &Line, batch: &Reference| line.in_batch(batch).map_or(0, |(_, units, _)| *units);
        let added: Vec<Held> = line
            .held
            .iter()
            .filter(|(batch, ..)| units(line, batch) > units(before, batch))
            .cloned()
            .collect();
        let freed = before
            .held
            .iter()
            .any(|(batch, ..)| units(before, batch) > units(line, batch));
        let (told, now) = (before.promised.0, self.date(&line.held));
        let date = match (freed, added.is_empty()) {
            (false, true) => told,
            (false, false) => self.date(&added).max(told),
            (true, true) => now.min(told),
            (true, false) => now,
        };
        self.lines[at].promise(date);
    }

    /// Moves each line of a product to stock that gives it an earlier date, and serves whoever waits from what it
    /// leaves, until no line moves.
    pub(crate) fn reallocate(&mut self, sku: &Sku) {
        loop {
            let all = 0..self.lines.len();
            let mut lines: Vec<usize> = all
                .filter(|at| self.lines[*at].sku == *sku)
                .filter(|at| !self.lines[*at].held.is_empty())
                .collect();
            lines.sort_by_key(|at| service_position(&self.lines[*at]));
            let mut moved = false;
            for at in lines {
                let before = self.lines[at].clone();
                let date = self.date(&before.held);
                if date <= Some(self.today()) || before.quantity > self.promisable(sku) {
                    continue;
                }
                self.lines[at].held.clear();
                if self.try_line(at, Offer::New) && self.date(&self.lines[at].held) < date {
                    moved = true;
                } else {
                    self.lines[at] = before;
                }
            }
            self.settle();
            if !moved {
                return;
            }
            self.now += 1;
            self.serve(sku);
            self.settle();
        }
    }

    /// Ends a step: lines that got units by it got them in the order of service.
    fn settle(&mut self) {
        let now = self.now;
        let all = 0..self.lines.len();
        let mut new: Vec<usize> = all
            .filter(|at| self.lines[*at].held.iter().any(|(.., since)| *since == now))
            .collect();
        new.sort_by_key(|at| service_position(&self.lines[*at]));
        for at in new {
            for (.., since) in self.lines[at].held.iter_mut().filter(|(.., since)| *since == now) {
                *since = self.now;
            }
            self.now += 1;
        }
    }

    fn serve(&mut self, sku: &Sku) {
        let all = 0..self.lines.len();
        let mut waiting: Vec<usize> = all
            .filter(|at| self.lines[*at].sku == *sku && self.lines[*at].state == LineState::Backordered)
            .filter(|at| self.lines[*at].deadline.is_none_or(|deadline| deadline > self.seconds))
            .collect();
        waiting.sort_by_key(|at| service_position(&self.lines[*at]));
        for at in waiting {
            self.try_line(at, Offer::New);
        }
    }

    fn knows(&self, sku: &Sku) -> bool {
        self.safety_stock.contains_key(sku)
    }

    /// Whether each of these locations ever had a batch.
    fn has_had_stock_at(&self, locations: &Locations) -> bool {
        let had_stock = |location: &Location| self.batches.iter().any(|batch| batch.location == *location);
        locations.as_slice().iter().all(had_stock)
    }

    fn of_order(&self, order: &OrderId) -> Vec<usize> {
        let all = 0..self.lines.len();
        let mut own: Vec<usize> = all.filter(|at| self.lines[*at].key.order == *order).collect();
        own.sort_by_key(|at| self.lines[*at].key.clone());
        own
    }

    /// The products that a command touches.
    fn touched(&self, command: &Command) -> BTreeSet<Sku> {
        let of_order = |order: &OrderId| {
            let lines = self.of_order(order).into_iter();
            lines.map(|at| self.lines[at].sku.clone()).collect::<BTreeSet<Sku>>()
        };
        let of_batch = |reference: &Reference| {
            let found = self.batches.iter().find(|batch| batch.reference == *reference);
            found
                .map(|batch| batch.sku.clone())
                .into_iter()
                .collect::<BTreeSet<Sku>>()
        };
        match command {
            Command::PutProduct(put) => BTreeSet::from([put.sku.clone()]),
            Command::CreateBatch(create) => {
                let mut skus = of_batch(&create.reference);
                skus.insert(create.sku.clone());
                skus
            }
            Command::ChangeBatch(change) => of_batch(&change.reference),
            Command::ReceiveBatch {
                reference,
                delivery: Delivery::Part { rest, .. },
            } => {
                let mut skus = of_batch(reference);
                let named = rest_names(reference, rest.reference.as_ref());
                skus.extend(named.iter().flat_map(&of_batch));
                skus
            }
            Command::ReceiveBatch { reference, .. }
            | Command::UndoReceipt(reference)
            | Command::CancelBatch(reference) => of_batch(reference),
            Command::Allocate(allocate) => BTreeSet::from([allocate.line.sku.clone()]),
            Command::PlaceOrder(place) | Command::ReplaceOrder(place) => {
                let mut skus = of_order(place.order());
                skus.extend(place.lines().iter().map(|line| line.sku.clone()));
                skus
            }
            Command::ConfirmOrder(confirm) => of_order(&confirm.order),
            Command::ChangeOrder(change) => of_order(&change.order),
            Command::ChangeLineQuantity { key, .. } | Command::CancelLine(key) => of_order(&key.order),
            Command::CancelOrder(order)
            | Command::Dispatch(Dispatch { order, .. })
            | Command::UndoDispatch { order, .. } => of_order(order),
            Command::Reallocate(sku) => BTreeSet::from([sku.clone()]),
            Command::Quote(_) | Command::ExpireHolds(_) | Command::PassDay(_) | Command::Continue(_) => {
                unreachable!("not generated")
            }
        }
    }

    /// Expires all due holds on a product, and serves its backlog.
    fn expire(&mut self, sku: &Sku) {
        self.now += 1;
        let seconds = self.seconds;
        let is_due = move |line: &Line| line.is_open() && line.deadline.is_some_and(|deadline| deadline <= seconds);
        let due = self.lines.iter().filter(|line| line.sku == *sku && is_due(line));
        let orders: BTreeSet<OrderId> = due.map(|line| line.key.order.clone()).collect();
        for line in &mut self.lines {
            if orders.contains(&line.key.order) && is_due(line) {
                line.end(LineState::Expired);
            }
        }
        self.serve(sku);
        self.settle();
    }

    /// Expires all due holds.
    pub(crate) fn sweep(&mut self) {
        let skus: Vec<Sku> = self.safety_stock.keys().cloned().collect();
        for sku in &skus {
            self.expire(sku);
        }
        // An order that expired for one product may have freed units of another.
        for sku in &skus {
            self.now += 1;
            self.serve(sku);
            self.settle();
        }
    }

    pub(crate) fn run(&mut self, command: &Command) -> Answered {
        for sku in self.touched(command) {
            self.expire(&sku);
        }
        self.now += 1;
        let answered = self.decide(command);
        self.settle();
        answered
    }

    fn decide(&mut self, command: &Command) -> Answered {
        match command {
            Command::PutProduct(put) => self.put(put),
            Command::CreateBatch(create) => self.create(create),
            Command::ChangeBatch(change) => self.change(change),
            Command::ReceiveBatch { reference, delivery } => match delivery {
                Delivery::Whole { counted } => self.receive(reference, *counted),
                Delivery::Part { arrived, rest } => self.receive_part(reference, u64::from(arrived.get()), rest),
            },
            Command::UndoReceipt(reference) => self.undo_receipt(reference),
            Command::CancelBatch(reference) => self.cancel_batch(reference),
            Command::Allocate(allocate) => self.allocate(allocate),
            Command::PlaceOrder(place) => self.place(place),
            Command::ReplaceOrder(place) => self.replace(place),
            Command::ConfirmOrder(confirm) => self.confirm(confirm),
            Command::ChangeOrder(change) => self.change_order(change),
            Command::ChangeLineQuantity { key, quantity } => self.change_quantity(key, u64::from(quantity.get())),
            Command::CancelLine(key) => match self.named(key) {
                Ok(at) => self.cancel(&[at]),
                Err(refused) => refused,
            },
            Command::CancelOrder(order) => match self.of_order(order) {
                lines if lines.is_empty() => Answered::Refused("unknown_order"),
                lines => self.cancel(&lines),
            },
            Command::Dispatch(dispatch) => self.dispatch(dispatch),
            Command::UndoDispatch { order, lines } => self.undo_dispatch(order, lines.as_ref()),
            Command::Reallocate(sku) if !self.knows(sku) => Answered::Refused("unknown_sku"),
            Command::Reallocate(sku) => {
                let before = self.lines.iter().map(|line| line.held.clone()).collect::<Vec<_>>();
                self.reallocate(sku);
                let after = self.lines.iter().map(|line| line.held.clone()).collect::<Vec<_>>();
                if before == after {
                    Answered::Unchanged
                } else {
                    Answered::Done
                }
            }
            Command::Quote(_) | Command::ExpireHolds(_) | Command::PassDay(_) | Command::Continue(_) => {
                unreachable!("not generated")
            }
        }
    }

    /// Each line's state, quantity, allocations or dispatches by batch, and what it is promised: the last day and the
    /// first.
    pub(crate) fn line_states(&self) -> LineStates {
        let states = self.lines.iter().map(|line| {
            let mut units = BTreeMap::new();
            for (batch, number, _) in line.held.iter().chain(&line.gone) {
                *units.entry(batch.clone()).or_default() += number;
            }
            let quantity = u32::try_from(line.quantity).expect("a quantity");
            (line.key.clone(), (line.state, quantity, units, line.promised))
        });
        states.collect()
    }
}
