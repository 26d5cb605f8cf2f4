//! The aggregate against a naive model: random commands, and after each of them the same books.
//!
//! The model keeps nothing but lines and what they hold. It counts everything anew each time, in the plainest way, and
//! shares no code with the domain but the types of the commands.

#[expect(dead_code, reason = "the sentences of rules.rs ask more questions")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{
    Command, CreateBatch, LineKey, LineState, OnOrderShortage, OnShortage, OrderId, Outcome, PlaceOrder, Reference,
    Sku, Wish,
};
use jiff::civil::Date;
use proptest::prelude::*;
use support::{Books, allocate, allocate_split, backorder, cancel_line, cancel_order, count, create_batch, day, place};

#[derive(Debug, Clone)]
struct Batch {
    reference: Reference,
    sku: Sku,
    created: u64,
    quantity: u64,
    eta: Option<Date>,
}

#[derive(Debug, Clone)]
struct Line {
    key: LineKey,
    sku: Sku,
    quantity: u64,
    split: bool,
    whole: bool,
    placed: usize,
    state: LineState,
    /// Batch, units, and when they were earmarked.
    held: Vec<(Reference, u64, usize)>,
}

/// What a command comes to, as far as the model tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Done,
    Unchanged,
    Refused(&'static str),
}

#[derive(Debug, Default)]
struct Model {
    /// In the order they were created.
    batches: Vec<Batch>,
    lines: Vec<Line>,
    placed: BTreeSet<OrderId>,
    now: usize,
}

impl Model {
    fn free(&self, batch: &Batch) -> u64 {
        let held: u64 = self
            .lines
            .iter()
            .flat_map(|line| &line.held)
            .filter(|(reference, ..)| *reference == batch.reference)
            .map(|(_, units, _)| units)
            .sum();
        batch.quantity.checked_sub(held).expect("never more than it holds")
    }

    /// Batches of a SKU with what is free, in the order they are tried.
    fn offer(&self, sku: &Sku) -> Vec<(Reference, u64)> {
        let mut own: Vec<&Batch> = self.batches.iter().filter(|batch| batch.sku == *sku).collect();
        own.sort_by_key(|batch| batch.eta.map_or((0, None), |eta| (1, Some(eta))));
        own.iter()
            .map(|batch| (batch.reference.clone(), self.free(batch)))
            .collect()
    }

    fn room(&self, sku: &Sku, wanted: u64, split: bool) -> Option<Vec<(Reference, u64)>> {
        let offer = self.offer(sku);
        if !split {
            return offer
                .into_iter()
                .find(|(_, free)| *free >= wanted)
                .map(|(batch, _)| vec![(batch, wanted)]);
        }
        let mut left = wanted;
        let mut parts = Vec::new();
        for (batch, free) in offer {
            let given = free.min(left);
            if given > 0 {
                parts.push((batch, given));
                left -= given;
            }
        }
        (left == 0).then_some(parts)
    }

    fn try_line(&mut self, at: usize) -> bool {
        let line = &self.lines[at];
        let Some(parts) = self.room(&line.sku.clone(), line.quantity, line.split) else {
            return false;
        };
        let now = self.now;
        let line = &mut self.lines[at];
        line.state = LineState::Allocated;
        line.held = parts.into_iter().map(|(batch, units)| (batch, units, now)).collect();
        true
    }

    fn serve(&mut self, sku: &Sku) {
        let mut waiting: Vec<usize> = (0..self.lines.len())
            .filter(|at| self.lines[*at].sku == *sku && self.lines[*at].state == LineState::Backordered)
            .collect();
        waiting.sort_by_key(|at| (self.lines[*at].placed, self.lines[*at].key.clone()));
        for at in waiting {
            self.try_line(at);
        }
    }

    fn knows(&self, sku: &Sku) -> bool {
        self.batches.iter().any(|batch| batch.sku == *sku)
    }

    fn add(&mut self, key: LineKey, sku: Sku, quantity: u64, split: bool, whole: bool) -> usize {
        self.lines.push(Line {
            key,
            sku,
            quantity,
            split,
            whole,
            placed: self.now,
            state: LineState::Backordered,
            held: Vec::new(),
        });
        self.lines.len() - 1
    }

    fn run(&mut self, command: &Command) -> Told {
        self.now += 1;
        match command {
            Command::CreateBatch(create) => self.create(create),
            Command::ChangeBatchQuantity { reference, quantity } => self.count(reference, u64::from(quantity.get())),
            Command::Allocate(allocate) => self.allocate(&allocate.wish, allocate.on_shortage, allocate.split),
            Command::PlaceOrder(order) => self.place(order),
            Command::CancelLine(key) => {
                if !self.lines.iter().any(|line| line.key.order == key.order) {
                    return Told::Refused("unknown_order");
                }
                match self.lines.iter().position(|line| line.key == *key) {
                    Some(at) => self.cancel(&[at]),
                    None => Told::Refused("unknown_line"),
                }
            }
            Command::CancelOrder(order) => {
                let all: Vec<usize> = (0..self.lines.len())
                    .filter(|at| self.lines[*at].key.order == *order)
                    .collect();
                if all.is_empty() {
                    Told::Refused("unknown_order")
                } else {
                    self.cancel(&all)
                }
            }
            Command::NameProduct { .. } | Command::ServeBacklog(_) => unreachable!("not drawn"),
        }
    }

    fn create(&mut self, create: &CreateBatch) -> Told {
        if let Some(batch) = self.batches.iter().find(|batch| batch.reference == create.reference) {
            let same =
                batch.sku == create.sku && batch.created == u64::from(create.quantity.get()) && batch.eta == create.eta;
            return if same {
                Told::Unchanged
            } else {
                Told::Refused("batch_exists")
            };
        }
        self.batches.push(Batch {
            reference: create.reference.clone(),
            sku: create.sku.clone(),
            created: u64::from(create.quantity.get()),
            quantity: u64::from(create.quantity.get()),
            eta: create.eta,
        });
        self.serve(&create.sku);
        Told::Done
    }

    fn allocate(&mut self, wish: &Wish, on_shortage: OnShortage, split: bool) -> Told {
        let quantity = u64::from(wish.quantity.get());
        if let Some(line) = self.lines.iter().find(|line| line.key == wish.key) {
            let same = line.sku == wish.sku && line.quantity == quantity;
            return if same {
                Told::Unchanged
            } else {
                Told::Refused("line_exists")
            };
        }
        if !self.knows(&wish.sku) {
            return Told::Refused("unknown_sku");
        }
        let at = self.add(wish.key.clone(), wish.sku.clone(), quantity, split, false);
        if !self.try_line(at) && on_shortage == OnShortage::Reject {
            self.lines.pop();
            return Told::Refused("out_of_stock");
        }
        Told::Done
    }

    fn place(&mut self, order: &PlaceOrder) -> Told {
        if self.lines.iter().any(|line| line.key.order == *order.order()) {
            let whole = self.placed.contains(order.order());
            let stands: BTreeMap<_, _> = self
                .lines
                .iter()
                .filter(|line| line.key.order == *order.order() && line.whole == whole)
                .map(|line| (line.key.line.clone(), (line.sku.clone(), line.quantity)))
                .collect();
            let asked: BTreeMap<_, _> = order
                .lines()
                .iter()
                .map(|line| (line.line.clone(), (line.sku.clone(), u64::from(line.quantity.get()))))
                .collect();
            return if stands == asked {
                Told::Unchanged
            } else {
                Told::Refused("order_exists")
            };
        }
        if order.lines().iter().any(|line| !self.knows(&line.sku)) {
            return Told::Refused("unknown_sku");
        }
        let first = self.lines.len();
        let mut fitted = 0;
        for line in order.lines() {
            let key = LineKey {
                order: order.order().clone(),
                line: line.line.clone(),
            };
            let at = self.add(
                key,
                line.sku.clone(),
                u64::from(line.quantity.get()),
                order.split(),
                true,
            );
            if self.try_line(at) {
                fitted += 1;
            } else if order.on_shortage() == OnOrderShortage::Partial {
                self.lines[at].state = LineState::Refused;
            }
        }
        let refused = match order.on_shortage() {
            OnOrderShortage::Reject => fitted < order.lines().len(),
            OnOrderShortage::Partial => fitted == 0,
            OnOrderShortage::Backorder => false,
        };
        if refused {
            self.lines.truncate(first);
            return Told::Refused("out_of_stock");
        }
        self.placed.insert(order.order().clone());
        Told::Done
    }

    fn cancel(&mut self, lines: &[usize]) -> Told {
        let mut skus = BTreeSet::new();
        for at in lines {
            let line = &mut self.lines[*at];
            if matches!(line.state, LineState::Allocated | LineState::Backordered) {
                line.state = LineState::Cancelled;
                line.held.clear();
                skus.insert(line.sku.clone());
            }
        }
        for sku in &skus {
            self.serve(sku);
        }
        if skus.is_empty() { Told::Unchanged } else { Told::Done }
    }

    fn count(&mut self, reference: &Reference, to: u64) -> Told {
        let Some(at) = self.batches.iter().position(|batch| batch.reference == *reference) else {
            return Told::Refused("unknown_batch");
        };
        let (sku, from) = (self.batches[at].sku.clone(), self.batches[at].quantity);
        if from == to {
            return Told::Unchanged;
        }
        let held = from - self.free(&self.batches[at]);
        let here = |line: &Line| {
            line.held
                .iter()
                .find(|(r, ..)| r == reference)
                .map(|(_, units, since)| (*units, *since))
        };
        let mut worst_first: Vec<usize> = (0..self.lines.len())
            .filter(|at| here(&self.lines[*at]).is_some())
            .collect();
        worst_first.sort_by_key(|at| {
            let line = &self.lines[*at];
            std::cmp::Reverse((here(line).map(|(_, since)| since), line.placed, line.key.clone()))
        });
        // All that may have to go, then back with all that fits, best first.
        let mut gone = Vec::new();
        let mut left = held;
        for at in worst_first {
            if left <= to {
                break;
            }
            left -= here(&self.lines[at]).expect("held").0;
            gone.push(at);
        }
        let mut leaving = Vec::new();
        for at in gone.into_iter().rev() {
            let units = here(&self.lines[at]).expect("held").0;
            if left + units <= to {
                left += units;
            } else {
                leaving.push(at);
            }
        }
        for at in &leaving {
            self.lines[*at].held.clear();
            self.lines[*at].state = LineState::Backordered;
        }
        self.batches[at].quantity = to;
        for at in &leaving {
            self.try_line(*at);
        }
        if to > from || !leaving.is_empty() {
            self.serve(&sku);
        }
        Told::Done
    }

    /// Line by line: its state, and what it holds where.
    fn stands(&self) -> BTreeMap<LineKey, (LineState, BTreeMap<Reference, u64>)> {
        self.lines
            .iter()
            .map(|line| {
                let held = line
                    .held
                    .iter()
                    .map(|(batch, units, _)| (batch.clone(), *units))
                    .collect();
                (line.key.clone(), (line.state, held))
            })
            .collect()
    }
}

fn books_stand(books: &Books) -> BTreeMap<LineKey, (LineState, BTreeMap<Reference, u64>)> {
    let mut stands: BTreeMap<_, _> = books
        .lines
        .values()
        .map(|line| (line.key.clone(), (line.state, BTreeMap::new())))
        .collect();
    for allocation in books.allocations.values() {
        let line = stands.get_mut(&allocation.key).expect("a line");
        line.1
            .insert(allocation.batch.clone(), u64::from(allocation.quantity.get()));
    }
    stands
}

fn told(outcome: &Result<Outcome, earmark_domain::Refusal>) -> Told {
    let changed = match outcome {
        Err(refusal) => return Told::Refused(refusal.code()),
        Ok(Outcome::ProductNamed { changed, .. } | Outcome::BatchChanged { changed, .. }) => *changed,
        Ok(Outcome::Cancelled { changed, .. }) => *changed,
        Ok(Outcome::BatchCreated { fresh, .. } | Outcome::LinePlaced { fresh, .. }) => *fresh,
        Ok(Outcome::OrderPlaced { fresh, .. }) => *fresh,
        Ok(Outcome::BacklogServed { .. }) => true,
    };
    if changed { Told::Done } else { Told::Unchanged }
}

const SKUS: [&str; 2] = ["LAMP", "DESK"];

fn a_sku() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&SKUS[..])
}

fn an_order() -> impl Strategy<Value = String> {
    (0..8_u8).prop_map(|n| format!("o{n}"))
}

fn a_batch() -> impl Strategy<Value = String> {
    (0..5_u8).prop_map(|n| format!("b{n}"))
}

fn a_command() -> impl Strategy<Value = Command> {
    let eta = prop::option::of((-2..4_i8).prop_map(day));
    let lines = prop::collection::vec((a_sku(), 1..12_u32), 1..4);
    let policy = prop::sample::select(vec![
        OnOrderShortage::Reject,
        OnOrderShortage::Backorder,
        OnOrderShortage::Partial,
    ]);
    prop_oneof![
        4 => (a_batch(), a_sku(), 1..20_u32, eta).prop_map(|(b, s, n, eta)| create_batch(&b, s, n, eta)),
        4 => (a_batch(), 0..20_u32).prop_map(|(b, n)| count(&b, n)),
        4 => (an_order(), a_sku(), 1..12_u32).prop_map(|(o, s, n)| allocate(&o, s, n)),
        3 => (an_order(), a_sku(), 1..12_u32).prop_map(|(o, s, n)| allocate_split(&o, s, n)),
        5 => (an_order(), a_sku(), 1..12_u32).prop_map(|(o, s, n)| backorder(&o, s, n)),
        5 => (an_order(), lines, policy, any::<bool>()).prop_map(|(o, lines, policy, split)| {
            let lines: Vec<(String, &str, u32)> =
                lines.into_iter().enumerate().map(|(i, (s, n))| (i.to_string(), s, n)).collect();
            let lines: Vec<(&str, &str, u32)> = lines.iter().map(|(i, s, n)| (i.as_str(), *s, *n)).collect();
            place(&o, &lines, policy, split)
        }),
        2 => (an_order(), a_sku()).prop_map(|(o, s)| cancel_line(&o, s)),
        1 => (an_order(), 0..3_u8).prop_map(|(o, n)| cancel_line(&o, &n.to_string())),
        2 => an_order().prop_map(|o| cancel_order(&o)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_leave_the_books_as_the_naive_model_says(commands in prop::collection::vec(a_command(), 1..40)) {
        let mut books = Books::default();
        let mut model = Model::default();
        for (step, command) in commands.iter().enumerate() {
            let expected = model.run(command);
            // The book-keeper holds each step's records against each other and against the events.
            let outcome = books.run(command);
            prop_assert_eq!(told(&outcome), expected, "step {}: {:?}", step, command);
            prop_assert_eq!(books_stand(&books), model.stands(), "step {}: {:?}", step, command);
        }
    }

    #[test]
    fn commands_decided_together_come_to_what_they_come_to_one_by_one(commands in prop::collection::vec(a_command(), 1..40)) {
        let mut together = Books::default();
        let mut alone = Books::default();
        let mut group: Vec<&Command> = Vec::new();
        let mut outcomes = Vec::new();
        for command in &commands {
            if !command.is_joinable() {
                if !group.is_empty() {
                    outcomes.extend(together.run_together(&group));
                    group.clear();
                }
                outcomes.push(together.run(command));
            } else {
                group.push(command);
            }
        }
        if !group.is_empty() {
            outcomes.extend(together.run_together(&group));
        }
        let expected: Vec<_> = commands.iter().map(|command| alone.run(command)).collect();
        prop_assert_eq!(outcomes, expected);
        prop_assert_eq!(books_stand(&together), books_stand(&alone));
        prop_assert_eq!(together.events, alone.events);
    }

    #[test]
    fn a_refused_command_changes_nothing_but_tells_of_the_shortage(
        before in prop::collection::vec(a_command(), 0..20),
        command in a_command(),
    ) {
        let mut books = Books::default();
        for earlier in &before {
            let _ = books.run(earlier);
        }
        let stood = (books.batches.clone(), books.lines.clone(), books.allocations.clone(), books.orders.clone());
        let told = books.events.len();
        if books.run(&command).is_err() {
            prop_assert_eq!(stood, (books.batches.clone(), books.lines.clone(), books.allocations.clone(), books.orders.clone()));
            let only_shortages = books.events[told..].iter().all(|event| event.fact.name() == "OutOfStock");
            prop_assert!(only_shortages);
        }
    }
}
