//! Transactions handed in behind one another, before the first is stored: to the books, and to whoever is answered, it is
//! as if each had waited for the end of the one before.

use std::sync::Arc;

use earmark_application::{Answer, CommandError, Decided, InFlight};
use earmark_domain::{Command, Outcome, Refusal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::build::{allocate, cancel_line, create_batch};
use crate::databases::Db;
use crate::shop::Shop;

/// Where it is said that a transaction is under way.
type Announced = oneshot::Receiver<Box<dyn InFlight>>;

/// Runs commands, each in a transaction handed in behind that of the one before; where a store has it that one can't be,
/// it is run when all before are settled. Answers them in order.
async fn in_a_pipeline(shop: &Shop, commands: &[Command]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut ahead: Option<(JoinHandle<Answer>, Announced)> = None;
    for command in commands {
        let (in_flight, announced) = oneshot::channel();
        let in_flight_before = match &mut ahead {
            Some((_, announced)) => announced.await.ok(),
            None => None,
        };
        let (scope, decide) = (command.scope(), shop.decision(command, None));
        let running = match in_flight_before {
            Some(in_flight_before) => {
                let following =
                    tokio::spawn(async move { in_flight_before.transact_next(&scope, decide, in_flight).await });
                let before = ahead.take().expect("there is one ahead").0;
                answers.push(before.await.expect("nobody panics here"));
                let followed = following.await.expect("nobody panics here");
                let (shop, command) = (shop.clone(), command.clone());
                tokio::spawn(async move {
                    match followed {
                        Some(decided) => only_answer(decided),
                        None => shop.ask(&command).await,
                    }
                })
            }
            None => {
                if let Some((before, _)) = ahead.take() {
                    answers.push(before.await.expect("nobody panics here"));
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
        ahead = Some((running, announced));
    }
    if let Some((last, _)) = ahead {
        answers.push(last.await.expect("nobody panics here"));
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

/// Twenty units and thirty buyers, each behind the other: the first twenty get one.
pub async fn each_is_decided_on_what_the_one_before_will_have_left(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 21), allocate("first", "LAMP", 1)])
        .await;
    let buyers: Vec<Command> = (0..30).map(|n| allocate(&format!("o-{n:02}"), "LAMP", 1)).collect();
    let answers = in_a_pipeline(&shop, &buyers).await;
    assert!(answers[..20].iter().all(placed), "{answers:?}");
    assert!(answers[20..].iter().all(out_of_stock), "{answers:?}");
    shop.assert_sound().await;
}

/// Commands that need not be of the kind that can follow another, on products that do not run out together.
pub async fn whatever_follows_finds_the_books_as_they_were_left(db: Db) {
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
    let answers = in_a_pipeline(&shop, &commands).await;
    assert!(
        matches!(answers[2], Ok(Outcome::LinePlaced { fresh: false, .. })),
        "the same again: {answers:?}"
    );
    let done = [0, 1, 3, 4, 5, 6];
    assert!(done.iter().all(|number| answers[*number].is_ok()), "{answers:?}");
    assert!(out_of_stock(&answers[7]), "{answers:?}");
    shop.assert_sound().await;
}

/// Somebody else has changed the product, by as many versions as the first would have: so the second finds the version
/// that it was decided on, and other stock behind it. It is not to be stored before the first.
pub async fn a_version_made_by_somebody_else_is_not_taken_for_that_of_the_one_before(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 11), allocate("first", "LAMP", 1)])
        .await;
    let rival = Shop::open(&db).await;
    rival.done(&allocate("rival", "LAMP", 3)).await;
    let answers = in_a_pipeline(&shop, &[allocate("o-1", "LAMP", 6), allocate("o-2", "LAMP", 4)]).await;
    assert!(placed(&answers[0]), "{answers:?}");
    assert!(out_of_stock(&answers[1]), "{answers:?}");
    shop.assert_sound().await;
}
