//! Many at once: engines with several lanes, and several engines on one database.

use earmark_application::{Answer, CommandError};
use earmark_domain::{LineState, Outcome};

use crate::build::{allocate, allocate_or_wait, cancel_order, count_batch, create_batch, place_order, sku};
use crate::crew::{Crew, race};
use crate::databases::Db;
use crate::shop::Shop;

fn done(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.is_ok()).count()
}

/// Nobody was told "busy" for good, and nothing failed: done, or refused by the rules.
fn assert_all_answered(answers: &[Answer]) {
    for answer in answers {
        assert!(matches!(answer, Ok(_) | Err(CommandError::Refused(_))), "{answer:?}");
    }
}

/// Two instances of the service on one database, each with an engine at work.
async fn two_instances(db: &Db) -> (Shop, Crew, Crew) {
    let shop = Shop::open(db).await;
    let other = shop.another(db).await;
    let crews = (Crew::start(&shop), Crew::start(&other));
    (shop, crews.0, crews.1)
}

/// One winner, nineteen who are told so.
pub async fn of_twenty_racers_for_the_last_unit_one_gets_it(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 1)).await;
    let racers = (0..20).map(|number| {
        let crew = if number % 2 == 0 { &left } else { &right };
        (crew, allocate(&format!("o-{number}"), "LAMP", 1))
    });
    let answers = race(racers.collect()).await;
    assert_all_answered(&answers);
    assert_eq!(done(&answers), 1);
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), 1);
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// Lamps and chairs, chairs and lamps: locks taken in opposed orders would wait for each other for ever.
pub async fn opposed_orders_for_two_products_are_all_answered(db: Db) {
    const ORDERS: usize = 60;
    let (shop, left, right) = two_instances(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 50), create_batch("b-2", "CHAIR", 50)])
        .await;
    let racers = (0..ORDERS).map(|number| {
        let id = format!("o-{number}");
        let lamp_first = place_order(&id, &[("LAMP", 1), ("CHAIR", 1)]);
        let chair_first = place_order(&id, &[("CHAIR", 1), ("LAMP", 1)]);
        match number % 4 {
            0 => (&left, lamp_first),
            1 => (&right, lamp_first),
            2 => (&left, chair_first),
            _ => (&right, chair_first),
        }
    });
    let answers = race(racers.collect()).await;
    assert_all_answered(&answers);
    assert_eq!(done(&answers), 50);
    for of in ["LAMP", "CHAIR"] {
        assert_eq!(shop.history(&sku(of)).await.allocations.len(), 50);
    }
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// The count goes up and down under the buyers.
pub async fn what_is_counted_away_while_orders_come_in_is_never_promised(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 40)).await;
    let buyers = (0..60).map(|number| (&left, allocate(&format!("o-{number}"), "LAMP", 1)));
    let counts = [30, 35, 12, 20, 5, 10].map(|count| (&right, count_batch("b-1", count)));
    let answers = race(buyers.chain(counts).collect()).await;
    assert_all_answered(&answers);
    shop.assert_sound().await;

    shop.done(&count_batch("b-1", 7)).await;
    let history = shop.history(&sku("LAMP")).await;
    assert!(history.batches[0].allocated.get() <= 7);
    // Whoever was promised a unit stands: in the batch, or waiting.
    let promised = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::LinePlaced { .. })));
    let standing = history.lines.iter().filter(|line| line.state != LineState::Cancelled);
    assert_eq!(promised.count(), standing.count());
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// One customer with a nervous finger.
pub async fn a_line_asked_for_from_sixteen_sides_is_placed_once(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 16)).await;
    let racers = (0..16).map(|number| (if number % 2 == 0 { &left } else { &right }, allocate("o-1", "LAMP", 1)));
    let answers = race(racers.collect()).await;
    let fresh = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. })));
    assert_eq!((fresh.count(), done(&answers)), (1, 16));
    let history = shop.history(&sku("LAMP")).await;
    let told = history
        .events
        .iter()
        .filter(|stored| stored.event.fact.name() == "Allocated");
    assert_eq!(
        (told.count(), history.lines.len(), history.allocations.len()),
        (1, 1, 1)
    );
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// A hundred units, five hundred buyers, two instances: a hundred are sold.
pub async fn two_instances_never_oversell(db: Db) {
    const UNITS: u32 = 100;
    const BUYERS: usize = 500;
    let (shop, left, right) = two_instances(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", UNITS / 2),
        create_batch("b-2", "LAMP", UNITS / 2),
    ])
    .await;
    let mut sold = 0;
    // In waves, so that no wave is larger than the lanes' queues together.
    for wave in 0..5 {
        let racers = (0..BUYERS / 5).map(|number| {
            let crew = if number % 2 == 0 { &left } else { &right };
            (
                crew,
                allocate(&format!("o-{wave}-{number}"), "LAMP", 1 + u32::from(number % 3 == 0)),
            )
        });
        let answers = race(racers.collect()).await;
        assert_all_answered(&answers);
        sold += done(&answers);
    }
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(history.lines.len(), sold);
    let allocated: u64 = history.batches.iter().map(|batch| batch.allocated.get()).sum();
    assert_eq!(allocated, u64::from(UNITS), "whoever wants one unit gets the last");
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// What one gives back, one other gets.
pub async fn cancelling_while_others_wait_gives_each_unit_to_one_line(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 20)).await;
    for number in 0..20 {
        shop.done(&allocate(&format!("old-{number}"), "LAMP", 1)).await;
    }
    let waiting = (0..20).map(|number| (&left, allocate_or_wait(&format!("new-{number}"), "LAMP", 1)));
    let leaving = (0..20).map(|number| (&right, cancel_order(&format!("old-{number}"))));
    let answers = race(waiting.zip(leaving).flat_map(|(a, b)| [a, b]).collect()).await;
    assert_eq!(done(&answers), 40, "{answers:?}");
    let batch = shop.batch("b-1").await.record;
    assert_eq!(batch.allocated.get(), 20);
    let history = shop.history(&sku("LAMP")).await;
    let allocated = history.lines.iter().filter(|line| line.state == LineState::Allocated);
    assert!(
        allocated
            .clone()
            .all(|line| line.terms.key.order.as_str().starts_with("new-"))
    );
    assert_eq!(allocated.count(), 20);
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}
