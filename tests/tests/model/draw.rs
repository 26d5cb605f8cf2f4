//! Random steps: few names and small numbers, so that commands meet.

use std::collections::BTreeSet;

use earmark_domain::{
    Allocate, ChangeBatch, ChangeOrder, Command, ConfirmOrder, ConfirmedLine, CreateBatch, Delivery, Dispatch,
    DispatchedLine, HoldFor, LineId, LineRequest, Location, Locations, OnOrderShortage, OnShortage, OrderLine,
    OrderTerms, PlaceOrder, Precedence, Priority, Rest, TermsChange,
};
use earmark_tests::build::{
    cancel_batch, cancel_line, cancel_order, change_line, count, day, keep_back, line, order, reference, sku,
    undo_receipt, units,
};
use jiff::civil::Date;
use proptest::prelude::*;

fn precedence(priority: i32, required_by: Option<Date>) -> Precedence {
    Precedence::of(Priority::new(priority).expect("a priority"), required_by)
}

/// A step: a command, or time that passes, or a sweep of due holds.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Run(Command),
    Pass(i64),
    Days(i8),
    Sweep,
}

pub(crate) const SKUS: [&str; 2] = ["LAMP", "DESK"];
const LOCATIONS: [&str; 2] = ["main", "north"];

pub(crate) fn a_sku() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&SKUS[..])
}

pub(crate) fn an_order() -> impl Strategy<Value = String> {
    (0..6_u8).prop_map(|n| format!("o{n}"))
}

pub(crate) fn a_line() -> impl Strategy<Value = String> {
    prop_oneof![a_sku().prop_map(str::to_owned), (0..3_u8).prop_map(|n| n.to_string())]
}

pub(crate) fn a_batch() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..5_u8).prop_map(|n| format!("b{n}")),
        1 => (0..3_u8, 2..4_u8).prop_map(|(n, rest)| format!("b{n}/{rest}")),
    ]
}

pub(crate) fn a_delivery() -> impl Strategy<Value = Delivery> {
    let counted = prop::option::of((0..20_u32).prop_map(count));
    let reference = prop::option::weighted(0.3, a_batch().prop_map(|name| reference(&name)));
    let eta = prop::option::of((-2..8_i8).prop_map(day));
    prop_oneof![
        counted.prop_map(|counted| Delivery::Whole { counted }),
        (1..12_u32, reference, eta).prop_map(|(arrived, reference, eta)| Delivery::Part {
            arrived: units(arrived),
            rest: Rest { reference, eta },
        }),
    ]
}

pub(crate) fn some_locations() -> impl Strategy<Value = Locations> {
    let location = |name: &&str| Location::new(name).expect("a location");
    prop_oneof![
        5 => Just(Locations::ANY),
        1 => prop::sample::subsequence(LOCATIONS.to_vec(), 1..3).prop_shuffle().prop_map(move |names| {
            Locations::new(names.iter().map(location).collect()).expect("each once")
        }),
    ]
}

pub(crate) fn a_precedence() -> impl Strategy<Value = Precedence> {
    prop_oneof![
        2 => Just(Precedence::default()),
        1 => (-1..2_i32, prop::option::of((-1..5_i8).prop_map(day))).prop_map(|(n, by)| precedence(n, by)),
    ]
}

pub(crate) fn some_terms() -> impl Strategy<Value = OrderTerms> {
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

pub(crate) fn some_lines() -> impl Strategy<Value = Vec<OrderLine>> {
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

pub(crate) fn an_order_to_place() -> impl Strategy<Value = PlaceOrder> {
    (an_order(), some_lines(), some_terms())
        .prop_map(|(id, lines, terms)| PlaceOrder::new(order(&id), lines, terms).expect("an order"))
}

pub(crate) fn an_allocation() -> impl Strategy<Value = Command> {
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
                line: LineRequest {
                    key: line(&id, of),
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
                without_grace: false,
            })
        })
}

pub(crate) fn a_change_of_an_order() -> impl Strategy<Value = Command> {
    let priority = prop::option::of((-1..2_i32).prop_map(|n| Priority::new(n).expect("a priority")));
    let required_by = prop::option::of(prop::option::of((-1..5_i8).prop_map(day)));
    (an_order(), priority, required_by, prop::option::of(some_locations())).prop_map(
        |(id, priority, required_by, locations)| {
            Command::ChangeOrder(ChangeOrder {
                order: order(&id),
                change: TermsChange {
                    priority,
                    required_by,
                    locations,
                },
            })
        },
    )
}

pub(crate) fn a_confirmation() -> impl Strategy<Value = Command> {
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

pub(crate) fn a_batch_to_create() -> impl Strategy<Value = Command> {
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

pub(crate) fn a_command() -> impl Strategy<Value = Command> {
    let some = || prop::option::weighted(0.3, a_line());
    let only = |line: Option<String>| line.map(|line| BTreeSet::from([LineId::new(line).expect("a line id")]));
    let counted = || prop::option::of((0..20_u32).prop_map(count));
    let eta = prop::option::of((-2..8_i8).prop_map(day));
    prop_oneof![
        5 => a_batch_to_create(),
        4 => (a_batch(), counted(), eta).prop_map(|(batch, quantity, eta)| {
            let reference = reference(&batch);
            Command::ChangeBatch(ChangeBatch { reference, quantity, eta })
        }),
        4 => (a_batch(), a_delivery()).prop_map(|(batch, delivery)| {
            let reference = reference(&batch);
            Command::ReceiveBatch { reference, delivery }
        }),
        1 => a_batch().prop_map(|batch| undo_receipt(&batch)),
        1 => a_batch().prop_map(|batch| cancel_batch(&batch)),
        1 => (a_sku(), 0..8_u32).prop_map(|(of, units)| keep_back(of, units)),
        1 => a_sku().prop_map(|of| Command::Reallocate(sku(of))),
        9 => an_allocation(),
        8 => an_order_to_place().prop_map(Command::PlaceOrder),
        4 => an_order_to_place().prop_map(Command::ReplaceOrder),
        4 => a_confirmation(),
        5 => a_change_of_an_order(),
        4 => (an_order(), a_line(), 1..12_u32).prop_map(|(id, line, units)| change_line(&id, &line, units)),
        2 => (an_order(), a_line()).prop_map(|(id, line)| cancel_line(&id, &line)),
        2 => an_order().prop_map(|id| cancel_order(&id)),
        5 => a_dispatch(),
        2 => (an_order(), some()).prop_map(move |(id, line)| {
            Command::UndoDispatch { order: order(&id), lines: only(line) }
        }),
    ]
}

fn a_dispatch() -> impl Strategy<Value = Command> {
    let part = (a_line(), prop::option::weighted(0.7, 1..8_u32)).prop_map(|(line, quantity)| DispatchedLine {
        line: LineId::new(line).expect("a line id"),
        quantity: quantity.map(units),
    });
    (an_order(), prop::option::of(part), any::<bool>()).prop_map(|(id, part, all_or_nothing)| {
        Command::Dispatch(Dispatch {
            order: order(&id),
            lines: part.map(|part| vec![part]),
            all_or_nothing,
        })
    })
}

pub(crate) fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => a_command().prop_map(Step::Run),
        4 => (1..12_i64).prop_map(Step::Pass),
        1 => (1..6_i8).prop_map(Step::Days),
        1 => Just(Step::Sweep),
    ]
}
