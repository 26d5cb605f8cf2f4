//! The inbox: a message is processed once, however often it is delivered.

use earmark_application::{Answer, CommandError, StoreError};
use earmark_domain::{ChangeSet, Command, MAX_MESSAGE_ID_CHARS, MessageId, Outcome, Refusal, Scope};

use crate::build::{allocate, create_batch, sku};
use crate::databases::Db;
use crate::instance::{Instance, race_deliveries};
use crate::shop::Shop;
use crate::shop_engine::ShopEngine;

fn message(source: &str, id: &str) -> MessageId {
    MessageId::new(source, id).expect("a message id")
}

/// What the domain decides for the delivery of a message.
async fn decided(shop: &Shop, delivered: &MessageId, command: &Command) -> (Scope, ChangeSet) {
    let scope = Scope {
        messages: [delivered.clone()].into(),
        ..command.scope()
    };
    let mut unit_of_work = earmark_domain::UnitOfWork::open(shop.load(&scope).await).expect("sound records");
    assert!(unit_of_work.receive(delivered), "{delivered} is not processed yet");
    let outcome = unit_of_work.decide(command, &shop.context());
    assert!(outcome.is_ok(), "{outcome:?}");
    (scope, unit_of_work.close().expect("all batches are loaded"))
}

/// The second delivery changes nothing, whatever it says; another id, or the same id from another source, is another
/// message.
pub async fn a_message_is_processed_once(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 10)).await;
    let first = shop.deliver(&message("shop", "m-1"), &allocate("o-1", "LAMP", 1)).await;
    assert!(
        matches!(first, Ok(Outcome::LinePlaced { fresh: true, .. })),
        "{first:?}"
    );
    let before = shop.snapshot().await;
    for command in [
        allocate("o-1", "LAMP", 1),
        allocate("o-2", "LAMP", 2),
        create_batch("b-2", "DESK", 1),
    ] {
        let again = shop.deliver(&message("shop", "m-1"), &command).await;
        assert_eq!(again, Ok(Outcome::AlreadyProcessed), "{command:?}");
    }
    assert_eq!(shop.snapshot().await, before);
    // Another instance knows the message, too.
    let other = ShopEngine::of(shop.another(&db).await);
    let again = other
        .deliver(&message("shop", "m-1"), &allocate("o-2", "LAMP", 1))
        .await;
    assert_eq!(again, Ok(Outcome::AlreadyProcessed));

    let longest = "🪔".repeat(MAX_MESSAGE_ID_CHARS);
    let others = [
        ("shop", "m-2"),
        ("warehouse", "m-1"),
        ("Shop", "m-1"),
        ("sho", "pm-1"),
        (&longest, &longest),
    ];
    for (number, (source, id)) in (2..).zip(others) {
        let command = allocate(&format!("o-{number}"), "LAMP", 1);
        let answer = shop.deliver(&message(source, id), &command).await;
        assert!(
            matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. })),
            "{source}/{id}: {answer:?}"
        );
    }
    let again = shop
        .deliver(&message(&longest, &longest), &allocate("o-9", "LAMP", 1))
        .await;
    assert_eq!(again, Ok(Outcome::AlreadyProcessed));
    shop.assert_sound().await;
}

/// Through two instances at once, about two products, so that no lock on a product makes one of them wait.
pub async fn of_two_deliveries_at_once_one_is_processed(db: Db) {
    let shop = Shop::open(&db).await;
    let other = shop.another(&db).await;
    let (left, right) = (Instance::start(&shop), Instance::start(&other));
    shop.all_done(&[create_batch("b-1", "LAMP", 100), create_batch("b-2", "DESK", 100)])
        .await;
    for round in 0..20 {
        let delivered = message("shop", &format!("m-{round}"));
        let order = format!("o-{round}");
        let deliveries = vec![
            (&left, delivered.clone(), allocate(&order, "LAMP", 1)),
            (&right, delivered.clone(), allocate(&order, "DESK", 1)),
            (&right, delivered.clone(), allocate(&order, "LAMP", 1)),
            (&left, delivered, allocate(&order, "DESK", 1)),
        ];
        let answers = race_deliveries(deliveries).await;
        let processed = answers.iter().filter(|answer| is_placed(answer)).count();
        let repeated = answers
            .iter()
            .filter(|answer| **answer == Ok(Outcome::AlreadyProcessed))
            .count();
        assert_eq!((processed, repeated), (1, 3), "{answers:?}");
        assert_eq!(shop.order(&order).await.lines.len(), 1);
    }
    shop.assert_sound().await;
    left.stop().await;
    right.stop().await;
}

fn is_placed(answer: &Answer) -> bool {
    matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. }))
}

/// The refusal is the outcome of the message: delivered again, it is not decided again. That holds with events to store
/// and without.
pub async fn a_refused_message_is_processed_too(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.done(&create_batch("b-1", "LAMP", 1)).await;
    let out_of_stock = shop.deliver(&message("shop", "m-1"), &allocate("o-1", "LAMP", 2)).await;
    assert!(matches!(
        out_of_stock,
        Err(CommandError::Refused(Refusal::OutOfStock(_)))
    ));
    let unknown_sku = shop.deliver(&message("shop", "m-2"), &allocate("o-2", "SOFA", 1)).await;
    assert!(matches!(
        unknown_sku,
        Err(CommandError::Refused(Refusal::UnknownSku(_)))
    ));
    shop.all_done(&[create_batch("b-2", "LAMP", 9), create_batch("b-3", "SOFA", 9)])
        .await;
    let before = shop.snapshot().await;
    for (id, command) in [("m-1", allocate("o-1", "LAMP", 2)), ("m-2", allocate("o-2", "SOFA", 1))] {
        let again = shop.deliver(&message("shop", id), &command).await;
        assert_eq!(again, Ok(Outcome::AlreadyProcessed), "{id}");
    }
    assert_eq!(shop.snapshot().await, before);
    shop.assert_sound().await;
}

/// Two decisions that both loaded the message as new: the second is not stored, with nothing of it.
pub async fn a_message_that_is_in_the_inbox_is_a_conflict(db: Db) {
    let shop = Shop::open(&db).await;
    shop.all_done(&[create_batch("b-1", "LAMP", 10), create_batch("b-2", "DESK", 10)])
        .await;
    let delivered = message("shop", "m-1");
    let (lamp_scope, lamp) = decided(&shop, &delivered, &allocate("o-1", "LAMP", 1)).await;
    let (desk_scope, desk) = decided(&shop, &delivered, &allocate("o-1", "DESK", 1)).await;
    let inbox_alone = ChangeSet {
        inbox: vec![delivered.clone()],
        ..ChangeSet::default()
    };
    shop.forge(&lamp_scope, lamp).await.expect("the first is stored");
    let before = shop.snapshot().await;
    for changes in [desk, inbox_alone] {
        let stored = shop.forge(&desk_scope, changes.clone()).await;
        assert!(
            matches!(stored, Err(StoreError::Conflict)),
            "{changes:#?} is answered with {stored:?}"
        );
        assert_eq!(shop.snapshot().await, before);
    }
    assert_eq!(shop.history(&sku("DESK")).await.lines, []);
    assert_eq!(shop.load(&desk_scope).await.processed, [delivered].into());
    shop.assert_sound().await;
}
