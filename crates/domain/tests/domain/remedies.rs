//! Remedies: what a refusal offers succeeds when it is done.

use earmark_domain::{
    Allocate, BatchRecord, Command, CreateBatch, Location, Locations, Outcome, Quantity, Refusal, Remedy, Shortage,
};
use proptest::prelude::*;

use crate::support::{
    Shop, allocate, allocate_split, change_quantity, count, create_batch, day, keep_back, reference, shop, sku, units,
};

mod raising {
    use super::*;

    #[test]
    fn a_whole_line_moves_to_a_batch_that_takes_it_whole() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 10, None),
            create_batch("b", "LAMP", 50, Some(day(3))),
            allocate("o1", "LAMP", 10),
        ]);
        shop.run(&change_quantity("o1", "LAMP", 15))
            .expect("the other batch takes it");
        assert_eq!(shop.units_of("o1", "LAMP"), [("b".into(), 15)]);
        assert_eq!(shop.available("a"), 10);
        assert_eq!(shop.promised_on("o1"), Some(day(3)));
    }

    #[test]
    fn a_refusal_counts_the_units_that_the_line_has_and_offers_what_the_call_can_do() {
        let mut shop = shop(&[
            create_batch("a", "LAMP", 12, None),
            create_batch("b", "LAMP", 9, None),
            allocate("o1", "LAMP", 10),
        ]);
        let Err(Refusal::OutOfStock(short)) = shop.run(&change_quantity("o1", "LAMP", 15)) else {
            panic!("no batch takes it");
        };
        assert_eq!((short.requested.get(), short.available.get()), (15, 21));
        assert_eq!(short.remedy, Remedy::Quantity(Quantity::new(12).expect("a quantity")));
        assert_eq!(shop.units_of("o1", "LAMP"), [("a".into(), 10)]);
    }
}

const LOCATIONS: [&str; 2] = ["north", "south"];

fn location(name: &str) -> Location {
    Location::new(name).expect("a location")
}

/// A product with some batches, a line, and units that are kept back. Nobody waits for stock: who waits would be served
/// first with what a remedy sets free.
fn a_shop() -> impl Strategy<Value = Shop> {
    let batch = (1_u32..12, prop::option::of(0_i8..3), 0_usize..2);
    let batches = prop::collection::vec(batch, 1..5);
    (batches, 1_u32..12, any::<bool>(), 0_u32..9).prop_map(|(batches, quantity, split, kept)| {
        let mut shop = shop(&[]);
        for (at, (quantity, eta, place)) in batches.into_iter().enumerate() {
            let batch = Command::CreateBatch(CreateBatch {
                reference: reference(&format!("b{at}")),
                sku: sku("LAMP"),
                quantity: units(quantity),
                eta: eta.map(day),
                location: location(LOCATIONS[place]),
            });
            shop.run(&batch).expect("created");
        }
        let line = if split { allocate_split } else { allocate };
        // It may not fit.
        let _ = shop.run(&line("o1", "LAMP", quantity));
        shop.run(&keep_back("LAMP", kept)).expect("kept back");
        shop
    })
}

/// Buys this many units more, where the line gets the most units already: in the batch that has the most for it.
fn buy_more(shop: &mut Shop, short: &Shortage, more: u64, locations: &Locations) {
    let batches: Vec<BatchRecord> = shop.batches.values().cloned().collect();
    let own = |batch: &str| -> u64 {
        let units = shop.units_of(short.key.order.as_str(), short.key.line.as_str());
        units
            .iter()
            .filter(|(of, _)| of == batch)
            .map(|(_, units)| u64::from(*units))
            .sum()
    };
    let for_it = |batch: &BatchRecord| batch.available().get() + own(batch.reference.as_str());
    let best = batches
        .iter()
        .filter(|batch| locations.is_any() || locations.as_slice().contains(&batch.location))
        .max_by_key(|batch| for_it(batch));
    let more = u32::try_from(more).expect("few units");
    // A line with unknown locations is refused for them.
    let best = best.expect("a batch at its locations");
    let command = count(best.reference.as_str(), best.quantity.get() + more);
    shop.run(&command).expect("more stock");
}

fn shortage(answer: Result<Outcome, Refusal>) -> Option<Shortage> {
    match answer {
        Err(Refusal::OutOfStock(short)) => Some(short),
        // No shortage, and no remedy.
        Err(Refusal::UnknownLocation(_)) => None,
        Err(other) => unreachable!("{other}"),
        Ok(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_line_that_follows_its_remedy_is_allocated(
        mut shop in a_shop(),
        quantity in 1_u32..30,
        split in any::<bool>(),
        named in prop::option::of(0_usize..2),
    ) {
        let Command::Allocate(mut asked) = allocate("new", "LAMP", quantity) else { unreachable!() };
        asked.split = split;
        if let Some(named) = named {
            asked.locations = Locations::new(vec![location(LOCATIONS[named])]).expect("one location");
        }
        if let Some(short) = shortage(shop.run(&Command::Allocate(asked.clone()))) {
            follow(&mut shop, &mut asked, &short);
            let answer = shop.run(&Command::Allocate(asked));
            prop_assert!(answer.is_ok(), "{:?}: {:?}", short, answer);
        }
    }

    #[test]
    fn a_line_that_is_raised_follows_its_remedy(mut shop in a_shop(), to in 1_u32..40) {
        if shop.state("o1", "LAMP").is_none() {
            return Ok(());
        }
        let raise = change_quantity("o1", "LAMP", to);
        if let Some(short) = shortage(shop.run(&raise)) {
            let raise = match &short.remedy {
                Remedy::Quantity(fewer) => change_quantity("o1", "LAMP", fewer.get()),
                Remedy::SafetyStock(kept) => {
                    shop.run(&keep_back("LAMP", kept.get())).expect("kept back");
                    raise
                }
                Remedy::MoreStock(more) => {
                    buy_more(&mut shop, &short, more.get(), &Locations::ANY);
                    raise
                }
                Remedy::Split | Remedy::Location(_) => {
                    return Err(TestCaseError::fail("the call can't do that"));
                }
            };
            let had = shop.units_of("o1", "LAMP");
            let answer = shop.run(&raise);
            prop_assert!(matches!(answer, Ok(Outcome::OrderChanged { changed: true, .. })), "{:?}: {:?}", short, answer);
            let sum = |units: Vec<(String, u32)>| -> u32 { units.into_iter().map(|(_, units)| units).sum() };
            prop_assert!(sum(shop.units_of("o1", "LAMP")) > sum(had));
        }
    }
}

fn follow(shop: &mut Shop, asked: &mut Allocate, short: &Shortage) {
    match &short.remedy {
        Remedy::Split => asked.split = true,
        Remedy::Location(other) => {
            let named = asked.locations.as_slice().iter().chain([other]).cloned();
            asked.locations = Locations::new(named.collect()).expect("locations");
        }
        Remedy::Quantity(fewer) => asked.line.quantity = *fewer,
        Remedy::SafetyStock(kept) => {
            shop.run(&keep_back("LAMP", kept.get())).expect("kept back");
        }
        Remedy::MoreStock(more) => buy_more(shop, short, more.get(), &asked.locations),
    }
}
