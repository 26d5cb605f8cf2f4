//! Callers that leave before they are answered: their command is done whole or not at all.

use std::sync::Arc;

use earmark_application::{Envelope, Principal, Roles};
use earmark_domain::{Command, LineState};

use crate::build::{allocate, cancel_order, create_batch, place_order};
use crate::databases::Db;
use crate::instance::Instance;
use crate::shop::Shop;

/// How many callers leave in each case, each a little later than the previous one.
const CALLERS: u32 = 48;

/// Yields to other tasks a number of times.
async fn yields(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// After how many yields a caller leaves: from at once to long after the answer.
fn stay(caller: u32) -> u32 {
    caller * caller * caller / 4
}

fn order_of_two(caller: u32) -> (String, Command) {
    let id = format!("o-{caller}");
    let command = place_order(&id, &[("LAMP", 1), ("CHAIR", 1)]);
    (id, command)
}

/// Whole: two allocated lines. Absent: no line. Sent again, it is whole.
async fn assert_whole_or_absent(shop: &Shop, id: &str, command: &Command) {
    shop.assert_sound().await;
    // The command may still be running; the same order sent again waits for it.
    shop.done(command).await;
    let placed = shop.order(id).await;
    assert_eq!(placed.lines.len(), 2);
    assert!(
        placed
            .lines
            .iter()
            .all(|line| line.record.state == LineState::Allocated)
    );
    shop.assert_sound().await;
}

async fn stock(shop: &Shop) {
    shop.all_done(&[
        create_batch("b-1", "LAMP", 2 * CALLERS),
        create_batch("b-2", "CHAIR", 2 * CALLERS),
    ])
    .await;
}

/// The future of the store is dropped.
pub async fn a_transaction_whose_caller_leaves_is_whole_or_absent(db: Db) {
    let shop = Shop::open(&db).await;
    stock(&shop).await;
    for caller in 0..CALLERS {
        let (id, command) = order_of_two(caller);
        tokio::select! {
            biased;
            answer = shop.transact(&command) => assert!(answer.is_ok(), "{answer:?}"),
            () = yields(stay(caller)) => {}
        }
        assert_whole_or_absent(&shop, &id, &command).await;
    }
    shop.done(&cancel_order("o-0")).await;
    shop.assert_sound().await;
}

/// Through an engine: the calling task is aborted.
pub async fn a_command_whose_caller_leaves_is_whole_or_absent(db: Db) {
    let shop = Shop::open(&db).await;
    let instance = Instance::start(&shop);
    stock(&shop).await;
    for caller in 0..CALLERS {
        let (id, command) = order_of_two(caller);
        let (engine, sent) = (instance.engine(), command.clone());
        let calling = tokio::spawn(async move {
            let envelope = Envelope::new(sent, Principal::new("tester", Roles::ALL), Arc::from("cancelled"));
            engine.execute(envelope).await
        });
        yields(stay(caller)).await;
        calling.abort();
        if let Ok(answer) = calling.await {
            assert!(answer.is_ok(), "{answer:?}");
        }
        assert_whole_or_absent(&shop, &id, &command).await;
    }
    let answer = instance.ask(allocate("last", "LAMP", 1)).await;
    assert!(answer.is_ok(), "{answer:?}");
    instance.stop().await;
    shop.assert_sound().await;
}
