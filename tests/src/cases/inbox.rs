//! The inbox: a message is processed once, however often it is delivered.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use earmark_application::{Answer, CommandError, INBOX_PURGE_BATCH, Inbox, StoreError};
use earmark_domain::{
    ChangeSet, Command, InboxRecord, MAX_MESSAGE_ID_CHARS, MAX_REFUSAL_CHARS, MessageId, Outcome, Processed, Refusal,
    Scope, UnitOfWork,
};
use jiff::Timestamp;

use crate::build::{allocate, create_batch, sku};
use crate::databases::Db;
use crate::instance::{Instance, race_deliveries};
use crate::shop::Shop;
use crate::shop_engine::ShopEngine;

fn message(source: &str, id: &str) -> MessageId {
    MessageId::new(source, id).expect("a message id")
}

/// The answer to a message that was carried out before.
const DONE: Outcome = Outcome::AlreadyProcessed(Processed::Done);

/// A message that was processed so many seconds after 1970.
fn record(id: &MessageId, ended: Processed, seconds: i64) -> InboxRecord {
    InboxRecord {
        id: id.clone(),
        ended,
        processed_at: Timestamp::from_second(seconds).expect("an instant"),
    }
}

/// Stores messages as processed.
async fn process(shop: &Shop, records: Vec<InboxRecord>) {
    let changes = ChangeSet {
        inbox: records,
        ..ChangeSet::default()
    };
    let scope = Scope {
        messages: changes.inbox.iter().map(|record| record.id.clone()).collect(),
        ..Scope::default()
    };
    shop.forge(&scope, changes).await.expect("stored");
}

/// What the domain decides for the delivery of a message.
async fn decided(shop: &Shop, delivered: &MessageId, command: &Command) -> (Scope, ChangeSet) {
    let scope = Scope {
        messages: [delivered.clone()].into(),
        ..command.scope()
    };
    let mut unit_of_work = UnitOfWork::open(shop.load(&scope).await).expect("sound records");
    let context = shop.context();
    let decide = |unit_of_work: &mut UnitOfWork| unit_of_work.decide(command, &context);
    let outcome = unit_of_work.receive(delivered, context.now, decide);
    assert_ne!(outcome, Ok(DONE), "{delivered} is not processed yet");
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
        assert_eq!(again, Ok(DONE), "{command:?}");
    }
    assert_eq!(shop.snapshot().await, before);
    // Another instance knows the message, too.
    let other = ShopEngine::of(shop.another(&db).await);
    let again = other
        .deliver(&message("shop", "m-1"), &allocate("o-2", "LAMP", 1))
        .await;
    assert_eq!(again, Ok(DONE));

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
    assert_eq!(again, Ok(DONE));
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
        let repeated = answers.iter().filter(|answer| **answer == Ok(DONE)).count();
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

/// The refusal is the outcome of the message: delivered again, it is not decided again, and answered with the reason. That holds with events to store
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
    let out_of_stock = "out_of_stock: 2 units of LAMP are asked for, 1 are available";
    let unknown_sku = "unknown_sku: unknown SKU: SOFA";
    for (id, command, reason) in [
        ("m-1", allocate("o-1", "LAMP", 2), out_of_stock),
        ("m-2", allocate("o-2", "SOFA", 1), unknown_sku),
    ] {
        let again = shop.deliver(&message("shop", id), &command).await;
        let ended = Processed::Refused(reason.to_owned());
        assert_eq!(again, Ok(Outcome::AlreadyProcessed(ended)), "{id}");
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
        inbox: vec![record(&delivered, Processed::Done, 1)],
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
    assert_eq!(
        shop.load(&desk_scope).await.processed,
        [(delivered, Processed::Done)].into()
    );
    shop.assert_sound().await;
}

/// Of many that are asked for, in whatever order, those that were processed, with how each ended.
pub async fn processed_messages_are_told_with_how_they_ended(db: Db) {
    let shop = Shop::open(&db).await;
    let longest = "🪔".repeat(MAX_REFUSAL_CHARS);
    let known = vec![
        record(&message("shop", "m-1"), Processed::Done, 1),
        record(
            &message("shop", "m-2"),
            Processed::Refused("unknown_sku: \"'{}".to_owned()),
            2,
        ),
        record(&message("Shop", "m-1"), Processed::Refused(longest), 3),
    ];
    process(&shop, known.clone()).await;
    let inbox = db.open().await.inbox;
    assert_eq!(inbox.processed(&[]).await.expect("an answer"), HashMap::new());
    let asked = [
        ("Shop", "m-1"),
        ("shop", "m-0"),
        ("shop", "m-2"),
        ("shop", "m-1"),
        ("shop", "m-1"),
    ];
    let asked = asked.map(|(source, id)| message(source, id));
    let expected = known.into_iter().map(|record| (record.id, record.ended)).collect();
    assert_eq!(inbox.processed(&asked).await.expect("an answer"), expected);
}

/// Forgets what was processed before an instant: how many in each step.
async fn forget(inbox: &dyn Inbox, before: Timestamp) -> Vec<u64> {
    let (mut steps, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let forgotten = inbox.forget(before, from).await.expect("an answer");
        steps.push(forgotten.messages);
        after = forgotten.next;
    }
    steps
}

/// A clock that was ahead, by years, has dated more of them than one step looks at.
pub async fn messages_that_are_dated_in_the_future_keep_no_older_ones(db: Db) {
    let shop = Shop::open(&db).await;
    let inbox = db.open().await.inbox;
    let id = |number: usize| message("shop", &format!("m-{number}"));
    let dated = |numbers: Range<usize>, seconds| {
        let records = numbers.map(|number| record(&id(number), Processed::Done, seconds));
        records.collect::<Vec<_>>()
    };
    let ahead = 2 * INBOX_PURGE_BATCH + 200;
    let old = ahead..ahead + INBOX_PURGE_BATCH + 200;
    let young = old.end..old.end + 2 * INBOX_PURGE_BATCH;
    for (numbers, seconds) in [(0..ahead, 100_000), (old.clone(), 100), (young.clone(), 300)] {
        process(&shop, dated(numbers, seconds)).await;
    }
    let before = Timestamp::from_second(200).expect("an instant");
    let steps = forget(&*inbox, before).await;
    assert_eq!(steps.iter().sum::<u64>(), old.len() as u64, "{steps:?}");
    let asked = [0, ahead - 1, old.start, old.end - 1, young.start, young.end - 1].map(id);
    let left = inbox.processed(&asked).await.expect("an answer");
    let expected = [0, ahead - 1, young.start, young.end - 1].map(id);
    assert_eq!(left.into_keys().collect::<BTreeSet<_>>(), expected.into());
}

/// The oldest first and in steps, and none that is younger, whatever the order in which clocks have dated them.
pub async fn messages_are_forgotten_by_their_age_in_steps(db: Db) {
    let shop = Shop::open(&db).await;
    let inbox = db.open().await.inbox;
    let at = |seconds| Timestamp::from_second(seconds).expect("an instant");
    let id = |number: usize| message("shop", &format!("m-{number}"));
    let many = INBOX_PURGE_BATCH + 200;
    let old = (0..many).map(|number| record(&id(number), Processed::Done, 100));
    process(&shop, old.collect()).await;
    let young = [(9_000, 200), (9_001, 50), (9_002, 300)];
    let young = young.map(|(number, seconds)| record(&id(number), Processed::Done, seconds));
    process(&shop, young.to_vec()).await;

    assert_eq!(forget(&*inbox, at(50)).await, [0], "what is as old stays");
    let steps = forget(&*inbox, at(200)).await;
    assert!(steps.iter().all(|forgotten| *forgotten <= INBOX_PURGE_BATCH as u64));
    assert_eq!(steps.iter().sum::<u64>(), many as u64 + 1);
    assert!(steps.len() >= 2, "{steps:?}");
    let asked: Vec<MessageId> = [0, many - 1, 9_000, 9_001, 9_002].map(id).into();
    let left = inbox.processed(&asked).await.expect("an answer");
    assert_eq!(left.into_keys().collect::<BTreeSet<_>>(), [id(9_000), id(9_002)].into());
    // What was forgotten is new.
    process(&shop, vec![record(&id(0), Processed::Done, 400)]).await;
}
