//! The aggregate against a naive model: random commands under a clock that jumps, and after each of them the same books.

use std::collections::{BTreeMap, BTreeSet};

use crate::naive::{Model, Told};
use crate::support::{
    Books, cancel_batch, cancel_line, cancel_order, change, day, dispatch, keep_back, key, order, precedence, receive,
    reference, sku, undo_dispatch, units, want,
};
use earmark_domain::{
    Allocate, Command, ConfirmOrder, ConfirmedLine, CreateBatch, HoldFor, LineId, LineKey, LineState, Location,
    Locations, OnOrderShortage, OnShortage, OrderLine, OrderTerms, Outcome, PlaceOrder, Precedence, Quote, Reference,
    Refusal, Wish,
};
use proptest::prelude::*;

/// What happens: a command is given, or time passes, or the service makes it final that holds have ended.
#[derive(Debug, Clone)]
enum Step {
    Give(Command),
    Pass(i64),
    Sweep,
}

type Stands = BTreeMap<LineKey, (LineState, u32, BTreeMap<Reference, u64>)>;

fn books_stand(books: &Books) -> Stands {
    let lines = books.lines.values();
    let mut stands: Stands = lines
        .map(|line| (line.key.clone(), (line.state, line.quantity.get(), BTreeMap::new())))
        .collect();
    let held = books
        .allocations
        .values()
        .map(|held| (&held.key, &held.batch, held.quantity));
    let gone = books
        .dispatches
        .values()
        .map(|gone| (&gone.key, &gone.batch, gone.quantity));
    for (key, batch, quantity) in held.chain(gone) {
        let line = stands.get_mut(key).expect("a line");
        line.2.insert(batch.clone(), u64::from(quantity.get()));
    }
    stands
}

fn told(outcome: &Result<Outcome, Refusal>) -> Told {
    let changed = match outcome {
        Err(refusal) => return Told::Refused(refusal.code()),
        Ok(
            Outcome::ProductPut { changed, .. }
            | Outcome::BatchChanged { changed, .. }
            | Outcome::OrderChanged { changed, .. },
        ) => *changed,
        Ok(
            Outcome::BatchCreated { fresh, .. }
            | Outcome::LinePlaced { fresh, .. }
            | Outcome::OrderPlaced { fresh, .. },
        ) => *fresh,
        Ok(Outcome::Quoted { .. } | Outcome::HoldsExpired { .. } | Outcome::BacklogServed { .. }) => true,
    };
    if changed { Told::Done } else { Told::Unchanged }
}

const SKUS: [&str; 2] = ["LAMP", "DESK"];
const LOCATIONS: [&str; 2] = ["main", "north"];

fn a_sku() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&SKUS[..])
}

fn an_order() -> impl Strategy<Value = String> {
    (0..6_u8).prop_map(|n| format!("o{n}"))
}

fn a_line() -> impl Strategy<Value = String> {
    prop_oneof![a_sku().prop_map(str::to_owned), (0..3_u8).prop_map(|n| n.to_string())]
}

fn a_batch() -> impl Strategy<Value = String> {
    (0..5_u8).prop_map(|n| format!("b{n}"))
}

fn some_locations() -> impl Strategy<Value = Locations> {
    let location = |name: &&str| Location::new(name).expect("a location");
    prop_oneof![
        5 => Just(Locations::ANY),
        1 => prop::sample::subsequence(LOCATIONS.to_vec(), 1..3).prop_shuffle().prop_map(move |names| {
            Locations::new(names.iter().map(location).collect()).expect("each once")
        }),
    ]
}

fn a_precedence() -> impl Strategy<Value = Precedence> {
    prop_oneof![
        2 => Just(Precedence::default()),
        1 => (-1..2_i32, prop::option::of((-1..5_i8).prop_map(day))).prop_map(|(n, by)| precedence(n, by)),
    ]
}

fn some_terms() -> impl Strategy<Value = OrderTerms> {
    let policy = prop::sample::select(vec![
        OnOrderShortage::Reject,
        OnOrderShortage::Backorder,
        OnOrderShortage::Partial,
    ]);
    let hold_for = prop::option::of((1..20_i64).prop_map(|n| HoldFor::seconds(n).expect("a time to hold")));
    (policy, any::<bool>(), hold_for, a_precedence()).prop_map(|(on_shortage, split, hold_for, precedence)| {
        OrderTerms {
            on_shortage,
            split,
            hold_for,
            precedence,
        }
    })
}

fn some_lines() -> impl Strategy<Value = Vec<OrderLine>> {
    let line = (a_sku(), 1..12_u32, some_locations());
    prop::collection::vec(line, 1..4).prop_map(|lines| {
        let lines = lines.into_iter().enumerate();
        let line = |(n, (of, quantity, locations)): (usize, (&str, u32, Locations))| OrderLine {
            line: LineId::new(n.to_string()).expect("a line id"),
            sku: sku(of),
            quantity: units(quantity),
            locations,
        };
        lines.map(line).collect()
    })
}

fn an_order_to_place() -> impl Strategy<Value = PlaceOrder> {
    (an_order(), some_lines(), some_terms())
        .prop_map(|(id, lines, terms)| PlaceOrder::new(order(&id), lines, terms).expect("an order"))
}

fn an_allocation() -> impl Strategy<Value = Command> {
    (
        an_order(),
        a_sku(),
        1..12_u32,
        some_locations(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(id, of, quantity, locations, waits, split)| {
            Command::Allocate(Allocate {
                wish: Wish {
                    key: key(&id, of),
                    sku: sku(of),
                    quantity: units(quantity),
                },
                locations,
                on_shortage: if waits {
                    OnShortage::Backorder
                } else {
                    OnShortage::Reject
                },
                split,
            })
        })
}

fn a_confirmation() -> impl Strategy<Value = Command> {
    let line = (a_line(), prop::option::of(1..12_u32)).prop_map(|(line, quantity)| ConfirmedLine {
        line: LineId::new(line).expect("a line id"),
        quantity: quantity.map(units),
    });
    let lines = prop_oneof![2 => Just(None), 1 => prop::collection::vec(line, 1..3).prop_map(Some)];
    (an_order(), lines, any::<bool>()).prop_map(|(id, lines, reacquire)| {
        let order = order(&id);
        Command::ConfirmOrder(ConfirmOrder {
            order,
            lines,
            reacquire,
        })
    })
}

fn a_batch_to_create() -> impl Strategy<Value = Command> {
    let eta = prop::option::of((-2..4_i8).prop_map(day));
    let location = prop::sample::select(&LOCATIONS[..]);
    (a_batch(), a_sku(), 1..20_u32, eta, location).prop_map(|(name, of, quantity, eta, location)| {
        Command::CreateBatch(CreateBatch {
            reference: reference(&name),
            sku: sku(of),
            quantity: units(quantity),
            eta,
            location: Location::new(location).expect("a location"),
        })
    })
}

fn a_command() -> impl Strategy<Value = Command> {
    let some = || prop::option::weighted(0.3, a_line());
    let counted = || prop::option::of(0..20_u32);
    let eta = prop::option::of((-2..8_i8).prop_map(day));
    prop_oneof![
        5 => a_batch_to_create(),
        4 => (a_batch(), counted(), eta).prop_map(|(b, n, eta)| change(&b, n, eta)),
        2 => (a_batch(), counted()).prop_map(|(b, n)| receive(&b, n)),
        1 => a_batch().prop_map(|b| cancel_batch(&b)),
        1 => (a_sku(), 0..8_u32).prop_map(|(s, n)| keep_back(s, n)),
        9 => an_allocation(),
        8 => an_order_to_place().prop_map(Command::PlaceOrder),
        4 => an_order_to_place().prop_map(Command::ReplaceOrder),
        4 => a_confirmation(),
        4 => (an_order(), a_line(), 1..12_u32).prop_map(|(o, l, n)| want(&o, &l, n)),
        2 => (an_order(), a_line()).prop_map(|(o, l)| cancel_line(&o, &l)),
        2 => an_order().prop_map(|o| cancel_order(&o)),
        3 => (an_order(), some()).prop_map(|(o, l)| dispatch(&o, l.as_deref().as_ref().map(std::slice::from_ref))),
        2 => (an_order(), some()).prop_map(|(o, l)| undo_dispatch(&o, l.as_deref().as_ref().map(std::slice::from_ref))),
    ]
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => a_command().prop_map(Step::Give),
        4 => (1..12_i64).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ]
}

/// Crossings of the units that can be promised, seen from outside.
fn crossings(books: &Books, from: usize) -> Vec<(&'static str, String)> {
    let events = books.events[from..].iter();
    let crossing = events.filter(|event| ["StockDepleted", "StockReplenished"].contains(&event.fact.name()));
    crossing
        .filter_map(|event| event.product().map(|(sku, _)| (event.fact.name(), sku.to_string())))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_leave_the_books_as_the_naive_model_says(steps in prop::collection::vec(a_step(), 1..50)) {
        let mut books = Books::default();
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Pass(seconds) => {
                    books.pass(*seconds);
                    model.pass(*seconds);
                }
                // It changes nothing that anybody could notice: what it makes final counted so before.
                Step::Sweep => {
                    books.sweep();
                    model.sweep();
                }
                Step::Give(command) => {
                    let expected = model.run(command);
                    // The book-keeper holds each step's records against each other and against the events.
                    let outcome = books.run(command);
                    prop_assert_eq!(told(&outcome), expected, "step {}: {:?}", number, command);
                }
            }
            prop_assert_eq!(books_stand(&books), model.stands(), "step {}: {:?}", number, step);
        }
    }

    #[test]
    fn each_crossing_is_told_exactly_once(steps in prop::collection::vec(a_step(), 1..50)) {
        let mut books = Books::default();
        let mut model = Model::default();
        let mut had: BTreeMap<String, bool> = BTreeMap::new();
        for step in &steps {
            let from = books.events.len();
            match step {
                Step::Pass(seconds) => {
                    books.pass(*seconds);
                    model.pass(*seconds);
                }
                Step::Sweep => {}
                Step::Give(command) => {
                    model.run(command);
                    let _ = books.run(command);
                }
            }
            books.sweep();
            model.sweep();
            let mut told: BTreeMap<String, bool> = had.clone();
            for (event, sku) in crossings(&books, from) {
                let something = event == "StockReplenished";
                prop_assert_eq!(told.insert(sku.clone(), something).unwrap_or(true), !something, "{} of {}", event, sku);
            }
            for product in books.products.values().filter(|product| product.batches_created > 0) {
                let name = product.sku.to_string();
                let something = model.promisable(&product.sku) > 0;
                prop_assert_eq!(told.get(&name).copied().unwrap_or(true), something, "{}", name);
                had.insert(name, something);
            }
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
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        let mut books = Books::default();
        for earlier in &before {
            match earlier {
                Step::Pass(seconds) => books.pass(*seconds),
                Step::Sweep => books.sweep(),
                Step::Give(command) => drop(books.run(command)),
            }
        }
        books.sweep();
        let all = |books: &Books| (books.batches.clone(), books.lines.clone(), books.allocations.clone(), books.orders.clone());
        let stood = all(&books);
        let told = books.events.len();
        if books.run(&command).is_err() {
            prop_assert_eq!(stood, all(&books));
            let only_shortages = books.events[told..].iter().all(|event| event.fact.name() == "OutOfStock");
            prop_assert!(only_shortages, "{:?}", books.told_since(told));
        }
    }

    #[test]
    fn the_same_command_again_changes_nothing(
        before in prop::collection::vec(a_step(), 0..25),
        command in a_command(),
    ) {
        let mut books = Books::default();
        for earlier in &before {
            match earlier {
                Step::Pass(seconds) => books.pass(*seconds),
                Step::Sweep => books.sweep(),
                Step::Give(command) => drop(books.run(command)),
            }
        }
        // To place a held order anew with a deadline is to put the deadline off each time.
        let puts_off = matches!(&command, Command::ReplaceOrder(place) if place.terms().hold_for.is_some());
        if !puts_off && books.run(&command).is_ok() {
            let (stood, told) = (books_stand(&books), books.events.len());
            let again = books.run(&command);
            prop_assert!(again.is_ok(), "{:?}", again);
            prop_assert_eq!(books_stand(&books), stood);
            prop_assert!(books.events.len() == told, "{:?}", books.told_since(told));
        }
    }

    #[test]
    fn a_quote_and_an_order_on_the_same_state_agree(
        before in prop::collection::vec(a_step(), 0..25),
        lines in some_lines(),
        split in any::<bool>(),
    ) {
        let mut books = Books::default();
        for earlier in &before {
            match earlier {
                Step::Pass(seconds) => books.pass(*seconds),
                Step::Sweep => books.sweep(),
                Step::Give(command) => drop(books.run(command)),
            }
        }
        books.sweep();
        let events = books.events.len();
        let quoted = books.run(&Command::Quote(Quote { lines: lines.clone(), split }));
        prop_assert_eq!(books.events.len(), events);
        let terms = OrderTerms { split, ..OrderTerms::default() };
        let placed = books.run(&Command::PlaceOrder(PlaceOrder::new(order("new"), lines, terms).expect("an order")));
        match (quoted, placed) {
            (Ok(Outcome::Quoted { lines }), Ok(Outcome::OrderPlaced { order, .. })) => {
                for quoted in lines {
                    let line = order.lines.iter().find(|line| line.key.line == quoted.line).expect("the line");
                    prop_assert_eq!((&quoted.allocations, quoted.promised_on), (&line.allocations, line.promised_on));
                    let taken = quoted.tried.iter().filter(|tried| tried.outcome.as_str() == "taken");
                    let taken: BTreeSet<&Reference> = taken.map(|tried| &tried.batch).collect();
                    let parts: BTreeSet<&Reference> = quoted.allocations.iter().map(|part| &part.batch).collect();
                    prop_assert_eq!(taken, parts);
                    prop_assert!(quoted.remedy.is_none());
                }
            }
            (Ok(Outcome::Quoted { lines }), Err(Refusal::Shortages(shortages))) => {
                let short: Vec<_> = lines.iter().filter(|line| line.allocations.is_empty()).map(|line| &line.line).collect();
                prop_assert_eq!(short, shortages.iter().map(|short| &short.key.line).collect::<Vec<_>>());
                for (line, short) in lines.iter().filter(|line| line.allocations.is_empty()).zip(&shortages) {
                    prop_assert_eq!(line.remedy.as_ref(), Some(&short.remedy));
                    prop_assert!(line.tried.iter().all(|tried| tried.outcome.as_str() != "taken"));
                }
            }
            (Err(quoted), Err(placed)) => prop_assert_eq!(quoted, placed),
            (quoted, placed) => prop_assert!(false, "{:?} {:?}", quoted, placed),
        }
    }
}
