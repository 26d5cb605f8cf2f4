//! What a digest says, as things stand when it is sent.

use earmark_domain::LineState;

use crate::digest_support::{House, backordered, broken, day, overdue, reference, refused};
use crate::support::seconds;

#[tokio::test(start_paused = true)]
async fn a_product_is_told_with_those_who_wait_and_what_is_on_its_way() {
    let house = House::open([]);
    let orders: Vec<String> = (0..15).map(|order| format!("o-{order}")).collect();
    let waiting: Vec<(&str, u32)> = orders.iter().map(|order| (order.as_str(), 2)).collect();
    house.shop.waits("LAMP", &waiting);
    for order in &orders {
        house.write("LAMP", backordered(order, 2));
    }
    for (batch, eta) in [("late", Some(day(9))), ("soon", Some(day(3))), ("here", None)] {
        house.shop.batch(batch, "LAMP", 4, eta);
    }
    // The same line, refused again, is one line.
    house.write("LAMP", refused("o-99", 8, 3));
    house.write("LAMP", refused("o-99", 8, 2));
    seconds(70).await;
    let digest = house.last_digest();
    let product = &digest.short.items[0];
    assert_eq!((product.waiting_units.get(), product.waiting.total()), (30, 15));
    assert_eq!((product.waiting.items.len(), product.waiting.more), (10, 5));
    assert_eq!(product.waiting.items[0].key.order.as_str(), "o-0");
    assert_eq!((product.refused_lines, product.refused_units.get()), (1, 6));
    let coming: Vec<&str> = product
        .inbound
        .items
        .iter()
        .map(|batch| batch.reference.as_str())
        .collect();
    assert_eq!(coming, ["soon", "late"]);
}

#[tokio::test(start_paused = true)]
async fn more_lines_than_are_counted_are_told_as_more() {
    let house = House::open([]);
    let orders: Vec<String> = (0..5_000).map(|order| format!("o-{order}")).collect();
    let waiting: Vec<(&str, u32)> = orders.iter().map(|order| (order.as_str(), 1)).collect();
    house.shop.waits("LAMP", &waiting);
    house.write("LAMP", backordered("o-0", 1));
    seconds(70).await;
    let waiting = &house.last_digest().short.items[0].waiting;
    assert_eq!((waiting.total(), waiting.at_least), (100, true));
}

#[tokio::test(start_paused = true)]
async fn promises_that_are_kept_again_are_not_told() {
    let house = House::open([]);
    let (wanted, late) = (day(5), day(9));
    house.shop.line("late", LineState::Allocated, Some(late), wanted);
    house.shop.line("later", LineState::Allocated, Some(day(12)), wanted);
    house.shop.line("waits", LineState::Backordered, None, wanted);
    house
        .shop
        .line("kept-again", LineState::Allocated, Some(wanted), wanted);
    house.shop.line("cancelled", LineState::Cancelled, None, wanted);
    for (order, to) in [
        ("late", late),
        ("later", day(12)),
        ("waits", day(8)),
        ("kept-again", late),
        ("cancelled", late),
        ("gone", late),
    ] {
        house.write("LAMP", broken(order, wanted, to));
    }
    seconds(70).await;
    let digest = house.last_digest();
    let told: Vec<(&str, Option<jiff::civil::Date>)> = (digest.broken.items.iter())
        .map(|promise| (promise.order().as_str(), promise.promised_on))
        .collect();
    assert_eq!(told, [("later", Some(day(12))), ("late", Some(late)), ("waits", None)]);
}

#[tokio::test(start_paused = true)]
async fn batches_that_have_arrived_are_not_told_as_overdue() {
    let house = House::open([]);
    for (batch, is_overdue, eta) in [("first", true, 1), ("second", true, 2), ("arrived", false, 1)] {
        house.shop.batch(batch, "LAMP", 7, Some(day(eta)));
        let mut batches = house.shop.batches.lock().expect("no panic");
        batches.get_mut(&reference(batch)).expect("the batch").overdue = is_overdue;
        drop(batches);
        house.write("LAMP", overdue(batch, day(eta)));
    }
    seconds(70).await;
    let digest = house.last_digest();
    let told: Vec<&str> = digest
        .overdue
        .items
        .iter()
        .map(|batch| batch.reference.as_str())
        .collect();
    assert_eq!(told, ["first", "second"]);
    assert_eq!(digest.overdue.items[0].quantity.get(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_product_that_is_still_short_is_found_among_many_that_are_not() {
    let house = House::open([]);
    for number in 0..500 {
        house.write(&format!("SKU-{number}"), backordered("o-1", 1_000 - number));
    }
    house.shop.waits("SKU-400", &[("o-1", 600)]);
    seconds(70).await;
    assert_eq!(house.told(), [[("SKU-400".to_owned(), 600)]]);
    let short = house.last_digest().short;
    assert_eq!(short.unseen, 0, "all were looked at");
}

#[tokio::test(start_paused = true)]
async fn where_none_of_many_is_still_short_nothing_is_sent() {
    let house = House::open([]);
    for number in 0..500 {
        house.write(&format!("SKU-{number}"), backordered("o-1", 5));
    }
    seconds(300).await;
    assert_eq!(house.sent(), []);
    assert_eq!(house.memory.progress("mail").place.to_string(), "1-500");
}
