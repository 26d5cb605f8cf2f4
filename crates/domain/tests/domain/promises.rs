//! What may be promised of what there is: stock kept back, locations, quotes, dates. One sentence a test.

use earmark_domain::{
    Allocate, Command, CreateBatch, LineRequest, LineState, Location, Locations, OnShortage, OrderTerms, Outcome,
    Promising, Refusal, Remedy, TriedOutcome, availability,
};

use crate::support::{
    Books, allocate, allocate_split, backorder, books, count, create_batch, day, keep_back, key, place_on, quote,
    reference, sku, units,
};

mod stock_kept_back {
    use super::*;

    #[test]
    fn is_not_promised_anew() {
        let mut books = books(&[create_batch("b", "LAMP", 10, None), keep_back("LAMP", 4)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&allocate("o1", "LAMP", 7)) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 6);
        assert_eq!(shortage.remedy, Remedy::SafetyStock(crate::support::units_counted(3)));
        books
            .run(&allocate("o1", "LAMP", 6))
            .expect("all that is not kept back");
    }

    #[test]
    fn takes_nothing_from_those_who_have_it_when_there_is_more_of_it() {
        let mut books = books(&[create_batch("b", "LAMP", 10, None), allocate("o1", "LAMP", 9)]);
        books.run(&keep_back("LAMP", 5)).expect("kept back");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 9)]);
    }

    #[test]
    fn serves_those_who_wait_when_there_is_less_of_it() {
        let mut books = books(&[
            create_batch("b", "LAMP", 10, None),
            keep_back("LAMP", 5),
            backorder("o1", "LAMP", 7),
        ]);
        books.run(&keep_back("LAMP", 3)).expect("kept back");
        assert_eq!(books.held("o1", "LAMP"), [("b".into(), 7)]);
    }

    #[test]
    fn is_there_for_a_line_that_has_to_move() {
        let mut books = books(&[
            create_batch("b", "LAMP", 5, None),
            create_batch("c", "LAMP", 5, None),
            allocate("o1", "LAMP", 5),
            keep_back("LAMP", 5),
        ]);
        books.run(&count("b", 0)).expect("counted");
        assert_eq!(books.held("o1", "LAMP"), [("c".into(), 5)]);
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
        })
    }

    #[test]
    fn are_tried_in_the_order_the_line_prefers() {
        let mut books = books(&[batch_at("n", "north", 5), batch_at("s", "south", 5)]);
        books.run(&from("o1", 3, &["south", "north"])).expect("fits");
        books.run(&from("o2", 3, &["south", "north"])).expect("fits");
        assert_eq!(books.held("o1", "LAMP"), [("s".into(), 3)]);
        assert_eq!(books.held("o2", "LAMP"), [("n".into(), 3)]);
    }

    #[test]
    fn that_a_line_does_not_name_are_not_offered() {
        let mut books = books(&[batch_at("n", "north", 5), batch_at("s", "south", 1)]);
        let Err(Refusal::OutOfStock(shortage)) = books.run(&from("o1", 3, &["south"])) else {
            panic!("short");
        };
        assert_eq!(shortage.available.get(), 1);
        assert_eq!(
            shortage.remedy,
            Remedy::Location(Location::new("north").expect("a location"))
        );
    }

    #[test]
    fn hold_for_a_line_that_has_to_move() {
        let mut books = books(&[
            batch_at("s", "south", 5),
            batch_at("n", "north", 5),
            from("o1", 3, &["south"]),
            count("s", 1),
        ]);
        assert_eq!(books.state("o1", "LAMP"), Some(LineState::Backordered));
        books.run(&batch_at("s2", "south", 5)).expect("bought");
        assert_eq!(books.held("o1", "LAMP"), [("s2".into(), 3)]);
    }
}

#[test]
fn a_batch_that_is_overdue_for_too_long_is_not_offered_but_keeps_its_lines() {
    let mut books = books(&[create_batch("b", "LAMP", 9, Some(day(-3))), allocate("o1", "LAMP", 4)]);
    books.promising = Promising {
        overdue_grace_days: Some(2),
    };
    assert!(books.run(&allocate("o2", "LAMP", 1)).is_err());
    assert_eq!(books.held("o1", "LAMP"), [("b".into(), 4)]);
    books.promising = Promising {
        overdue_grace_days: Some(3),
    };
    books.run(&allocate("o2", "LAMP", 1)).expect("within the days of grace");
}

#[test]
fn a_product_runs_out_and_comes_back_once_a_crossing() {
    let mut books = books(&[create_batch("b", "LAMP", 5, None)]);
    let crossings = |books: &Books| -> Vec<String> {
        let names = books.told_since(0).into_iter();
        names.filter(|name| name.starts_with("Stock")).collect()
    };
    books.run(&allocate("o1", "LAMP", 3)).expect("fits");
    books.run(&allocate("o2", "LAMP", 2)).expect("fits");
    assert_eq!(crossings(&books), ["StockDepleted"]);
    books.run(&create_batch("c", "LAMP", 10, None)).expect("bought");
    assert_eq!(crossings(&books), ["StockDepleted", "StockReplenished"]);
    books.run(&create_batch("d", "LAMP", 5, None)).expect("bought");
    assert_eq!(crossings(&books).len(), 2);
    let split = OrderTerms {
        split: true,
        ..crate::support::held(60)
    };
    books
        .run(&place_on("o3", &[("LAMP", "LAMP", 15)], split))
        .expect("held");
    assert_eq!(
        crossings(&books),
        ["StockDepleted", "StockReplenished", "StockDepleted"]
    );
}

mod a_quote {
    use super::*;

    fn quoted(books: &mut Books, wanted: &[(&str, &str, u32)], split: bool) -> Vec<earmark_domain::QuotedLine> {
        let Ok(Outcome::Quoted { lines }) = books.run(&quote(wanted, split)) else {
            unreachable!("every SKU is known");
        };
        lines
    }

    #[test]
    fn tells_which_batches_were_tried_and_why_each_was_refused() {
        let mut books = books(&[
            create_batch("small", "LAMP", 2, None),
            create_batch("big", "LAMP", 9, Some(day(3))),
            create_batch("bigger", "LAMP", 20, Some(day(9))),
        ]);
        let lines = quoted(&mut books, &[("1", "LAMP", 5)], false);
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
        let mut books = books(&[create_batch("b", "LAMP", 8, None)]);
        let lines = quoted(&mut books, &[("1", "LAMP", 5), ("2", "LAMP", 5)], false);
        assert_eq!(lines[0].remedy, None);
        assert_eq!(lines[1].remedy, Some(Remedy::Quantity(units(3))));
        assert_eq!(books.available("b"), 8);
    }

    #[test]
    fn names_the_smallest_change_that_would_help() {
        let mut books = books(&[create_batch("a", "LAMP", 4, None), create_batch("b", "LAMP", 3, None)]);
        let remedy = |books: &mut Books, quantity, split| {
            let lines = quoted(books, &[("1", "LAMP", quantity)], split);
            lines[0].remedy.clone()
        };
        assert_eq!(remedy(&mut books, 6, false), Some(Remedy::Split));
        assert_eq!(remedy(&mut books, 8, true), Some(Remedy::Quantity(units(7))));
        books.run(&allocate_split("o1", "LAMP", 7)).expect("fits");
        let more = earmark_domain::Units::new(8);
        assert_eq!(remedy(&mut books, 8, true), Some(Remedy::MoreStock(more)));
    }
}

#[test]
fn what_can_be_promised_by_a_date_is_what_has_arrived_by_then_but_for_what_is_kept_back() {
    let books = books(&[
        create_batch("shelf", "LAMP", 5, None),
        create_batch("overdue", "LAMP", 2, Some(day(-4))),
        create_batch("ship", "LAMP", 10, Some(day(7))),
        create_batch("none", "LAMP", 3, Some(day(3))),
        count("none", 0),
        keep_back("LAMP", 4),
    ]);
    let now = |promising| {
        let found = availability(
            books.batches.values(),
            crate::support::units_counted(4),
            None,
            promising,
            day(0),
        );
        let timeline: Vec<_> = found.timeline.iter().map(|on| (on.on, on.available.get())).collect();
        (found.available_now.get(), timeline)
    };
    assert_eq!(now(Promising::default()), (7, vec![(day(0), 7), (day(7), 13)]));
    let strict = Promising {
        overdue_grace_days: Some(3),
    };
    assert_eq!(now(strict), (5, vec![(day(0), 5), (day(7), 11)]));
}
