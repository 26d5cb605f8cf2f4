//! What a decision stands on, and that it is what the rules would say of whatever stands so.

use std::cell::Cell;

use earmark_domain::{
    Allocate, ChangeSet, Command, Count, CreateBatch, Event, LineId, LineRequest, Location, Locations, OnOrderShortage,
    OnShortage, OrderTerms, PlaceOrder, Precondition, PutProduct, Scope, Subject, UnitOfWork,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{
    Books, allocate, allocate_split, backorder, books, cancel_line, create_batch, day, held, hold, key, order, place,
    reference, sku, units,
};

/// What the change of LAMP stands on, if these commands are decided in one transaction; the batches with the units that
/// have to be there. `None`: on the product as it was read.
fn stands_on(books: &Books, commands: &[&Command]) -> Option<Vec<(String, u64)>> {
    let (_, changes) = books.decide_together(commands).expect("no hold ends");
    let lamp = changes.products.iter().find(|change| change.record.sku == sku("LAMP"));
    match &lamp.expect("LAMP changes").precondition {
        Precondition::SameVersion => None,
        Precondition::Escrow(room) => Some(
            room.iter()
                .map(|room| (room.batch.to_string(), room.needed.get()))
                .collect(),
        ),
    }
}

fn two_batches() -> Books {
    books(&[
        create_batch("shelf", "LAMP", 10, None),
        create_batch("ship", "LAMP", 20, Some(day(3))),
    ])
}

fn room(batches: &[(&str, u64)]) -> Option<Vec<(String, u64)>> {
    Some(
        batches
            .iter()
            .map(|(batch, units)| ((*batch).to_owned(), *units))
            .collect(),
    )
}

#[test]
fn lines_that_are_placed_whole_stand_on_room_for_them_and_one_unit_more() {
    let (o1, o2, o3) = (
        allocate("o1", "LAMP", 3),
        allocate("o2", "LAMP", 8),
        allocate("o3", "LAMP", 4),
    );
    let books = two_batches();
    assert_eq!(stands_on(&books, &[&o1]), room(&[("shelf", 4)]));
    assert_eq!(stands_on(&books, &[&o1, &o2, &o3]), room(&[("shelf", 8), ("ship", 9)]));
    assert_eq!(
        stands_on(&books, &[&allocate_split("o4", "LAMP", 10)]),
        room(&[("shelf", 11)])
    );
    let whole = place(
        "o5",
        &[("1", "LAMP", 2), ("2", "LAMP", 3)],
        OnOrderShortage::Reject,
        false,
    );
    assert_eq!(stands_on(&books, &[&whole]), room(&[("shelf", 6)]));
}

#[test]
fn what_is_kept_back_has_to_be_there_too() {
    let keep = Command::PutProduct(PutProduct {
        sku: sku("LAMP"),
        name: None,
        safety_stock: Some(Count::new(5).expect("a count")),
    });
    let mut books = two_batches();
    books.run(&keep).expect("it is put");
    assert_eq!(stands_on(&books, &[&allocate("o1", "LAMP", 3)]), room(&[("shelf", 9)]));
}

#[test]
fn a_line_that_is_spread_or_waits_or_is_refused_stands_on_all_that_was_read() {
    let books = two_batches();
    assert_eq!(stands_on(&books, &[&allocate_split("o1", "LAMP", 12)]), None);
    assert_eq!(stands_on(&books, &[&backorder("o1", "LAMP", 25)]), None);
    assert_eq!(stands_on(&books, &[&allocate("o1", "LAMP", 25)]), None);
    let partly = place(
        "o1",
        &[("1", "LAMP", 2), ("2", "LAMP", 25)],
        OnOrderShortage::Partial,
        false,
    );
    assert_eq!(stands_on(&books, &[&partly]), None);
}

#[test]
fn who_takes_the_last_of_a_product_stands_on_all_that_was_read() {
    let books = books(&[create_batch("shelf", "LAMP", 10, None)]);
    assert_eq!(stands_on(&books, &[&allocate("o1", "LAMP", 10)]), None);
    assert_eq!(stands_on(&books, &[&allocate("o1", "LAMP", 9)]), room(&[("shelf", 10)]));
}

#[test]
fn what_is_decided_or_refused_beside_it_has_it_stand_on_all_that_was_read() {
    let mut books = two_batches();
    books.run(&allocate("o0", "LAMP", 1)).expect("it fits");
    let o1 = allocate("o1", "LAMP", 1);
    assert_eq!(stands_on(&books, &[&o1, &cancel_line("o0", "LAMP")]), None);
    assert_eq!(stands_on(&books, &[&o1, &create_batch("more", "LAMP", 5, None)]), None);
    assert_eq!(
        stands_on(&books, &[&o1, &create_batch("chairs", "CHAIR", 5, None)]),
        None
    );
    assert_eq!(
        stands_on(&books, &[&o1, &allocate("o2", "NOTHING", 1)]),
        None,
        "a refusal"
    );
    assert_eq!(
        stands_on(&books, &[&o1, &allocate("o0", "LAMP", 1)]),
        None,
        "a line that was read"
    );
}

#[test]
fn what_is_told_beside_it_has_it_stand_on_all_that_was_read() {
    let books = two_batches();
    let (o1, o2) = (allocate("o1", "LAMP", 1), allocate("o2", "LAMP", 1));
    let context = books.next_occasion();
    let beside = |tell: &dyn Fn(&mut UnitOfWork)| {
        let mut unit_of_work = UnitOfWork::open(books.load(&Scope::of([&o1, &o2]))).expect("sound books");
        unit_of_work.decide(&o1, &context).expect("it fits");
        tell(&mut unit_of_work);
        let changes = unit_of_work.close().expect("all was read");
        changes.products[0].precondition != Precondition::SameVersion
    };
    assert!(beside(&|_| {}), "nothing");
    let previewed = beside(&|unit_of_work| {
        let told = unit_of_work.preview(|trial| trial.decide(&o2, &context));
        told.expect("all was read").expect("it fits");
    });
    assert!(!previewed, "a preview");
    let name = Command::PutProduct(PutProduct {
        sku: sku("LAMP"),
        name: None,
        safety_stock: None,
    });
    let stale = beside(&|unit_of_work| {
        unit_of_work
            .decide_on(999, &name, &context)
            .expect_err("the version is another");
    });
    assert!(!stale, "that a version is another");
}

#[test]
fn a_hold_that_ends_before_all_others_stands_on_all_that_was_read() {
    let mut books = two_batches();
    assert_eq!(stands_on(&books, &[&hold("o1", "LAMP", 1, 60)]), None, "the first");
    books.run(&hold("o1", "LAMP", 1, 60)).expect("it is held");
    assert_eq!(stands_on(&books, &[&hold("o2", "LAMP", 1, 30)]), None, "an earlier");
    assert_eq!(
        stands_on(&books, &[&hold("o2", "LAMP", 1, 90)]),
        room(&[("shelf", 2)]),
        "a later"
    );
}

/// Books that are stored with some others in between: the versions of each product as many higher as it is ahead.
fn moved_up(mut changes: ChangeSet, later: &Books) -> ChangeSet {
    let mut events = std::mem::take(&mut changes.events);
    for change in &mut changes.products {
        let read = change.read_version.expect("it was read");
        let stands = later.products[&change.record.sku].version;
        let ahead = stands - read;
        change.read_version = Some(stands);
        change.record.version += ahead;
        for event in &mut events {
            raise(event, change, ahead);
        }
    }
    changes.events = events;
    changes
}

fn raise(event: &mut Event, of: &earmark_domain::ProductChange, by: u64) {
    if let Subject::Product { sku, version } = &mut event.subject
        && *sku == of.record.sku
    {
        *version += by;
    }
}

/// Whether what a decision stands on is so in later books. `beyond`: products in which more has happened since than that
/// lines were placed.
fn holds(changes: &ChangeSet, before: &Books, later: &Books, beyond: &[&str]) -> bool {
    let untouched = before.products.values().filter(|product| {
        let mut changed = changes.products.iter();
        changed.all(|change| change.record.sku != product.sku)
    });
    let stands =
        |product: &earmark_domain::ProductRecord| later.products[&product.sku] == before.products[&product.sku];
    untouched.into_iter().all(stands)
        && changes.products.iter().all(|change| match &change.precondition {
            Precondition::SameVersion => stands(&change.record),
            Precondition::Escrow(room) => {
                let enough =
                    |room: &earmark_domain::EscrowNeed| later.available(room.batch.as_str()) >= room.needed.get();
                !beyond.contains(&change.record.sku.as_str()) && room.iter().all(enough)
            }
        })
}

const SKUS: [&str; 2] = ["LAMP", "CHAIR"];

fn a_sku() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(SKUS[0]), 1 => Just(SKUS[1])]
}

fn some_locations() -> impl Strategy<Value = Locations> {
    let named = |names: &[&str]| {
        let locations = names.iter().map(|name| Location::new(*name).expect("a location"));
        Locations::new(locations.collect()).expect("locations")
    };
    prop_oneof![
        4 => Just(Locations::ANY),
        1 => Just(named(&["north"])),
        1 => Just(named(&["south", "north"])),
    ]
}

/// Batches of both products, what is kept back of LAMP, and some that was placed before.
fn a_shop() -> impl Strategy<Value = Books> {
    let batch = (a_sku(), 1..60_u32, prop::option::of(0..5_i8), any::<bool>());
    let batches = prop::collection::vec(batch, 1..6);
    let past = prop::collection::vec((a_sku(), 1..6_u32, any::<bool>()), 0..4);
    (batches, 0..4_i32, past).prop_map(|(batches, kept_back, past)| {
        let mut books = books(&[
            create_batch("lamps", "LAMP", 12, None),
            create_batch("chairs", "CHAIR", 12, None),
        ]);
        for (number, (of, quantity, eta, north)) in batches.into_iter().enumerate() {
            let location = Location::new(if north { "north" } else { "south" }).expect("a location");
            let create = Command::CreateBatch(CreateBatch {
                reference: reference(&format!("b{number}")),
                sku: sku(of),
                quantity: units(quantity),
                eta: eta.map(day),
                location,
            });
            books.run(&create).expect("a new batch");
        }
        let keep = PutProduct {
            sku: sku("LAMP"),
            name: None,
            safety_stock: Some(Count::new(kept_back).expect("a count")),
        };
        books.run(&Command::PutProduct(keep)).expect("it is put");
        books.run(&hold("held", "LAMP", 1, 60)).expect("it is held");
        for (number, (of, quantity, split)) in past.into_iter().enumerate() {
            let id = format!("past-{number}");
            let command = if split {
                allocate_split(&id, of, quantity)
            } else {
                backorder(&id, of, quantity)
            };
            // Refused or not: it is the past.
            let _ = books.run(&command);
        }
        books
    })
}

/// Lines to be placed, one alone or an order of some, by somebody.
fn a_placing() -> impl Strategy<Value = Wanted> {
    let line = (a_sku(), 1..8_u32, some_locations());
    let lines = prop::collection::vec(line, 1..4);
    (lines, any::<bool>(), any::<bool>(), prop::option::of(60..90_i64)).prop_map(
        |(lines, alone, split, hold_seconds)| Wanted {
            lines,
            alone,
            split,
            hold_seconds,
        },
    )
}

#[derive(Debug, Clone)]
struct Wanted {
    lines: Vec<(&'static str, u32, Locations)>,
    alone: bool,
    split: bool,
    hold_seconds: Option<i64>,
}

impl Wanted {
    fn by(&self, id: &str) -> Command {
        if self.alone {
            let (of, quantity, locations) = self.lines[0].clone();
            return Command::Allocate(Allocate {
                line: LineRequest {
                    key: key(id, of),
                    sku: sku(of),
                    quantity: units(quantity),
                },
                locations,
                on_shortage: OnShortage::Backorder,
                split: self.split,
            });
        }
        let lines = self.lines.iter().enumerate();
        let lines = lines.map(|(number, (of, quantity, locations))| earmark_domain::OrderLine {
            line: LineId::new(number.to_string()).expect("a line id"),
            sku: sku(of),
            quantity: units(*quantity),
            locations: locations.clone(),
        });
        let terms = OrderTerms {
            split: self.split,
            ..self.hold_seconds.map_or_else(OrderTerms::default, held)
        };
        Command::PlaceOrder(PlaceOrder::new(order(id), lines.collect(), terms).expect("an order"))
    }
}

#[test]
fn a_decision_is_what_the_rules_would_say_wherever_what_it_stands_on_is_so() {
    let overtaken = Cell::new(0);
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let drawn = (
        a_shop(),
        prop::collection::vec(a_placing(), 1..4),
        prop::collection::vec(a_placing(), 1..4),
    );
    let tried = TestRunner::new(config).run(&drawn, |(before, ours, theirs)| {
        let ours: Vec<Command> = (0..)
            .zip(&ours)
            .map(|(n, wanted)| wanted.by(&format!("our-{n}")))
            .collect();
        let ours: Vec<&Command> = ours.iter().collect();
        let (outcomes, changes) = before.decide_together(&ours).expect("no hold ends");

        let mut later = before.clone();
        let mut beyond = Vec::new();
        for (n, wanted) in theirs.iter().enumerate() {
            let command = wanted.by(&format!("their-{n}"));
            let (_, changes) = later.decide_together(&[&command]).expect("no hold ends");
            let more = changes
                .products
                .iter()
                .filter(|change| change.precondition == Precondition::SameVersion);
            beyond.extend(more.map(|change| change.record.sku.clone()));
            let _ = later.run(&command);
        }
        let beyond: Vec<&str> = beyond.iter().map(|sku| sku.as_str()).collect();
        if !holds(&changes, &before, &later, &beyond) {
            return Ok(());
        }
        let moved = changes
            .products
            .iter()
            .any(|change| change.read_version != Some(later.products[&change.record.sku].version));
        overtaken.set(overtaken.get() + u32::from(moved));

        later.set_clock_by(&before);
        let (outcomes_then, changes_then) = later.decide_together(&ours).expect("no hold ends");
        prop_assert_eq!(&outcomes, &outcomes_then);
        let changes = moved_up(changes, &later);
        prop_assert_eq!(&changes, &changes_then);
        later.store(changes);
        later.check();
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(overtaken.get() > 100, "only {} were overtaken", overtaken.get());
}
