//! Better stock improves what was promised, and who came first is served first, whatever stands between.

use earmark_domain::{BACKLOG_PAGE, Command, Improve, LineState, OnOrderShortage, OrderTerms, Outcome, Promising};
use proptest::prelude::*;

use crate::support::{
    Shop, allocate, backorder, cancel_order, count, create_batch, day, key, place_on, precedence, put_off, receive,
    shop, sku,
};

fn wanted(id: &str, quantity: u32, priority: i32, by: Option<i8>) -> Command {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        precedence: precedence(priority, by.map(day)),
        ..OrderTerms::default()
    };
    place_on(id, &[("LAMP", "LAMP", quantity)], terms)
}

fn improving(improve: Improve, commands: &[Command]) -> Shop {
    let mut shop = shop(&[]);
    shop.promising = Promising {
        improve,
        ..Promising::default()
    };
    for command in commands {
        shop.run(command).expect("an accepted command");
    }
    shop
}

fn batch_of(shop: &Shop, order: &str) -> String {
    let units = shop.units_of(order, "LAMP");
    units.first().map(|(batch, _)| batch.clone()).unwrap_or_default()
}

mod when_stock_comes {
    use super::*;

    #[test]
    fn a_line_that_would_miss_its_day_gets_it_before_new_demand() {
        let mut shop = shop(&[
            create_batch("april", "LAMP", 10, Some(day(60))),
            wanted("vip", 5, 10, Some(7)),
        ]);
        shop.run(&create_batch("shelf", "LAMP", 5, None)).expect("bought");
        let before = shop.events.len();
        shop.finish_work();
        assert_eq!(batch_of(&shop, "vip"), "shelf");
        assert_eq!(shop.promised_on("vip"), Some(day(0)));
        assert_eq!(shop.events_since(before), ["Reallocated vip"]);
        shop.run(&allocate("next", "LAMP", 5)).expect("fits");
        assert_eq!(batch_of(&shop, "next"), "april");
    }

    #[test]
    fn new_demand_waits_until_those_at_risk_have_been_gone_through() {
        let mut shop = shop(&[
            create_batch("april", "LAMP", 10, Some(day(60))),
            wanted("vip", 5, 10, Some(7)),
            create_batch("shelf", "LAMP", 5, None),
            allocate("next", "LAMP", 5),
        ]);
        assert_eq!(
            (batch_of(&shop, "vip"), batch_of(&shop, "next")),
            ("shelf".into(), "april".into())
        );
        shop.run(&cancel_order("vip")).expect("cancelled");
    }

    #[test]
    fn what_an_improved_line_leaves_serves_whoever_waits() {
        let mut shop = shop(&[
            create_batch("april", "LAMP", 5, Some(day(60))),
            wanted("vip", 5, 10, Some(7)),
            wanted("waits", 5, 0, None),
        ]);
        assert_eq!(shop.state("waits", "LAMP"), Some(LineState::Backordered));
        // The lines that wait come first: this batch is too small for the one that does.
        shop.run(&create_batch("shelf", "LAMP", 4, None)).expect("bought");
        shop.run(&wanted("small", 1, 0, None)).expect("placed");
        shop.run(&count("shelf", 6)).expect("counted");
        shop.finish_work();
        assert_eq!(
            (batch_of(&shop, "vip"), batch_of(&shop, "waits")),
            ("april".into(), "shelf".into())
        );
        shop.run(&create_batch("more", "LAMP", 5, None)).expect("bought");
        shop.finish_work();
        assert_eq!(batch_of(&shop, "vip"), "more");
    }

    #[test]
    fn a_line_on_overdue_stock_moves_to_stock_that_is_here() {
        let mut shop = shop(&[create_batch("ship", "LAMP", 5, Some(day(2))), allocate("o1", "LAMP", 5)]);
        shop.advance_days(30);
        shop.run(&create_batch("shelf", "LAMP", 5, None)).expect("bought");
        shop.finish_work();
        assert_eq!(batch_of(&shop, "o1"), "shelf");
        assert_eq!(shop.promised_on("o1"), Some(day(30)));
    }

    #[test]
    fn a_line_that_is_not_at_risk_stays_unless_all_are_to_be_improved() {
        let commands = [
            create_batch("ship", "LAMP", 5, Some(day(20))),
            allocate("o1", "LAMP", 5),
            create_batch("shelf", "LAMP", 5, None),
        ];
        for (improve, batch) in [
            (Improve::Off, "ship"),
            (Improve::AtRisk, "ship"),
            (Improve::All, "shelf"),
        ] {
            let mut shop = improving(improve, &commands);
            shop.finish_work();
            assert_eq!(batch_of(&shop, "o1"), batch, "{improve:?}");
        }
    }

    #[test]
    fn earlier_stock_improves_too() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 5, Some(day(60))),
            create_batch("b", "LAMP", 5, Some(day(90))),
            wanted("o1", 5, 0, Some(50)),
        ]);
        shop.run(&put_off("b", day(30))).expect("brought forward");
        shop.finish_work();
        assert_eq!(batch_of(&shop, "o1"), "b");
        shop.run(&receive("a", None)).expect("received");
        shop.finish_work();
        assert_eq!(batch_of(&shop, "o1"), "b", "it is not at risk any more");
    }

    #[test]
    fn many_lines_are_improved_in_bounded_transactions() {
        let mut shop = shop(&[create_batch("ship", "LAMP", 30, Some(day(60)))]);
        for n in 0..30 {
            shop.run(&wanted(&format!("o{n}"), 1, 0, Some(7))).expect("placed");
        }
        shop.change_page = Some(4);
        shop.run(&create_batch("shelf", "LAMP", 29, None)).expect("bought");
        assert!(shop.finish_work() > 7);
        let moved = (0..30).filter(|n| batch_of(&shop, &format!("o{n}")) == "shelf");
        assert_eq!(moved.count(), 29);
        assert_eq!(batch_of(&shop, "o29"), "ship");
    }
}

mod on_demand {
    use super::*;

    #[test]
    fn every_line_that_gets_an_earlier_date_moves() {
        let mut shop = improving(
            Improve::Off,
            &[
                create_batch("ship", "LAMP", 5, Some(day(20))),
                allocate("o1", "LAMP", 5),
                create_batch("shelf", "LAMP", 5, None),
            ],
        );
        let Ok(Outcome::Reallocated { effects, .. }) = shop.run(&Command::Reallocate(sku("LAMP"))) else {
            panic!("accepted")
        };
        assert_eq!(effects.reallocated.len(), 1);
        shop.finish_work();
        assert_eq!(batch_of(&shop, "o1"), "shelf");
    }
}

mod who_came_first {
    use super::*;

    /// A shop in which more lines wait than are served at once, and stock for all but the last has just come.
    fn with_pages_owed() -> Shop {
        let mut shop = shop(&[create_batch("none", "LAMP", 1, None), allocate("sold", "LAMP", 1)]);
        let waiting = u32::try_from(BACKLOG_PAGE).expect("a page") + 1;
        for n in 0..waiting {
            shop.run(&backorder(&format!("o{n:04}"), "LAMP", 1)).expect("waits");
        }
        shop.run(&create_batch("new", "LAMP", waiting, None)).expect("bought");
        assert!(shop.products[&sku("LAMP")].pending.is_some());
        shop
    }

    #[test]
    fn is_served_before_a_late_line_while_pages_of_the_backlog_are_owed() {
        let mut shop = with_pages_owed();
        assert!(shop.run(&allocate("late", "LAMP", 1)).is_err());
        assert_eq!(shop.state("o0200", "LAMP"), Some(LineState::Allocated));
    }

    #[test]
    fn is_served_before_a_higher_priority_that_comes_later() {
        let mut shop = with_pages_owed();
        shop.run(&wanted("vip", 1, 9, None)).expect("placed");
        assert_eq!(shop.state("vip", "LAMP"), Some(LineState::Backordered));
        assert_eq!(shop.state("o0200", "LAMP"), Some(LineState::Allocated));
    }

    #[test]
    fn pages_of_lines_that_do_not_fit_are_passed_over_at_once() {
        let mut shop = shop(&[create_batch("none", "LAMP", 1, None), allocate("sold", "LAMP", 1)]);
        for n in 0..BACKLOG_PAGE * 3 {
            shop.run(&backorder(&format!("o{n:04}"), "LAMP", 100)).expect("waits");
        }
        shop.run(&create_batch("new", "LAMP", 50, None)).expect("bought");
        assert_eq!(shop.finish_work(), 1);
    }
}

/// One line of a random shop: its size, priority, and the day it is required by.
type Wish = (u32, i32, Option<i8>, bool);

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec((1..6_u32, -1..2_i32, prop::option::of(-1..40_i8), any::<bool>()), 1..12)
}

fn batches() -> impl Strategy<Value = Vec<(u32, Option<i8>)>> {
    prop::collection::vec((1..12_u32, prop::option::of(-12..60_i8)), 1..6)
}

/// A random shop, in which lines were promised before the last batches came.
fn random(improve: Improve, first: &[(u32, Option<i8>)], wishes: &[Wish], then: &[(u32, Option<i8>)]) -> Shop {
    let mut shop = improving(improve, &[create_batch("0", "LAMP", 1, Some(day(9)))]);
    shop.change_page = Some(3);
    for (n, (quantity, eta)) in first.iter().enumerate() {
        shop.run(&create_batch(&format!("a{n}"), "LAMP", *quantity, eta.map(day)))
            .expect("bought");
    }
    for (n, (quantity, priority, by, split)) in wishes.iter().enumerate() {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            precedence: precedence(*priority, by.map(day)),
            split: *split,
            ..OrderTerms::default()
        };
        shop.run(&place_on(&format!("o{n:02}"), &[("LAMP", "LAMP", *quantity)], terms))
            .expect("placed");
    }
    shop.advance_days(3);
    for (n, (quantity, eta)) in then.iter().enumerate() {
        shop.run(&create_batch(&format!("b{n}"), "LAMP", *quantity, eta.map(day)))
            .expect("bought");
        shop.finish_work();
    }
    shop
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn improving_twice_changes_nothing_the_second_time(first in batches(), wishes in wishes(), then in batches()) {
        let mut shop = random(Improve::AtRisk, &first, &wishes, &then);
        for _ in 0..2 {
            shop.run(&Command::Reallocate(sku("LAMP"))).expect("accepted");
            shop.finish_work();
        }
        let before = shop.events.len();
        shop.run(&Command::Reallocate(sku("LAMP"))).expect("accepted");
        shop.finish_work();
        prop_assert_eq!(shop.events_since(before), [""; 0]);
    }

    #[test]
    fn nobody_is_promised_for_a_later_day_or_loses_units_by_improving(
        first in batches(), wishes in wishes(), then in batches()
    ) {
        let mut shop = random(Improve::Off, &first, &wishes, &then);
        let expected = |shop: &Shop, n: usize| {
            let line = &shop.lines[&key(&format!("o{n:02}"), "LAMP")];
            (line.state == LineState::Allocated).then_some(line.promise.on).flatten()
        };
        let units = |shop: &Shop, n: usize| shop.units_of(&format!("o{n:02}"), "LAMP");
        let before: Vec<_> = (0..wishes.len()).map(|n| (expected(&shop, n), units(&shop, n))).collect();
        shop.run(&Command::Reallocate(sku("LAMP"))).expect("accepted");
        shop.finish_work();
        for (n, (date, units_before)) in before.into_iter().enumerate() {
            let Some(date) = date else { continue };
            let now = expected(&shop, n);
            if units(&shop, n) == units_before {
                prop_assert_eq!(now, Some(date), "what was told stands");
                continue;
            }
            // A line on overdue stock was told a day that has passed: it moves to a day that can be kept.
            let today = shop.today();
            let could_leave = date.max(today.tomorrow().expect("a day"));
            prop_assert!(now.is_some_and(|now| now <= could_leave), "{:?} -> {:?}", date, now);
        }
    }

    #[test]
    fn a_lower_priority_never_gains_what_a_higher_one_could_have_had(
        wishes in prop::collection::vec(-2..3_i32, 2..10), units in 1..9_u32
    ) {
        let mut shop = improving(Improve::AtRisk, &[create_batch("ship", "LAMP", 100, Some(day(60)))]);
        for (n, priority) in wishes.iter().enumerate() {
            shop.run(&wanted(&format!("o{n:02}"), 1, *priority, Some(7))).expect("placed");
        }
        shop.run(&create_batch("shelf", "LAMP", units, None)).expect("bought");
        shop.finish_work();
        let gained = |n: &usize| batch_of(&shop, &format!("o{n:02}")) == "shelf";
        let (won, lost): (Vec<usize>, Vec<usize>) = (0..wishes.len()).partition(gained);
        prop_assert_eq!(won.len(), wishes.len().min(units as usize));
        for winner in &won {
            prop_assert!(lost.iter().all(|loser| wishes[*loser] <= wishes[*winner]));
        }
    }
}
