//! Preconditions of a change: which changes are stored under escrow, and that a decision whose precondition holds is
//! the decision the rules would take on the current state.

use std::cell::Cell;

use earmark_domain::{
    Allocate, Change, ChangeSet, Command, Count, CreateBatch, Event, LineId, LineRequest, Location, Locations,
    OnOrderShortage, OnShortage, OrderTerms, PlaceOrder, Precondition, PutProduct, Scope, Subject, UnitOfWork,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_line, create_batch, day, hold, hold_terms, key, order, place,
    reference, shop, sku, units,
};

/// The escrow needs of the change of LAMP if these commands are decided in one transaction, by batch. `None`: the
/// product must have the same version.
fn escrow_of(shop: &Shop, commands: &[&Command]) -> Option<Vec<(String, u64)>> {
    let (_, changes) = shop.decide_together(commands).expect("no hold ends");
    let lamp = changes.products.iter().find(|change| change.record.sku == sku("LAMP"));
    match &lamp.expect("LAMP changes").precondition {
        Precondition::SameVersion => None,
        Precondition::Escrow(needs) => Some(
            needs
                .iter()
                .map(|need| (need.batch.to_string(), need.needed.get()))
                .collect(),
        ),
    }
}

fn two_batches() -> Shop {
    shop(&[
        create_batch("shelf", "LAMP", 10, None),
        create_batch("ship", "LAMP", 20, Some(day(3))),
    ])
}

fn needs(batches: &[(&str, u64)]) -> Option<Vec<(String, u64)>> {
    Some(
        batches
            .iter()
            .map(|(batch, units)| ((*batch).to_owned(), *units))
            .collect(),
    )
}

#[test]
fn lines_that_are_placed_whole_need_their_units_and_one_more() {
    let (o1, o2, o3) = (
        allocate("o1", "LAMP", 3),
        allocate("o2", "LAMP", 8),
        allocate("o3", "LAMP", 4),
    );
    let shop = two_batches();
    assert_eq!(escrow_of(&shop, &[&o1]), needs(&[("shelf", 4)]));
    assert_eq!(escrow_of(&shop, &[&o1, &o2, &o3]), needs(&[("shelf", 8), ("ship", 9)]));
    assert_eq!(
        escrow_of(&shop, &[&allocate_split("o4", "LAMP", 10)]),
        needs(&[("shelf", 11)])
    );
    let whole = place(
        "o5",
        &[("1", "LAMP", 2), ("2", "LAMP", 3)],
        OnOrderShortage::Reject,
        false,
    );
    assert_eq!(escrow_of(&shop, &[&whole]), needs(&[("shelf", 6)]));
}

#[test]
fn the_safety_stock_must_be_available_too() {
    let keep = Command::PutProduct(PutProduct {
        sku: sku("LAMP"),
        name: None,
        safety_stock: Some(Count::new(5).expect("a count")),
    });
    let mut shop = two_batches();
    shop.run(&keep).expect("the safety stock is set");
    assert_eq!(escrow_of(&shop, &[&allocate("o1", "LAMP", 3)]), needs(&[("shelf", 9)]));
}

#[test]
fn a_line_that_is_spread_or_waits_or_is_refused_needs_the_same_version() {
    let shop = two_batches();
    assert_eq!(escrow_of(&shop, &[&allocate_split("o1", "LAMP", 12)]), None);
    assert_eq!(escrow_of(&shop, &[&backorder("o1", "LAMP", 25)]), None);
    assert_eq!(escrow_of(&shop, &[&allocate("o1", "LAMP", 25)]), None);
    let partly = place(
        "o1",
        &[("1", "LAMP", 2), ("2", "LAMP", 25)],
        OnOrderShortage::Partial,
        false,
    );
    assert_eq!(escrow_of(&shop, &[&partly]), None);
}

#[test]
fn a_line_that_takes_the_last_units_of_a_product_needs_the_same_version() {
    let shop = shop(&[create_batch("shelf", "LAMP", 10, None)]);
    assert_eq!(escrow_of(&shop, &[&allocate("o1", "LAMP", 10)]), None);
    assert_eq!(escrow_of(&shop, &[&allocate("o1", "LAMP", 9)]), needs(&[("shelf", 10)]));
}

#[test]
fn any_other_decision_or_refusal_in_the_transaction_needs_the_same_version() {
    let mut shop = two_batches();
    shop.run(&allocate("o0", "LAMP", 1)).expect("it fits");
    let o1 = allocate("o1", "LAMP", 1);
    assert_eq!(escrow_of(&shop, &[&o1, &cancel_line("o0", "LAMP")]), None);
    assert_eq!(escrow_of(&shop, &[&o1, &create_batch("more", "LAMP", 5, None)]), None);
    assert_eq!(
        escrow_of(&shop, &[&o1, &create_batch("chairs", "CHAIR", 5, None)]),
        None
    );
    assert_eq!(
        escrow_of(&shop, &[&o1, &allocate("o2", "NOTHING", 1)]),
        None,
        "a refusal"
    );
    assert_eq!(
        escrow_of(&shop, &[&o1, &allocate("o0", "LAMP", 1)]),
        None,
        "a line that was read"
    );
}

#[test]
fn a_preview_or_a_stale_version_in_the_transaction_needs_the_same_version() {
    let shop = two_batches();
    let (o1, o2) = (allocate("o1", "LAMP", 1), allocate("o2", "LAMP", 1));
    let context = shop.next_context();
    let is_under_escrow = |also: &dyn Fn(&mut UnitOfWork)| {
        let mut unit_of_work = UnitOfWork::open(shop.load(&Scope::of([&o1, &o2]))).expect("sound records");
        unit_of_work.decide(&o1, &context).expect("it fits");
        also(&mut unit_of_work);
        let changes = unit_of_work.close().expect("all was read");
        changes.products[0].precondition != Precondition::SameVersion
    };
    assert!(is_under_escrow(&|_| {}), "nothing else");
    let with_preview = is_under_escrow(&|unit_of_work| {
        let preview = unit_of_work.preview(|trial| trial.decide(&o2, &context));
        preview.expect("all was read").expect("it fits");
    });
    assert!(!with_preview, "with a preview");
    let name = Command::PutProduct(PutProduct {
        sku: sku("LAMP"),
        name: None,
        safety_stock: None,
    });
    let with_stale_version = is_under_escrow(&|unit_of_work| {
        unit_of_work
            .decide_on(&[999], &name, &context)
            .expect_err("a stale version");
    });
    assert!(!with_stale_version, "with a stale version");
}

#[test]
fn a_hold_that_ends_before_all_others_needs_the_same_version() {
    let mut shop = two_batches();
    assert_eq!(escrow_of(&shop, &[&hold("o1", "LAMP", 1, 60)]), None, "the first hold");
    shop.run(&hold("o1", "LAMP", 1, 60)).expect("it is held");
    assert_eq!(
        escrow_of(&shop, &[&hold("o2", "LAMP", 1, 30)]),
        None,
        "an earlier deadline"
    );
    assert_eq!(
        escrow_of(&shop, &[&hold("o2", "LAMP", 1, 90)]),
        needs(&[("shelf", 2)]),
        "a later deadline"
    );
}

/// The changes as they are stored in a later state: each version, also those of lines and allocations, is raised by as
/// many as the product is ahead.
fn raised_to(mut changes: ChangeSet, later: &Shop) -> ChangeSet {
    let mut events = std::mem::take(&mut changes.events);
    for change in &mut changes.products {
        let read = change.read_version.expect("it was read");
        let current = later.products[&change.record.sku].version;
        let ahead = current - read;
        change.read_version = Some(current);
        change.record.version += ahead;
        for event in &mut events {
            raise(event, change, ahead);
        }
        for line in &mut changes.lines {
            let (Change::New(line) | Change::Changed(line)) = line;
            if line.sku != change.record.sku {
                continue;
            }
            line.placed_version += ahead;
            let of_line = changes
                .earmarked
                .iter_mut()
                .filter(|allocation| allocation.key == line.terms.key);
            of_line.for_each(|allocation| allocation.allocated_version += ahead);
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

/// Whether the preconditions of a decision hold in a later state. `beyond`: products that have since changed by more
/// than placings under escrow.
fn holds(changes: &ChangeSet, before: &Shop, later: &Shop, beyond: &[&str]) -> bool {
    let untouched = before.products.values().filter(|product| {
        let mut changed = changes.products.iter();
        changed.all(|change| change.record.sku != product.sku)
    });
    let unchanged =
        |product: &earmark_domain::ProductRecord| later.products[&product.sku] == before.products[&product.sku];
    untouched.into_iter().all(unchanged)
        && changes.products.iter().all(|change| match &change.precondition {
            Precondition::SameVersion => unchanged(&change.record),
            Precondition::Escrow(needs) => {
                let enough =
                    |need: &earmark_domain::EscrowNeed| later.available(need.batch.as_str()) >= need.needed.get();
                !beyond.contains(&change.record.sku.as_str()) && needs.iter().all(enough)
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

/// A shop with batches of both products, a safety stock of LAMP, and some lines placed before.
fn a_shop() -> impl Strategy<Value = Shop> {
    let batch = (a_sku(), 1..60_u32, prop::option::of(0..5_i8), any::<bool>());
    let batches = prop::collection::vec(batch, 1..6);
    let past = prop::collection::vec((a_sku(), 1..6_u32, any::<bool>()), 0..4);
    (batches, 0..4_i32, past).prop_map(|(batches, kept_back, past)| {
        let mut shop = shop(&[
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
            shop.run(&create).expect("a new batch");
        }
        let keep = PutProduct {
            sku: sku("LAMP"),
            name: None,
            safety_stock: Some(Count::new(kept_back).expect("a count")),
        };
        shop.run(&Command::PutProduct(keep)).expect("the safety stock is set");
        shop.run(&hold("held", "LAMP", 1, 60)).expect("it is held");
        for (number, (of, quantity, split)) in past.into_iter().enumerate() {
            let id = format!("past-{number}");
            let command = if split {
                allocate_split(&id, of, quantity)
            } else {
                backorder(&id, of, quantity)
            };
            // It may be refused; only the state after it matters.
            let _ = shop.run(&command);
        }
        shop
    })
}

/// One line placed alone, or an order of several lines.
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
                without_grace: false,
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
            ..self.hold_seconds.map_or_else(OrderTerms::default, hold_terms)
        };
        Command::PlaceOrder(PlaceOrder::new(order(id), lines.collect(), terms).expect("an order"))
    }
}

#[test]
fn a_decision_whose_precondition_holds_is_what_the_rules_decide_on_the_current_state() {
    let versions_moved = Cell::new(0);
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let inputs = (
        a_shop(),
        prop::collection::vec(a_placing(), 1..4),
        prop::collection::vec(a_placing(), 1..4),
    );
    let tried = TestRunner::new(config).run(&inputs, |(before, ours, theirs)| {
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
        versions_moved.set(versions_moved.get() + u32::from(moved));

        later.set_clock_by(&before);
        let (outcomes_then, changes_then) = later.decide_together(&ours).expect("no hold ends");
        prop_assert_eq!(&outcomes, &outcomes_then);
        let changes = raised_to(changes, &later);
        prop_assert_eq!(&changes, &changes_then);
        later.store(changes);
        later.check();
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(
        versions_moved.get() > 100,
        "the version moved in only {} cases",
        versions_moved.get()
    );
}
