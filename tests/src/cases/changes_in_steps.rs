//! Changes of batches with more lines than one transaction goes through.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_application::{CommandError, Decide, Decided};
use earmark_domain::{CHANGE_PAGE, Command, Fact, LineState, OrderTerms, Outcome, Scope, UnitOfWork};

use crate::build::{
    allocate, allocate_or_wait, cancel_batch, count, count_batch, create_batch, create_inbound, day, expect_batch,
    order_on, receive_batch, receive_part, sku, undo_receipt,
};
use crate::databases::Db;
use crate::shop::Shop;
use crate::shop_engine::ShopEngine;

/// More than two pages of lines.
pub(super) const LINES: u32 = 450;
const _: () = assert!(LINES as usize > 2 * CHANGE_PAGE);

/// An inbound batch of [`LINES`] units, and an order with as many lines for them, first in the order of service the line
/// `0001`.
pub(super) async fn crowded(db: &Db) -> ShopEngine {
    let shop = ShopEngine::open(db).await;
    let names: Vec<String> = (1..=LINES).map(|n| format!("{n:04}")).collect();
    let lines: Vec<(&str, &str, u32)> = names.iter().map(|name| (name.as_str(), "LAMP", 1)).collect();
    shop.all_done(&[
        create_inbound("B1", "LAMP", LINES, &day(7).to_string()),
        Command::PlaceOrder(order_on("o1", &lines, OrderTerms::default())),
    ])
    .await;
    shop
}

/// Whether the outcome says that the change goes on.
fn continues(outcome: Outcome) -> bool {
    match outcome {
        Outcome::BatchChanged { effects, .. } | Outcome::BatchReceived { effects, .. } => effects.continues,
        other => unreachable!("a batch was changed, not {other:?}"),
    }
}

/// The batch of each line, in order of service; `None`: it waits.
async fn batches(shop: &Shop) -> Vec<Option<String>> {
    let order = shop.order("o1").await;
    let view = order.view(shop.now(), shop.today());
    let lines = view.lines.into_iter().map(|line| {
        let name = line.key.line.to_string();
        (name, line.allocations.first().map(|part| part.batch.to_string()))
    });
    lines.collect::<BTreeMap<_, _>>().into_values().collect()
}

async fn pending(shop: &Shop) -> usize {
    let pending = shop.reads.products_with_pending_work(10).await.expect("a list");
    assert!(pending.iter().all(|product| *product == sku("LAMP")));
    pending.len()
}

/// The lines leave in steps, and those that came first get the other stock.
pub async fn the_lines_of_a_cancelled_batch_are_served_in_order_of_service(db: Db) {
    let shop = crowded(&db).await;
    shop.done(&create_inbound("B2", "LAMP", 100, &day(9).to_string())).await;
    assert!(continues(shop.done(&cancel_batch("B1")).await));
    assert_eq!(pending(&shop).await, 1);
    shop.continue_work().await;
    assert_eq!(pending(&shop).await, 0);
    let batches = batches(&shop).await;
    assert!(batches[..100].iter().all(|batch| batch.as_deref() == Some("B2")));
    assert!(batches[100..].iter().all(Option::is_none));
    let batch = shop.batch("B1").await;
    assert!(batch.record.closed && batch.record.quantity == count(0));
    shop.assert_sound().await;
}

/// Each step leaves a state that keeps every rule, and another instance goes on with it.
pub async fn a_change_that_was_interrupted_is_continued_after_a_restart(db: Db) {
    let shop = crowded(&db).await;
    assert!(continues(shop.done(&count_batch("B1", 10)).await));
    shop.assert_sound().await;
    let batch = shop.batch("B1").await.record;
    assert_eq!(batch.allocated, batch.quantity.units(), "nothing of it is free");
    let shop = ShopEngine::of(shop.another(&db).await);
    assert_eq!(pending(&shop).await, 1);
    shop.continue_work().await;
    let batches = batches(&shop).await;
    assert!(batches[..10].iter().all(|batch| batch.as_deref() == Some("B1")));
    assert!(batches[10..].iter().all(Option::is_none));
    shop.assert_sound().await;
}

/// A command on the product waits for the change, so that no line overtakes those that have to move.
pub async fn no_line_overtakes_those_that_have_to_move(db: Db) {
    let shop = crowded(&db).await;
    shop.done(&create_inbound("B2", "LAMP", 100, &day(9).to_string())).await;
    assert!(continues(shop.done(&cancel_batch("B1")).await));
    shop.done(&allocate_or_wait("late", "LAMP", 1)).await;
    assert_eq!(pending(&shop).await, 0);
    assert_eq!(shop.line_of("late").await.state, LineState::Backordered);
    shop.assert_sound().await;
}

/// What others place on other products in the same transaction does not wait for the change.
pub async fn lines_of_other_products_are_placed_beside_a_change_that_goes_on(db: Db) {
    let shop = crowded(&db).await;
    shop.done(&create_batch("C1", "CHAIR", 5)).await;
    assert!(continues(shop.done(&cancel_batch("B1")).await));
    let (placed, waits) = (allocate("o2", "CHAIR", 1), allocate("o3", "LAMP", 1));
    let scope = Scope::of([&placed, &waits]);
    let context = shop.context();
    let decide: Decide = Arc::new(move |loaded| {
        let mut unit_of_work = UnitOfWork::open(loaded)?;
        let pending = unit_of_work.products_with_pending_work();
        assert_eq!(pending, BTreeSet::from([sku("LAMP")]));
        let answers = vec![unit_of_work.decide(&placed, &context).map_err(CommandError::Refused)];
        let changes = unit_of_work.close()?;
        Ok(Decided { changes, answers })
    });
    shop.store.transact(&scope, decide).await.expect("it is stored");
    assert_eq!(shop.line_of("o2").await.state, LineState::Allocated);
    shop.continue_work().await;
    shop.assert_sound().await;
}

/// A new date of a batch reaches each of its lines once, whether they were placed in it or have moved there.
pub async fn another_date_reaches_each_of_many_lines_once(db: Db) {
    let shop = crowded(&db).await;
    let promises = async |shop: &ShopEngine, seen: usize| {
        let events = shop.events().await;
        let changed = events[seen..].iter().filter_map(|event| match &event.event.fact {
            Fact::PromiseChanged { key, to, .. } => Some((key.line.to_string(), *to)),
            _ => None,
        });
        changed.collect::<Vec<_>>()
    };
    let seen = shop.events().await.len();
    assert!(continues(shop.done(&expect_batch("B1", &day(8).to_string())).await));
    shop.continue_work().await;
    let changed = promises(&shop, seen).await;
    let expected: Vec<_> = (1..=LINES).map(|n| (format!("{n:04}"), day(8))).collect();
    assert_eq!(changed, expected, "in order of service");

    // All of them move to another batch, which has another date and then arrives.
    shop.done(&create_inbound("B2", "LAMP", LINES, &day(20).to_string()))
        .await;
    shop.done(&cancel_batch("B1")).await;
    shop.continue_work().await;
    shop.continue_work().await;
    assert!(batches(&shop).await.iter().all(|batch| batch.as_deref() == Some("B2")));
    let seen = shop.events().await.len();
    assert!(continues(shop.done(&expect_batch("B2", &day(15).to_string())).await));
    shop.continue_work().await;
    let changed = promises(&shop, seen).await;
    assert_eq!(changed.len(), expected.len());
    let seen = shop.events().await.len();
    assert!(continues(shop.done(&receive_batch("B2")).await));
    shop.continue_work().await;
    assert_eq!(promises(&shop, seen).await.len(), expected.len());

    // It has not arrived after all.
    let seen = shop.events().await.len();
    assert!(continues(shop.done(&undo_receipt("B2")).await));
    shop.continue_work().await;
    let changed = promises(&shop, seen).await;
    assert_eq!(changed.len(), expected.len());
    assert!(changed.iter().all(|(_, to)| *to == day(15)), "as before the receipt");
    shop.assert_sound().await;
}

/// A part of a batch arrives: the rest is there from the first step, and goes to those lines of the batch that do not fit
/// in what has arrived, whoever waits.
pub async fn the_rest_of_a_delivery_is_owed_to_the_lines_of_the_batch(db: Db) {
    let shop = crowded(&db).await;
    shop.done(&allocate_or_wait("first", "LAMP", 150)).await;
    assert!(continues(shop.done(&receive_part("B1", 300)).await));
    shop.assert_sound().await;
    assert_eq!(shop.batch("B1/2").await.record.quantity, count(150));
    let shop = ShopEngine::of(shop.another(&db).await);
    shop.done(&allocate_or_wait("late", "LAMP", 1)).await;
    assert_eq!(pending(&shop).await, 0, "what is decided on the product waits for it");
    let batches = batches(&shop).await;
    assert!(batches[..300].iter().all(|batch| batch.as_deref() == Some("B1")));
    assert!(batches[300..].iter().all(|batch| batch.as_deref() == Some("B1/2")));
    for waits in ["first", "late"] {
        assert_eq!(shop.line_of(waits).await.state, LineState::Backordered);
    }
    let batch = shop.batch("B1").await.record;
    assert_eq!((batch.quantity, batch.eta), (count(300), None));
    shop.assert_sound().await;
}
