//! Races: engines with several lanes, and several engines on one database.

use earmark_application::{Answer, CommandError};
use earmark_domain::{LineState, Outcome};

use crate::build::{allocate, allocate_or_wait, cancel_order, count_batch, create_batch, place_order, sku};
use crate::databases::Db;
use crate::instance::{Instance, race};
use crate::shop::Shop;

fn done(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.is_ok()).count()
}

/// Each command is done or refused by the rules: none failed, and none was busy to the end.
fn assert_all_answered(answers: &[Answer]) {
    for answer in answers {
        assert!(matches!(answer, Ok(_) | Err(CommandError::Refused(_))), "{answer:?}");
    }
}

/// Two instances of the service on one database.
async fn two_instances(db: &Db) -> (Shop, Instance, Instance) {
    let shop = Shop::open(db).await;
    let other = shop.another(db).await;
    let instances = (Instance::start(&shop), Instance::start(&other));
    (shop, instances.0, instances.1)
}

/// One order gets the unit, and nineteen are refused.
pub async fn of_twenty_orders_for_the_last_unit_one_gets_it(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 1)).await;
    let commands = (0..20).map(|number| {
        let instance = if number % 2 == 0 { &left } else { &right };
        (instance, allocate(&format!("o-{number}"), "LAMP", 1))
    });
    let answers = race(commands.collect()).await;
    assert_all_answered(&answers);
    assert_eq!(done(&answers), 1);
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), 1);
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// Lamps and chairs, chairs and lamps: locks taken in the order of the lines would deadlock.
pub async fn orders_that_name_two_products_in_opposite_orders_are_all_answered(db: Db) {
    const ORDERS: usize = 60;
    let (shop, left, right) = two_instances(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 50), create_batch("b-2", "CHAIR", 50)])
        .await;
    let commands = (0..ORDERS).map(|number| {
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
    let answers = race(commands.collect()).await;
    assert_all_answered(&answers);
    assert_eq!(done(&answers), 50);
    for of in ["LAMP", "CHAIR"] {
        assert_eq!(shop.history(&sku(of)).await.allocations.len(), 50);
    }
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// A batch is counted up and down while orders are placed.
pub async fn units_that_are_counted_away_while_orders_are_placed_are_never_promised(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 40)).await;
    let orders = (0..60).map(|number| (&left, allocate(&format!("o-{number}"), "LAMP", 1)));
    let counts = [30, 35, 12, 20, 5, 10].map(|count| (&right, count_batch("b-1", count)));
    let answers = race(orders.chain(counts).collect()).await;
    assert_all_answered(&answers);
    shop.assert_sound().await;

    shop.done(&count_batch("b-1", 7)).await;
    let history = shop.history(&sku("LAMP")).await;
    assert!(history.batches[0].allocated.get() <= 7);
    // Each placed line is allocated or backordered.
    let placed = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::LinePlaced { .. })));
    let open = history.lines.iter().filter(|line| line.state != LineState::Cancelled);
    assert_eq!(placed.count(), open.count());
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// The same command sent sixteen times at once.
pub async fn a_line_that_is_sent_sixteen_times_is_placed_once(db: Db) {
    let (shop, left, right) = two_instances(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 16)).await;
    let commands = (0..16).map(|number| (if number % 2 == 0 { &left } else { &right }, allocate("o-1", "LAMP", 1)));
    let answers = race(commands.collect()).await;
    let fresh = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. })));
    assert_eq!((fresh.count(), done(&answers)), (1, 16));
    let history = shop.history(&sku("LAMP")).await;
    let events = history
        .events
        .iter()
        .filter(|stored| stored.event.fact.name() == "Allocated");
    assert_eq!(
        (events.count(), history.lines.len(), history.allocations.len()),
        (1, 1, 1)
    );
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// A hundred units, five hundred orders, two instances: a hundred units are allocated.
pub async fn two_instances_never_oversell(db: Db) {
    const UNITS: u32 = 100;
    const ORDERS: usize = 500;
    let (shop, left, right) = two_instances(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", UNITS / 2),
        create_batch("b-2", "LAMP", UNITS / 2),
    ])
    .await;
    let mut placed = 0;
    // In waves, none larger than the queues of all lanes together.
    for wave in 0..5 {
        let commands = (0..ORDERS / 5).map(|number| {
            let instance = if number % 2 == 0 { &left } else { &right };
            (
                instance,
                allocate(&format!("o-{wave}-{number}"), "LAMP", 1 + u32::from(number % 3 == 0)),
            )
        });
        let answers = race(commands.collect()).await;
        assert_all_answered(&answers);
        placed += done(&answers);
    }
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(history.lines.len(), placed);
    let allocated: u64 = history.batches.iter().map(|batch| batch.allocated.get()).sum();
    assert_eq!(allocated, u64::from(UNITS), "an order for one unit gets the last");
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

/// Each unit of a cancelled order goes to one line of the backlog.
pub async fn units_of_orders_that_are_cancelled_go_to_one_backordered_line_each(db: Db) {
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
