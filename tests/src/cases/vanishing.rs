//! Callers that leave before they are answered. What they asked for is done whole, or not at all.

use std::sync::Arc;

use earmark_application::{Envelope, Principal};
use earmark_domain::{Command, LineState};

use crate::build::{allocate, cancel_order, create_batch, place_order};
use crate::crew::Crew;
use crate::databases::Db;
use crate::shop::Shop;

/// How many callers leave in each case, each a little later than the one before.
const CALLERS: u32 = 48;

/// Polls for other work a number of times: how long a caller stays.
async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// The moment at which a caller leaves: from at once to long after the answer.
fn patience(caller: u32) -> u32 {
    caller * caller * caller / 4
}

fn basket(caller: u32) -> (String, Command) {
    let id = format!("o-{caller}");
    let command = place_order(&id, &[("LAMP", 1), ("CHAIR", 1)]);
    (id, command)
}

/// Whole: two lines allocated. Absent: no line at all. Sent again, it is whole.
async fn assert_whole_or_absent(shop: &Shop, id: &str, command: &Command) {
    shop.assert_sound().await;
    // Whatever the caller left behind may still be at work; the same order asked for again waits for it.
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

/// Straight at the store: its future is dropped in the midst.
pub async fn a_transaction_whose_caller_leaves_is_whole_or_absent(db: Db) {
    let shop = Shop::open(&db).await;
    stock(&shop).await;
    for caller in 0..CALLERS {
        let (id, command) = basket(caller);
        tokio::select! {
            biased;
            answer = shop.transact(&command) => assert!(answer.is_ok(), "{answer:?}"),
            () = turns(patience(caller)) => {}
        }
        assert_whole_or_absent(&shop, &id, &command).await;
    }
    shop.done(&cancel_order("o-0")).await;
    shop.assert_sound().await;
}

/// Through an engine: the asking task is aborted.
pub async fn a_command_whose_caller_leaves_is_whole_or_absent(db: Db) {
    let shop = Shop::open(&db).await;
    let crew = Crew::start(&shop);
    stock(&shop).await;
    for caller in 0..CALLERS {
        let (id, command) = basket(caller);
        let (engine, asked) = (crew.engine(), command.clone());
        let asking = tokio::spawn(async move {
            let envelope = Envelope {
                command: asked,
                principal: Principal::new("leaver"),
                message_id: None,
                if_version: None,
                preview: false,
                correlation_id: Arc::from("vanishing"),
            };
            engine.execute(envelope).await
        });
        turns(patience(caller)).await;
        asking.abort();
        if let Ok(answer) = asking.await {
            assert!(answer.is_ok(), "{answer:?}");
        }
        assert_whole_or_absent(&shop, &id, &command).await;
    }
    let answer = crew.ask(allocate("last", "LAMP", 1)).await;
    assert!(answer.is_ok(), "{answer:?}");
    crew.stop().await;
    shop.assert_sound().await;
}
