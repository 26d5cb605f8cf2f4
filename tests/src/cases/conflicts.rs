//! Conflicts: of two decisions on the same state at most one is stored.
//!
//! One transaction is held open while it decides, and a second one begins. A store that locks makes the second wait,
//! another stores it and answers the first with a conflict; both are right. The cases assert the final state.

use earmark_application::{Answer, CommandError, Decided, StoreError};
use earmark_domain::{Command, LineState, OrderStatus, Outcome, Refusal};

use crate::build::{
    allocate, allocate_line, cancel_order, change_order, count_batch, create_batch, create_inbound, line, order,
    place_order, precedence, receive_part, reference, sku, terms,
};
use crate::databases::{Db, Overlap};
use crate::gate::ClosedGate;
use crate::shop::Shop;

/// Holds a command open while a second one is run, then lets it go on, and runs it again if it met a conflict. Returns
/// both answers.
async fn run_both(shop: &Shop, db: &Db, held: &Command, rival: &Command) -> (Answer, Answer) {
    let gate = ClosedGate::default();
    let (other, command, handle) = (shop.clone(), held.clone(), gate.gate());
    let first = tokio::spawn(async move { other.transact_at(handle, &command).await });
    gate.reached().await;
    let (other, command) = (shop.clone(), rival.clone());
    let second = tokio::spawn(async move { other.ask(&command).await });

    let (first, second) = if db.overlap() == Overlap::Always {
        let second = second.await.expect("the second is answered");
        gate.open();
        let first = first.await.expect("the first is answered");
        assert!(
            matches!(first, Err(StoreError::Conflict)),
            "the state changed, yet {held:?} is answered with {first:?}"
        );
        (first, second)
    } else {
        gate.open();
        let first = first.await.expect("the first is answered");
        (first, second.await.expect("the second is answered"))
    };
    let first = final_answer(shop, held, first).await;
    shop.assert_sound().await;
    (first, second)
}

async fn final_answer(shop: &Shop, held: &Command, first: Result<Decided, StoreError>) -> Answer {
    match first {
        Ok(mut decided) => decided.answers.pop().expect("one command has one answer"),
        Err(StoreError::Conflict) => shop.ask(held).await,
        Err(error) => unreachable!("{held:?} is answered with {error}"),
    }
}

fn done(answers: &(Answer, Answer)) -> usize {
    usize::from(answers.0.is_ok()) + usize::from(answers.1.is_ok())
}

fn refusal(answers: (Answer, Answer)) -> Refusal {
    match answers {
        (Err(CommandError::Refused(refusal)), Ok(_)) | (Ok(_), Err(CommandError::Refused(refusal))) => refusal,
        answers => unreachable!("one is done and one is refused, not {answers:?}"),
    }
}

/// The last unit goes to one of two orders.
pub async fn two_decisions_on_the_last_unit_are_never_both_stored(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 1)).await;
    let answers = run_both(&shop, &db, &allocate("o-1", "LAMP", 1), &allocate("o-2", "LAMP", 1)).await;
    assert!(matches!(refusal(answers), Refusal::OutOfStock(_)));
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), 1);
}

/// Both decisions create the product: it is one product with two batches.
pub async fn two_first_batches_of_a_new_product_are_both_stored(db: Db) {
    let shop = Shop::open(&db).await;
    let (held, rival) = (create_batch("b-1", "LAMP", 1), create_batch("b-2", "LAMP", 2));
    let answers = run_both(&shop, &db, &held, &rival).await;
    assert_eq!(done(&answers), 2, "{answers:?}");
    let history = shop.history(&sku("LAMP")).await;
    let mut ordinals: Vec<_> = history.batches.iter().map(|batch| batch.ordinal).collect();
    ordinals.sort_unstable();
    assert_eq!((ordinals, history.product.batches_created), (vec![1, 2], 2));
}

/// A reference is unique in the whole system, not only within a product.
pub async fn a_reference_goes_to_one_of_two_products(db: Db) {
    let shop = Shop::open(&db).await;
    let (held, rival) = (create_batch("b-1", "LAMP", 1), create_batch("b-1", "CHAIR", 1));
    let answers = run_both(&shop, &db, &held, &rival).await;
    assert_eq!(refusal(answers), Refusal::BatchExists(reference("b-1")));
    let snapshot = shop.snapshot().await;
    assert_eq!((snapshot.histories.len(), snapshot.events.len()), (1, 1));
}

/// A rest gets no reference that another product has got meanwhile, and then nothing has arrived.
pub async fn the_reference_of_a_rest_goes_to_one_of_two_products(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_inbound("b-1", "LAMP", 10, "2026-04-01")).await;
    let (held, rival) = (receive_part("b-1", 6), create_batch("b-1/2", "CHAIR", 1));
    let answers = run_both(&shop, &db, &held, &rival).await;
    let received = answers.0.is_ok();
    assert_eq!(refusal(answers).code(), "batch_exists");
    let of = shop.batch("b-1/2").await.record.sku;
    assert_eq!(of, sku(if received { "LAMP" } else { "CHAIR" }));
    assert_eq!(shop.batch("b-1").await.record.eta.is_none(), received);
}

/// Both decisions find no such line.
pub async fn a_line_goes_to_one_of_two_products(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), create_batch("b-2", "CHAIR", 5)])
        .await;
    let held = allocate_line(line("o-1", "1"), "LAMP", 1);
    let rival = allocate_line(line("o-1", "1"), "CHAIR", 1);
    let answers = run_both(&shop, &db, &held, &rival).await;
    assert!(matches!(refusal(answers), Refusal::LineExists { key, .. } if key == line("o-1", "1")));
    let placed = shop.order("o-1").await;
    assert_eq!(placed.lines.len(), 1);
}

/// Both decisions find no such order.
pub async fn an_order_is_placed_by_one_of_two_commands(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), create_batch("b-2", "CHAIR", 5)])
        .await;
    let (held, rival) = (place_order("o-1", &[("LAMP", 1)]), place_order("o-1", &[("CHAIR", 1)]));
    let answers = run_both(&shop, &db, &held, &rival).await;
    assert!(matches!(refusal(answers), Refusal::OrderExists { order: id, .. } if id == order("o-1")));
    assert_eq!(shop.snapshot().await.orders.len(), 1);
}

/// A decision that found no product is not stored after the product was created.
pub async fn a_product_that_is_created_meanwhile_is_found(db: Db) {
    let shop = Shop::open(&db).await;
    let (held, rival) = (allocate("o-1", "LAMP", 1), create_batch("b-1", "LAMP", 1));
    let (held_answer, rival_answer) = run_both(&shop, &db, &held, &rival).await;
    assert!(rival_answer.is_ok(), "{rival_answer:?}");
    match held_answer {
        Ok(Outcome::LinePlaced { fresh: true, .. }) => {}
        Err(CommandError::Refused(Refusal::UnknownSku(_))) => {
            shop.done(&held).await;
        }
        answer => unreachable!("{held:?} is answered with {answer:?}"),
    }
    assert_eq!(shop.history(&sku("LAMP")).await.allocations.len(), 1);
}

/// The line that is added meanwhile is cancelled with its order, or refused after that: never lost.
pub async fn an_order_that_gains_a_line_while_it_is_cancelled_is_cancelled_whole(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[
        create_batch("b-1", "LAMP", 5),
        create_batch("b-2", "CHAIR", 5),
        place_order("o-1", &[("LAMP", 1)]),
    ])
    .await;
    let (held, rival) = (cancel_order("o-1"), allocate("o-1", "CHAIR", 1));
    let (cancelled, added) = run_both(&shop, &db, &held, &rival).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    let lines = match added {
        Ok(_) => 2,
        Err(error) => {
            assert_eq!(error.code(), "order_cancelled");
            1
        }
    };
    let Outcome::OrderChanged { order: view, .. } = shop.done(&held).await else {
        unreachable!("an order is cancelled")
    };
    assert_eq!((view.status, view.lines.len()), (OrderStatus::Cancelled, lines));
    assert!(view.lines.iter().all(|line| line.state == LineState::Cancelled));
    shop.assert_sound().await;
}

/// The line that is added meanwhile, of a product that the order has, gets the new terms with its order or after that.
pub async fn an_order_that_gains_a_line_while_its_terms_change_has_one_precedence(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 5), allocate("o-1", "LAMP", 1)])
        .await;
    let (held, rival) = (
        change_order("o-1", terms(Some(3), None, None)),
        allocate_line(line("o-1", "2"), "LAMP", 1),
    );
    let answers = run_both(&shop, &db, &held, &rival).await;
    assert_eq!(done(&answers), 2, "{answers:?}");
    let lines = shop.order("o-1").await.lines;
    assert_eq!(lines.len(), 2);
    let mut precedences = lines.iter().map(|line| line.record.terms.precedence);
    assert!(precedences.all(|of_line| of_line == precedence(3, None)));
    shop.assert_sound().await;
}

/// Units that are counted away during a decision are not promised by it.
pub async fn a_batch_that_is_counted_down_meanwhile_is_not_promised(db: Db) {
    let shop = Shop::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 5)).await;
    let (held, rival) = (allocate("o-1", "LAMP", 5), count_batch("b-1", 4));
    let (held_answer, rival_answer) = run_both(&shop, &db, &held, &rival).await;
    assert!(rival_answer.is_ok(), "{rival_answer:?}");
    let history = shop.history(&sku("LAMP")).await;
    assert!(history.allocations.is_empty());
    match held_answer {
        // It was first, and the count took its stock.
        Ok(_) => assert_eq!(history.lines[0].state, LineState::Backordered),
        // It was second, and there was too little.
        Err(error) => assert_eq!((error.code(), history.lines.len()), ("out_of_stock", 0)),
    }
}
