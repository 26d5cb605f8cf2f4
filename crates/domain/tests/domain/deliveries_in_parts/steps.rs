//! Parts of batches with more lines than one transaction goes through. One sentence a test.

use earmark_domain::{Event, Fact, HoldFor, LineState, OrderTerms};
use proptest::prelude::*;

use super::{REST, assert_never_overcommitted, prior, received, rest_on};
use crate::support::{
    Shop, allocate, backorder, count, create_batch, day, keep_back, place_on, precedence, receive_part, reference,
    shop, sku, units_counted,
};

mod more_lines_than_one_transaction_goes_through {
    use super::*;

    /// A batch of `lines` units with a line for each, in a shop that goes through two lines at a time.
    fn crowded(lines: u32) -> Shop {
        let mut shop = shop(&[create_batch("a", "LAMP", lines, Some(day(5)))]);
        for n in 1..=lines {
            shop.run(&allocate(&format!("o{n}"), "LAMP", 1)).expect("allocated");
        }
        shop.change_page = Some(2);
        shop
    }

    #[test]
    fn move_to_the_rest_which_is_there_from_the_first_step_and_nobody_takes_its_units() {
        let mut shop = crowded(7);
        shop.run(&prior("first", 3, 5, None)).expect("it waits");
        let (rest, _, effects) = received(shop.run(&receive_part("a", 4, rest_on(8))));
        assert!(effects.continues);
        assert_eq!(rest.record.quantity, units_counted(3));
        // It is decided once the receipt is carried out.
        shop.run(&backorder("late", "LAMP", 1)).expect("it waits, too");
        for waits in ["first", "late"] {
            assert_eq!(shop.state(waits, "LAMP"), Some(LineState::Backordered));
        }
        for (n, batch) in (1..=7).zip(["a", "a", "a", "a", "a/2", "a/2", "a/2"]) {
            assert_eq!(shop.units_of(&format!("o{n}"), "LAMP"), [(batch.into(), 1)]);
        }
        assert_eq!(shop.batches[&reference("a")].quantity, units_counted(4));
        assert_never_overcommitted(&shop.events);
    }

    #[test]
    fn have_one_event_each() {
        let mut shop = crowded(5);
        let before = shop.events.len();
        received(shop.run(&receive_part("a", 3, rest_on(8))));
        shop.finish_work();
        let mut told = shop.events_since(before);
        told.sort();
        assert_eq!(
            told,
            [
                "BatchCreated",
                "BatchQuantityChanged",
                "BatchQuantityChanged",
                "BatchReceived",
                "PromiseChanged o1",
                "PromiseChanged o2",
                "PromiseChanged o3",
                "Reallocated o4",
                "Reallocated o5",
            ]
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However many lines a step goes through: each line keeps its units, moves to the same stock, or waits; and after no
    /// event is more committed than there is.
    #[test]
    fn a_part_that_is_received_in_steps_ends_as_one_in_a_single_step(
        lines in prop::collection::vec((1_u32..5, any::<bool>(), any::<bool>(), -1_i32..2), 1..10),
        other in prop::option::of((1_u32..8, 1_i8..12)),
        waiting in prop::collection::vec((1_u32..5, -1_i32..2), 0..3),
        arrived in 1_u32..30,
        rest_day in prop::option::of(1_i8..20),
        kept_back in 0_u32..3,
        page in 1_usize..5,
    ) {
        let expected = lines.iter().map(|(quantity, ..)| *quantity).sum::<u32>();
        prop_assume!(arrived < expected);
        let outcome = |page| {
            let mut shop = shop(&[create_batch("a", "LAMP", expected, Some(day(5)))]);
            for (n, (quantity, split, held, priority)) in lines.iter().enumerate() {
                let terms = OrderTerms {
                    split: *split,
                    precedence: precedence(*priority, None),
                    hold_for: held.then(|| HoldFor::seconds(600).expect("a hold")),
                    ..OrderTerms::default()
                };
                let place = place_on(&format!("o{n}"), &[("LAMP", "LAMP", *quantity)], terms);
                shop.run(&place).expect("allocated");
            }
            for (n, (quantity, priority)) in waiting.iter().enumerate() {
                shop.run(&prior(&format!("w{n}"), *quantity, *priority, None)).expect("it waits");
            }
            shop.run(&keep_back("LAMP", kept_back)).expect("kept back");
            if let Some((quantity, n)) = other {
                shop.run(&create_batch("c", "LAMP", quantity, Some(day(n)))).expect("created");
            }
            shop.change_page = page;
            let rest = rest_day.map_or(REST, rest_on);
            let before = shop.events.len();
            received(shop.run(&receive_part("a", arrived, rest)));
            shop.finish_work();
            assert_never_overcommitted(&shop.events);
            let told = |event: &&Event| event.fact.line().is_some();
            let lines: Vec<Event> = shop.events[before..].iter().filter(told).cloned().collect();
            let batches: Vec<_> = shop.batches.values().cloned().collect();
            let told: Vec<Fact> = lines.into_iter().map(|event| event.fact).collect();
            let units: Vec<_> = shop.allocations.into_values().map(|one| (one.key, one.batch, one.quantity)).collect();
            (told, units, batches)
        };
        let (in_steps, at_once) = (outcome(Some(page)), outcome(None));
        prop_assert_eq!(&in_steps.1, &at_once.1);
        prop_assert_eq!(&in_steps.2, &at_once.2);
        prop_assert_eq!(in_steps.0, at_once.0);
    }

    /// Nobody is worse off than by a short receipt and a batch that is created after it.
    #[test]
    fn no_line_waits_that_the_rest_could_take(
        lines in prop::collection::vec(1_u32..6, 1..8),
        arrived in 1_u32..30,
    ) {
        let expected = lines.iter().sum::<u32>();
        prop_assume!(arrived < expected);
        let mut shop = shop(&[create_batch("a", "LAMP", expected, Some(day(5)))]);
        for (n, quantity) in lines.iter().enumerate() {
            shop.run(&allocate(&format!("o{n}"), "LAMP", *quantity)).expect("allocated");
        }
        received(shop.run(&receive_part("a", arrived, REST)));
        let free = shop.available("a").max(shop.available("a/2"));
        for line in shop.lines.values().filter(|line| line.state == LineState::Backordered) {
            prop_assert!(u64::from(line.terms.quantity.get()) > free);
        }
        prop_assert_eq!(shop.products[&sku("LAMP")].pending.is_some(), false);
        let stock: u32 = shop.batches.values().map(|batch| batch.quantity.get()).sum();
        prop_assert_eq!(stock, expected);
        shop.run(&count("a", arrived)).expect("unchanged");
    }
}
