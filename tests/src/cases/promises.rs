//! Promises over their life: quotes, holds, confirmations, dispatches, previews and preconditions.

use std::collections::BTreeSet;
use std::sync::Arc;

use earmark_application::{Answer, CommandError};
use earmark_domain::{Command, ConfirmOrder, LineState, OnOrderShortage, Outcome, Promising, Quote, Refusal};

use crate::build::{
    allocate, cancel_order, confirm, confirm_some, count_batch, create_batch, create_inbound, day, dispatch,
    dispatch_part, hold, order, place, quote, sku, undo_dispatch,
};
use crate::databases::Db;
use crate::shop_engine::ShopEngine;

/// From its deadline on a hold counts zero in views and decisions, swept or not.
pub async fn the_units_of_an_expired_hold_are_available_before_any_sweep(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[create_batch("B", "LAMP", 1), hold("first", &[("LAMP", "LAMP", 1)], 2)])
        .await;
    shop.clock.advance_seconds(3);
    assert_eq!(shop.available("B").await, 1);
    let product = shop.reads.product(&sku("LAMP"), shop.now()).await.expect("an answer");
    assert_eq!(
        product
            .expect("the product")
            .summary
            .available(Promising::default(), shop.today())
            .get(),
        1
    );
    assert_eq!(shop.line_of("first").await.state, LineState::Expired);
    shop.done(&hold("second", &[("LAMP", "LAMP", 1)], 60)).await;
    assert!(matches!(
        shop.refused(&confirm("first")).await,
        Refusal::HoldExpired { .. }
    ));
    let again = Command::ConfirmOrder(earmark_domain::ConfirmOrder {
        order: order("first"),
        lines: None,
        reacquire: true,
    });
    let Refusal::HoldExpired { shortages, .. } = shop.refused(&again).await else {
        unreachable!("the unit is gone")
    };
    assert_eq!(shortages.len(), 1);
    shop.done(&confirm("second")).await;
    assert_eq!(shop.allocations_of("second").await, [("B".into(), 1)]);
    shop.assert_sound().await;
}

/// A confirmation at the deadline and another order race for the unit: at most one gets it.
pub async fn confirming_at_the_deadline_against_a_rival_has_exactly_one_outcome(db: Db) {
    const ROUNDS: usize = 60;
    let shop = ShopEngine::open(&db).await;
    // A second instance of the service on the same database, with the same clock.
    let other = ShopEngine::of(shop.another(&db).await);
    let mut outcomes = BTreeSet::new();
    for round in 0..ROUNDS {
        let (batch, of) = (format!("B{round}"), format!("LAMP{round}"));
        let (held, rival) = (format!("held{round}"), format!("rival{round}"));
        shop.all_done(&[create_batch(&batch, &of, 1), hold(&held, &[("1", &of, 1)], 60)])
            .await;
        let read = shop.reads.order(&order(&held)).await.expect("an answer");
        let deadline = read.and_then(|read| read.header).and_then(|header| header.hold_until);
        let deadline = deadline.expect("it is held");
        // A few readings of the clock before the deadline: which command reads it first is left to chance.
        let early = i64::try_from(round % 6).expect("a few");
        shop.clock.set(deadline - jiff::SignedDuration::from_millis(early));
        let confirmed = {
            let (shop, held) = (shop.clone(), held.clone());
            tokio::spawn(async move { shop.ask(&confirm(&held)).await })
        };
        let taken = {
            let (other, rival, of) = (other.clone(), rival.clone(), of.clone());
            tokio::spawn(async move { other.ask(&allocate(&rival, &of, 1)).await })
        };
        let confirmed = confirmed.await.expect("no panic");
        let taken = taken.await.expect("no panic");
        assert!(
            !(confirmed.is_ok() && taken.is_ok()),
            "both got the unit in round {round}"
        );
        assert!(
            is_expected(&confirmed) && is_expected(&taken),
            "round {round}: {confirmed:?} {taken:?}"
        );
        // A rival that came an instant too early was refused, and the hold expired right after: then neither has the unit.
        let history = shop.history(&sku(&of)).await;
        assert_eq!(
            history.allocations.len(),
            usize::from(confirmed.is_ok() || taken.is_ok())
        );
        outcomes.insert((confirmed.is_ok(), taken.is_ok()));
    }
    assert!(outcomes.len() > 1, "the same command won every race: {outcomes:?}");
    shop.sweep().await;
    shop.assert_sound().await;
}

/// Done, too late, or out of stock.
fn is_expected(answer: &Answer) -> bool {
    matches!(
        answer,
        Ok(_)
            | Err(CommandError::Refused(
                Refusal::HoldExpired { .. } | Refusal::OutOfStock(_)
            ))
    )
}

/// More than is held is refused, and the hold stays. Less is confirmed, and the rest is available. Repeated, the answer is
/// the same.
pub async fn a_hold_is_confirmed_in_part_but_not_beyond_its_units(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[create_batch("B", "LAMP", 10), hold("o1", &[("LAMP", "LAMP", 5)], 60)])
        .await;
    let beyond = shop.refused(&confirm_some("o1", &[("LAMP", 6)])).await;
    assert!(matches!(beyond, Refusal::ExceedsHold { .. }));
    assert_eq!(shop.line_of("o1").await.state, LineState::Held);
    assert_eq!(shop.allocations_of("o1").await, [("B".into(), 5)]);
    let first = shop.done(&confirm_some("o1", &[("LAMP", 3)])).await;
    assert_eq!(shop.line_of("o1").await.state, LineState::Allocated);
    assert_eq!(
        (shop.allocations_of("o1").await, shop.available("B").await),
        (vec![("B".into(), 3)], 7)
    );
    let again = shop.done(&confirm_some("o1", &[("LAMP", 3)])).await;
    let (Outcome::OrderChanged { order: then, .. }, Outcome::OrderChanged { order: now, .. }) = (first, again) else {
        unreachable!("an order that changed")
    };
    assert_eq!(then, now);
    shop.assert_sound().await;
}

/// The order gets what the quote says; where the quote says short, nothing is stored.
pub async fn a_quote_and_the_order_after_it_agree(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("shelf", "LAMP", 10),
        create_inbound("P1", "LAMP", 10, &day(9).to_string()),
        create_inbound("P2", "LAMP", 10, &day(19).to_string()),
    ])
    .await;
    let Command::Quote(whole) = quote(&[("LAMP", "LAMP", 20)]) else {
        unreachable!("a quote")
    };
    let split = Quote {
        split: true,
        ..whole.clone()
    };
    let Outcome::Quoted { lines } = shop.done(&Command::Quote(split)).await else {
        unreachable!("a quote")
    };
    let parts = |parts: &[earmark_domain::Part]| -> Vec<(String, u32)> {
        parts
            .iter()
            .map(|part| (part.batch.to_string(), part.quantity.get()))
            .collect()
    };
    let expected = [("shelf".to_owned(), 10), ("P1".to_owned(), 10)];
    assert_eq!(parts(&lines[0].allocations), expected);
    assert_eq!(lines[0].promised_on, Some(day(9)));
    let Outcome::Quoted { lines } = shop.done(&Command::Quote(Quote { split: false, ..whole })).await else {
        unreachable!("a quote")
    };
    assert!(lines[0].allocations.is_empty());
    let lines = async || -> usize { shop.audited_orders().await.iter().map(|order| order.lines.len()).sum() };
    let seen = lines().await;
    let refused = shop
        .refused(&place("whole", &[("LAMP", "LAMP", 20)], OnOrderShortage::Reject, false))
        .await;
    assert!(matches!(refused, Refusal::Shortages(_)));
    assert_eq!(lines().await, seen);
    shop.done(&place("split", &[("LAMP", "LAMP", 20)], OnOrderShortage::Reject, true))
        .await;
    assert_eq!(shop.allocations_of("split").await, expected);
    assert_eq!(shop.line_of("split").await.promise.on, Some(day(9)));
    shop.assert_sound().await;
}

/// Dispatched units stay dispatched when their order is cancelled. A dispatch that is undone is an allocation again.
pub async fn dispatched_units_stay_dispatched_until_that_is_undone(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("B", "LAMP", 100),
        place(
            "o1",
            &[("1", "LAMP", 4), ("2", "LAMP", 6)],
            OnOrderShortage::Reject,
            false,
        ),
        dispatch_part("o1", "1", 4),
    ])
    .await;
    for _ in 0..2 {
        shop.done(&cancel_order("o1")).await;
        let record = shop.batch("B").await.record;
        assert_eq!((record.dispatched.get(), record.available().get()), (4, 96));
    }
    shop.all_done(&[
        cancel_order("o1"),
        create_batch("C", "DESK", 100),
        allocate("o2", "DESK", 10),
        dispatch("o2"),
        undo_dispatch("o2"),
    ])
    .await;
    assert_eq!(shop.allocations_of("o2").await, [("C".into(), 10)]);
    assert_eq!(shop.available("C").await, 90);
    shop.assert_sound().await;
}

/// A preview stores nothing, not even an OutOfStock event.
pub async fn a_preview_stores_nothing(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[create_batch("B", "LAMP", 5), allocate("o1", "LAMP", 2)])
        .await;
    let before = shop.snapshot().await;
    for command in [
        allocate("o2", "LAMP", 3),
        allocate("o2", "LAMP", 4),
        count_batch("B", 1),
        create_batch("C", "DESK", 5),
        cancel_order("o1"),
        dispatch("o1"),
        hold("o3", &[("LAMP", "LAMP", 1)], 60),
    ] {
        drop(shop.preview(&command).await);
        assert_eq!(shop.snapshot().await, before, "{command:?}");
    }
    shop.assert_sound().await;
}

/// A command with a version as its precondition is refused on any other version.
pub async fn a_command_on_a_stale_version_is_refused(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("B", "LAMP", 5)).await;
    let version = shop.batch("B").await.version;
    shop.done(&allocate("o1", "LAMP", 2)).await;
    let stale = shop.ask_on(version, &count_batch("B", 9)).await;
    assert!(matches!(
        stale,
        Err(CommandError::Refused(Refusal::StaleVersion { .. }))
    ));
    assert_eq!(shop.available("B").await, 3);
    let fresh = shop.ask_on(version + 1, &count_batch("B", 9)).await;
    assert!(fresh.is_ok(), "{fresh:?}");
    assert_eq!(shop.available("B").await, 7);
}

/// Whoever has seen a product or an order before a deadline can go on from there, whether or not the sweep has passed.
pub async fn a_deadline_alone_makes_no_version_stale(db: Db) {
    let shop = ShopEngine::open(&db).await;
    for command in [
        create_batch("B", "LAMP", 9),
        hold("o1", &[("LAMP", "LAMP", 2)], 60),
        hold("o2", &[("LAMP", "LAMP", 2)], 90),
    ] {
        shop.done(&command).await;
    }
    let version_of = async |id: &str| shop.order(id).await.version(shop.today());
    let reacquire = Command::ConfirmOrder(ConfirmOrder {
        order: order("o1"),
        lines: None,
        reacquire: true,
    });
    let (batch, held) = (shop.batch("B").await.version, version_of("o1").await);
    shop.clock.advance_seconds(61);
    shop.sweep().await;
    assert_ne!(shop.batch("B").await.version, batch);
    shop.clock.advance_seconds(30);
    let counted = shop.ask_on(batch, &count_batch("B", 7)).await;
    assert!(counted.is_ok(), "{counted:?}");
    assert_ne!(version_of("o1").await, held);
    let reacquired = shop.ask_on(held, &reacquire).await;
    assert!(reacquired.is_ok(), "{reacquired:?}");
    // Both have happened, so what was seen before is stale.
    for (version, command) in [(batch, count_batch("B", 8)), (held, cancel_order("o1"))] {
        let stale = shop.ask_on(version, &command).await;
        assert!(
            matches!(stale, Err(CommandError::Refused(Refusal::StaleVersion { .. }))),
            "{stale:?}"
        );
    }
}

/// Many orders are held and confirmed on one product while the holds of others expire: no unit is promised twice.
pub async fn holds_that_expire_all_the_time_never_oversell_a_hot_product(db: Db) {
    const ORDERS: usize = 60;
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("B", "LAMP", 20)).await;
    let shop = Arc::new(shop);
    let mut orders = tokio::task::JoinSet::new();
    for number in 0..ORDERS {
        let shop = Arc::clone(&shop);
        orders.spawn(async move {
            let id = format!("o{number}");
            let held = shop.ask(&hold(&id, &[("LAMP", "LAMP", 1)], 1)).await;
            if number % 3 == 0 {
                shop.clock.advance_seconds(1);
            }
            match held {
                Ok(_) => shop.ask(&confirm(&id)).await.is_ok(),
                Err(_) => false,
            }
        });
    }
    let confirmed = orders
        .join_all()
        .await
        .into_iter()
        .filter(|confirmed| *confirmed)
        .count();
    shop.clock.advance_seconds(2);
    shop.sweep().await;
    let history = shop.history(&sku("LAMP")).await;
    assert_eq!(history.allocations.len(), confirmed);
    assert!(confirmed <= 20, "{confirmed} units of 20 were promised");
    assert_eq!(shop.available("B").await, 20 - u64::try_from(confirmed).expect("a few"));
    shop.assert_sound().await;
}
