//! What may be promised: safety stock, locations, overdue stock, quotes, dates. One sentence a test.

use earmark_domain::{
    Allocate, Command, CreateBatch, LineRequest, LineState, Location, Locations, OnShortage, OrderLine, OrderTerms,
    Outcome, Promising, Quote, Refusal, Remedy, TriedOutcome, Units, availability,
};

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_batch, count, create_batch, day, keep_back, key, place_on, quote,
    reference, shop, sku, units,
};

mod safety_stock {
    use super::*;

    #[test]
    fn is_kept_back_from_new_promises() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, None), keep_back("LAMP", 4)]);
        let Err(Refusal::OutOfStock(shortage)) = shop.run(&allocate("o1", "LAMP", 7)) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 6);
        assert_eq!(shortage.remedy, Remedy::SafetyStock(crate::support::units_counted(3)));
        shop.run(&allocate("o1", "LAMP", 6)).expect("all that is not kept back");
    }

    #[test]
    fn takes_no_units_from_lines_when_it_is_raised() {
        let mut shop = shop(&[create_batch("b", "LAMP", 10, None), allocate("o1", "LAMP", 9)]);
        shop.run(&keep_back("LAMP", 5)).expect("kept back");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 9)]);
    }

    #[test]
    fn serves_the_backlog_when_it_is_lowered() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 10, None),
            keep_back("LAMP", 5),
            backorder("o1", "LAMP", 7),
        ]);
        shop.run(&keep_back("LAMP", 3)).expect("kept back");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 7)]);
    }

    #[test]
    fn is_offered_to_a_line_that_has_to_move() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "LAMP", 5, None),
            allocate("o1", "LAMP", 5),
            keep_back("LAMP", 5),
        ]);
        shop.run(&count("b", 0)).expect("counted");
        assert_eq!(shop.units_of("o1", "LAMP"), [("c".into(), 5)]);
    }
}

mod locations {
    use super::*;

    fn batch_at(name: &str, location: &str, quantity: u32) -> Command {
        Command::CreateBatch(CreateBatch {
            reference: reference(name),
            sku: sku("LAMP"),
            quantity: units(quantity),
            eta: None,
            location: Location::new(location).expect("a location"),
        })
    }

    fn from(id: &str, quantity: u32, locations: &[&str]) -> Command {
        let location = |name: &&str| Location::new(name).expect("a location");
        Command::Allocate(Allocate {
            line: LineRequest {
                key: key(id, "LAMP"),
                sku: sku("LAMP"),
                quantity: units(quantity),
            },
            locations: Locations::new(locations.iter().map(location).collect()).expect("each once"),
            on_shortage: OnShortage::Reject,
            split: false,
            without_grace: false,
        })
    }

    #[test]
    fn are_tried_in_the_order_the_line_prefers() {
        let mut shop = shop(&[batch_at("n", "north", 5), batch_at("s", "south", 5)]);
        shop.run(&from("o1", 3, &["south", "north"])).expect("fits");
        shop.run(&from("o2", 3, &["south", "north"])).expect("fits");
        assert_eq!(shop.units_of("o1", "LAMP"), [("s".into(), 3)]);
        assert_eq!(shop.units_of("o2", "LAMP"), [("n".into(), 3)]);
    }

    #[test]
    fn that_a_line_does_not_name_are_not_offered() {
        let mut shop = shop(&[batch_at("n", "north", 5), batch_at("s", "south", 1)]);
        let Err(Refusal::OutOfStock(shortage)) = shop.run(&from("o1", 3, &["south"])) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 1);
        assert_eq!(
            shortage.remedy,
            Remedy::Location(Location::new("north").expect("a location"))
        );
    }

    #[test]
    fn that_are_unknown_are_refused_by_name_and_not_as_a_shortage() {
        let mut shop = shop(&[batch_at("n", "north", 5)]);
        let before = shop.events.len();
        let unknown = |names: &[&str]| {
            let names = names.iter().map(|name| Location::new(name).expect("a location"));
            Err(Refusal::UnknownLocation(names.collect()))
        };
        let line = from("o1", 3, &["nroth", "north", "Main"]);
        assert_eq!(shop.run(&line), unknown(&["Main", "nroth"]));
        let Command::Allocate(allocate) = line else {
            unreachable!("an allocation")
        };
        let quote = Command::Quote(Quote {
            lines: vec![OrderLine {
                line: allocate.line.key.line,
                sku: sku("LAMP"),
                quantity: units(1),
                locations: allocate.locations,
            }],
            split: false,
        });
        assert_eq!(shop.run(&quote), unknown(&["Main", "nroth"]));
        assert_eq!(shop.events.len(), before);
    }

    #[test]
    fn are_known_once_any_product_had_a_batch_there_even_if_it_is_gone() {
        let mut shop = shop(&[
            batch_at("n", "north", 5),
            Command::CreateBatch(CreateBatch {
                reference: reference("s"),
                sku: sku("CHAIR"),
                quantity: units(1),
                eta: None,
                location: Location::new("south").expect("a location"),
            }),
            cancel_batch("s"),
        ]);
        assert!(matches!(
            shop.run(&from("o1", 3, &["south"])),
            Err(Refusal::OutOfStock(_))
        ));
    }

    #[test]
    fn bind_a_line_that_has_to_move_too() {
        let mut shop = shop(&[
            batch_at("s", "south", 5),
            batch_at("n", "north", 5),
            from("o1", 3, &["south"]),
            count("s", 1),
        ]);
        assert_eq!(shop.state("o1", "LAMP"), Some(LineState::Backordered));
        shop.run(&batch_at("s2", "south", 5)).expect("bought");
        assert_eq!(shop.units_of("o1", "LAMP"), [("s2".into(), 3)]);
    }
}

#[test]
fn a_batch_that_is_overdue_beyond_the_grace_period_is_not_offered_but_keeps_its_lines() {
    let mut shop = shop(&[create_batch("b", "LAMP", 9, Some(day(-3))), allocate("o1", "LAMP", 4)]);
    shop.promising = Promising {
        overdue_grace_days: Some(2),
        ..Promising::default()
    };
    assert!(shop.run(&allocate("o2", "LAMP", 1)).is_err());
    assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 4)]);
    shop.promising = Promising {
        overdue_grace_days: Some(3),
        ..Promising::default()
    };
    shop.run(&allocate("o2", "LAMP", 1)).expect("within the grace period");
}

#[test]
fn a_product_has_one_event_each_time_it_is_depleted_or_replenished() {
    let mut shop = shop(&[create_batch("b", "LAMP", 5, None)]);
    let crossings = |shop: &Shop| -> Vec<String> {
        let names = shop.events_since(0).into_iter();
        names.filter(|name| name.starts_with("Stock")).collect()
    };
    shop.run(&allocate("o1", "LAMP", 3)).expect("fits");
    shop.run(&allocate("o2", "LAMP", 2)).expect("fits");
    assert_eq!(crossings(&shop), ["StockDepleted"]);
    shop.run(&create_batch("c", "LAMP", 10, None)).expect("bought");
    assert_eq!(crossings(&shop), ["StockDepleted", "StockReplenished"]);
    shop.run(&create_batch("d", "LAMP", 5, None)).expect("bought");
    assert_eq!(crossings(&shop).len(), 2);
    let split = OrderTerms {
        split: true,
        ..crate::support::hold_terms(60)
    };
    shop.run(&place_on("o3", &[("LAMP", "LAMP", 15)], split)).expect("held");
    assert_eq!(crossings(&shop), ["StockDepleted", "StockReplenished", "StockDepleted"]);
}

mod a_quote {
    use super::*;

    fn quoted(shop: &mut Shop, wanted: &[(&str, &str, u32)], split: bool) -> Vec<earmark_domain::QuotedLine> {
        let Ok(Outcome::Quoted { lines }) = shop.run(&quote(wanted, split)) else {
            unreachable!("every SKU is known");
        };
        lines
    }

    #[test]
    fn lists_the_batches_that_were_tried_with_the_result_for_each() {
        let mut shop = shop(&[
            create_batch("small", "LAMP", 2, None),
            create_batch("big", "LAMP", 9, Some(day(3))),
            create_batch("bigger", "LAMP", 20, Some(day(9))),
        ]);
        let lines = quoted(&mut shop, &[("1", "LAMP", 5)], false);
        let tried: Vec<_> = lines[0]
            .tried
            .iter()
            .map(|tried| (tried.batch.as_str(), tried.outcome))
            .collect();
        assert_eq!(tried, [("small", TriedOutcome::TooSmall), ("big", TriedOutcome::Taken)]);
        assert_eq!(lines[0].promised_on, Some(day(3)));
    }

    #[test]
    fn counts_its_lines_of_one_product_together() {
        let mut shop = shop(&[create_batch("b", "LAMP", 8, None)]);
        let lines = quoted(&mut shop, &[("1", "LAMP", 5), ("2", "LAMP", 5)], false);
        assert_eq!(lines[0].remedy, None);
        assert_eq!(lines[1].remedy, Some(Remedy::Quantity(units(3))));
        assert_eq!(shop.available("b"), 8);
    }

    #[test]
    fn names_the_smallest_change_that_would_help() {
        let mut shop = shop(&[create_batch("a", "LAMP", 4, None), create_batch("b", "LAMP", 3, None)]);
        let remedy = |shop: &mut Shop, quantity, split| {
            let lines = quoted(shop, &[("1", "LAMP", quantity)], split);
            lines[0].remedy.clone()
        };
        assert_eq!(remedy(&mut shop, 6, false), Some(Remedy::Split));
        assert_eq!(remedy(&mut shop, 8, true), Some(Remedy::Quantity(units(7))));
        shop.run(&allocate_split("o1", "LAMP", 7)).expect("fits");
        let more = earmark_domain::Units::new(8);
        assert_eq!(remedy(&mut shop, 8, true), Some(Remedy::MoreStock(more)));
    }
}

#[test]
fn availability_by_date_is_the_stock_that_has_arrived_by_then_less_the_safety_stock() {
    let shop = shop(&[
        create_batch("shelf", "LAMP", 5, None),
        create_batch("overdue", "LAMP", 2, Some(day(-4))),
        create_batch("ship", "LAMP", 10, Some(day(7))),
        create_batch("none", "LAMP", 3, Some(day(3))),
        count("none", 0),
        keep_back("LAMP", 4),
    ]);
    let now = |promising| {
        let found = availability(
            shop.batches.values(),
            crate::support::units_counted(4),
            None,
            Units::ZERO,
            promising,
            day(0),
        );
        let timeline: Vec<_> = found.timeline.iter().map(|on| (on.on, on.available.get())).collect();
        (found.available_now.get(), timeline)
    };
    assert_eq!(
        now(Promising::default()),
        (5, vec![(day(0), 5), (day(1), 7), (day(7), 13)])
    );
    let strict = Promising {
        overdue_grace_days: Some(3),
        ..Promising::default()
    };
    assert_eq!(now(strict), (5, vec![(day(0), 5), (day(7), 11)]));
}
