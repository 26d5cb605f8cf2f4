//! Pipelining: transactions that are sent before their predecessor is stored have the same effects and the same answers as
//! if each had waited for the end of its predecessor.

use std::sync::Arc;

use earmark_application::{Answer, CommandError, Decided, InFlight};
use earmark_domain::{Command, Outcome, Refusal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::build::{allocate, cancel_line, create_batch};
use crate::databases::Db;
use crate::shop::Shop;

/// Receives the handle of a transaction in flight.
type Handle = oneshot::Receiver<Box<dyn InFlight>>;

/// Runs each command in a transaction that is pipelined behind its predecessor's, or after it where that is not possible.
/// Returns the answers in order.
async fn run_pipelined(shop: &Shop, commands: &[Command]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut predecessor: Option<(JoinHandle<Answer>, Handle)> = None;
    for command in commands {
        let (in_flight, handle) = oneshot::channel();
        let before_it = match &mut predecessor {
            Some((_, handle)) => handle.await.ok(),
            None => None,
        };
        let (scope, decide) = (command.scope(), shop.decision(command, None));
        let running = match before_it {
            Some(before_it) => {
                let pipelined = tokio::spawn(async move { before_it.transact_next(&scope, decide, in_flight).await });
                let before = predecessor.take().expect("there is a predecessor").0;
                answers.push(before.await.expect("no panic"));
                let pipelined = pipelined.await.expect("no panic");
                let (shop, command) = (shop.clone(), command.clone());
                tokio::spawn(async move {
                    match pipelined {
                        Some(decided) => only_answer(decided),
                        None => shop.ask(&command).await,
                    }
                })
            }
            None => {
                if let Some((before, _)) = predecessor.take() {
                    answers.push(before.await.expect("no panic"));
                }
                let store = Arc::clone(&shop.store);
                let (shop, command) = (shop.clone(), command.clone());
                tokio::spawn(async move {
                    match store.transact_pipelined(&scope, decide, in_flight).await {
                        Ok(decided) => only_answer(decided),
                        Err(_) => shop.ask(&command).await,
                    }
                })
            }
        };
        predecessor = Some((running, handle));
    }
    if let Some((last, _)) = predecessor {
        answers.push(last.await.expect("no panic"));
    }
    answers
}

fn only_answer(mut decided: Decided) -> Answer {
    decided.answers.pop().expect("one command has one answer")
}

fn placed(answer: &Answer) -> bool {
    matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. }))
}

fn out_of_stock(answer: &Answer) -> bool {
    matches!(answer, Err(CommandError::Refused(Refusal::OutOfStock(_))))
}

/// Twenty units and thirty pipelined orders: the first twenty get one unit each.
pub async fn each_is_decided_on_the_state_that_its_predecessor_leaves(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 21), allocate("first", "LAMP", 1)])
        .await;
    let orders: Vec<Command> = (0..30).map(|n| allocate(&format!("o-{n:02}"), "LAMP", 1)).collect();
    let answers = run_pipelined(&shop, &orders).await;
    assert!(answers[..20].iter().all(placed), "{answers:?}");
    assert!(answers[20..].iter().all(out_of_stock), "{answers:?}");
    shop.assert_sound().await;
}

/// Commands that may not be pipelined, on products that don't run out together.
pub async fn any_command_sees_what_its_predecessors_stored(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 5),
        create_batch("b-2", "CHAIR", 5),
        allocate("first", "LAMP", 1),
        allocate("second", "CHAIR", 1),
    ])
    .await;
    let commands = [
        allocate("o-1", "LAMP", 4),
        allocate("o-2", "CHAIR", 2),
        allocate("o-1", "LAMP", 4),
        cancel_line("o-1", "LAMP"),
        allocate("o-3", "LAMP", 3),
        create_batch("b-3", "CHAIR", 3),
        allocate("o-4", "CHAIR", 3),
        allocate("o-5", "LAMP", 2),
    ];
    let answers = run_pipelined(&shop, &commands).await;
    assert!(
        matches!(answers[2], Ok(Outcome::LinePlaced { fresh: false, .. })),
        "a repeated command: {answers:?}"
    );
    let done = [0, 1, 3, 4, 5, 6];
    assert!(done.iter().all(|number| answers[*number].is_ok()), "{answers:?}");
    assert!(out_of_stock(&answers[7]), "{answers:?}");
    shop.assert_sound().await;
}

/// Another instance has raised the product's version by as much as the first transaction would have. So the second
/// finds the version that it was decided on, but with other stock. It must not be stored without the first.
pub async fn a_version_from_another_instance_is_not_taken_for_the_predecessors(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 11), allocate("first", "LAMP", 1)])
        .await;
    let other = Shop::open(&db).await;
    other.done(&allocate("other", "LAMP", 3)).await;
    let answers = run_pipelined(&shop, &[allocate("o-1", "LAMP", 6), allocate("o-2", "LAMP", 4)]).await;
    assert!(placed(&answers[0]), "{answers:?}");
    assert!(out_of_stock(&answers[1]), "{answers:?}");
    shop.assert_sound().await;
}
