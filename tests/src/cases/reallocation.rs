//! Reallocation: which lines move when stock changes, and which backordered lines get it.

use earmark_domain::{Command, Fact, LineState, OnOrderShortage, OrderTerms, Precedence, Priority, SequencedEvent};

use crate::build::{
    allocate, allocate_or_wait, change_line, count_batch, create_batch, create_inbound, day, expect_batch, held_for,
    order_on, place_before,
};
use crate::databases::Db;
use crate::shop_engine::ShopEngine;

/// The events of a product that runs out of stock and is replenished.
fn crossings(events: &[SequencedEvent]) -> Vec<&'static str> {
    let names = events.iter().map(|event| event.event.fact.name());
    names.filter(|name| name.starts_with("Stock")).collect()
}

/// The latest line moves to the next batch, and the others stay.
pub async fn counting_a_batch_down_moves_only_the_latest_line(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("B1", "LAMP", 50),
        allocate("o1", "LAMP", 20),
        allocate("o2", "LAMP", 20),
        create_inbound("B2", "LAMP", 50, &day(7).to_string()),
    ])
    .await;
    let seen = shop.events().await.len();
    shop.done(&count_batch("B1", 25)).await;
    assert_eq!(shop.allocations_of("o1").await, [("B1".into(), 20)]);
    assert_eq!(shop.allocations_of("o2").await, [("B2".into(), 20)]);
    assert_eq!(shop.line_of("o2").await.promise.on, Some(day(7)));
    assert_eq!((shop.available("B1").await, shop.available("B2").await), (5, 30));
    assert_eq!(
        shop.events_since(seen, &["BatchQuantityChanged"]).await,
        ["Reallocated o2"]
    );
    shop.assert_sound().await;
}

/// A line of high priority stays, and so does a later line that still fits.
pub async fn counting_a_batch_down_spares_priority_and_lines_that_still_fit(db: Db) {
    let shop = ShopEngine::open(&db).await;
    let high = Precedence::of(Priority::new(5).expect("a priority"), None);
    shop.all_done(&[
        create_batch("B1", "LAMP", 50),
        place_before("o1", &[("LAMP", "LAMP", 20)], high),
        allocate("o2", "LAMP", 20),
        allocate("o3", "LAMP", 10),
        create_inbound("B2", "LAMP", 15, &day(7).to_string()),
    ])
    .await;
    let seen = shop.events().await.len();
    shop.done(&count_batch("B1", 30)).await;
    assert_eq!(shop.line_of("o2").await.state, LineState::Backordered);
    assert_eq!(
        shop.events_since(seen, &["BatchQuantityChanged"]).await,
        ["Backordered o2"]
    );
    assert_eq!(shop.allocations_of("o3").await, [("B1".into(), 10)]);
    let seen = shop.events().await.len();
    shop.done(&count_batch("B1", 30)).await;
    assert_eq!(shop.events().await.len(), seen);
    shop.done(&count_batch("B1", 29)).await;
    assert_eq!(shop.allocations_of("o3").await, [("B2".into(), 10)]);
    assert_eq!(shop.available("B1").await, 9);
    shop.assert_sound().await;
}

/// Its line moves to a batch that arrives earlier.
pub async fn a_delayed_batch_loses_its_line_to_an_earlier_batch(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_inbound("B1", "LAMP", 10, &day(10).to_string()),
        create_inbound("B2", "LAMP", 10, &day(20).to_string()),
        allocate("o1", "LAMP", 10),
    ])
    .await;
    shop.done(&expect_batch("B1", &day(30).to_string())).await;
    assert_eq!(shop.allocations_of("o1").await, [("B2".into(), 10)]);
    assert_eq!(shop.available("B1").await, 10);
    let events = shop.events().await;
    let moved = events.iter().find_map(|event| match &event.event.fact {
        Fact::Reallocated {
            promised_from,
            promised_to,
            ..
        } => Some((*promised_from, *promised_to)),
        _ => None,
    });
    assert_eq!(moved, Some((day(10), day(20))));
    shop.assert_sound().await;
}

/// Without an earlier batch the line stays. Its promise changes, and may be broken by the new date.
pub async fn a_delayed_batch_keeps_its_line_when_no_batch_is_earlier(db: Db) {
    let shop = ShopEngine::open(&db).await;
    let by = Precedence::of(Priority::default(), Some(day(15)));
    shop.all_done(&[
        create_inbound("B1", "LAMP", 10, &day(10).to_string()),
        create_inbound("B2", "LAMP", 10, &day(35).to_string()),
        place_before("o1", &[("LAMP", "LAMP", 10)], by),
    ])
    .await;
    let seen = shop.events().await.len();
    shop.done(&expect_batch("B1", &day(30).to_string())).await;
    assert_eq!(shop.allocations_of("o1").await, [("B1".into(), 10)]);
    let events = shop.events_since(seen, &["BatchEtaChanged"]).await;
    assert_eq!(events, ["PromiseChanged o1", "PromiseBroken o1"]);
    assert_eq!(shop.line_of("o1").await.state, LineState::Allocated);
    assert_eq!(shop.line_of("o1").await.promise.on, Some(day(30)));
    shop.assert_sound().await;
}

/// A backordered line keeps its service position when its quantity changes.
pub async fn the_backlog_is_served_in_the_order_of_placing(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("gone", "LAMP", 1),
        allocate("sold", "LAMP", 1),
        allocate_or_wait("o1", "LAMP", 1),
        allocate_or_wait("o2", "LAMP", 2),
        allocate_or_wait("o3", "LAMP", 1),
        change_line("o2", "LAMP", 1),
        change_line("o2", "LAMP", 2),
    ])
    .await;
    for id in ["o1", "o2", "o3"] {
        assert_eq!(shop.line_of(id).await.state, LineState::Backordered);
    }
    shop.done(&create_batch("one", "LAMP", 1)).await;
    assert_eq!(shop.allocations_of("o1").await, [("one".into(), 1)]);
    assert_eq!(shop.line_of("o2").await.state, LineState::Backordered);
    assert_eq!(shop.line_of("o3").await.state, LineState::Backordered);
    shop.done(&create_batch("three", "LAMP", 3)).await;
    assert_eq!(shop.allocations_of("o2").await, [("three".into(), 2)]);
    assert_eq!(shop.allocations_of("o3").await, [("three".into(), 1)]);
    shop.assert_sound().await;
}

/// Of equal priority, the line with the earlier required date is served first.
pub async fn backordered_lines_with_earlier_required_dates_are_served_first(db: Db) {
    let shop = ShopEngine::open(&db).await;
    let waiting = |id: &str, by: i8| {
        let terms = OrderTerms {
            on_shortage: OnOrderShortage::Backorder,
            precedence: Precedence::of(Priority::default(), Some(day(by))),
            ..OrderTerms::default()
        };
        Command::PlaceOrder(order_on(id, &[("LAMP", "LAMP", 1)], terms))
    };
    shop.all_done(&[
        create_batch("gone", "LAMP", 1),
        allocate("sold", "LAMP", 1),
        waiting("first", 1),
        waiting("second", 4),
        waiting("third", 2),
        create_batch("two", "LAMP", 2),
    ])
    .await;
    assert_eq!(shop.allocations_of("first").await, [("two".into(), 1)]);
    assert_eq!(shop.allocations_of("third").await, [("two".into(), 1)]);
    assert_eq!(shop.line_of("second").await.state, LineState::Backordered);
    shop.assert_sound().await;
}

/// One StockDepleted when a product runs out, one StockReplenished when it has stock again, and none otherwise.
pub async fn running_out_of_stock_and_replenishment_are_reported_once_each(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("B", "LAMP", 5),
        allocate("o1", "LAMP", 3),
        allocate("o2", "LAMP", 2),
    ])
    .await;
    assert_eq!(crossings(&shop.events().await), ["StockDepleted"]);
    shop.done(&create_batch("C", "LAMP", 10)).await;
    assert_eq!(crossings(&shop.events().await), ["StockDepleted", "StockReplenished"]);
    shop.done(&create_batch("D", "LAMP", 5)).await;
    assert_eq!(crossings(&shop.events().await).len(), 2);
    let terms = OrderTerms {
        split: true,
        ..held_for(60)
    };
    shop.done(&Command::PlaceOrder(order_on("o3", &[("LAMP", "LAMP", 15)], terms)))
        .await;
    let all = ["StockDepleted", "StockReplenished", "StockDepleted"];
    assert_eq!(crossings(&shop.events().await), all);
    shop.assert_sound().await;
}
