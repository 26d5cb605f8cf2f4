//! Messages: each is processed once, however often it is delivered.

use std::collections::BTreeSet;

use earmark_application::{CommandError, Envelope};
use earmark_domain::{MessageId, Outcome, Processed, Refusal};

use crate::support::{Fixture, Setup, all, allocate};

fn message(id: &str) -> MessageId {
    MessageId::new("shop", id).expect("a message id")
}

fn delivery(id: &str, order: &str, quantity: u32) -> Envelope {
    Envelope {
        message_id: Some(message(id)),
        ..allocate(order, "LAMP", quantity)
    }
}

fn running() -> Fixture {
    let mut fixture = Setup::default().build();
    fixture.run_lanes();
    fixture.let_store();
    fixture
}

fn inbox(fixture: &Fixture) -> BTreeSet<MessageId> {
    let inbox = fixture.store.inbox.lock().expect("not poisoned");
    inbox.keys().cloned().collect()
}

#[tokio::test]
async fn a_message_is_processed_once() {
    let fixture = running();
    let first = fixture.engine.execute(delivery("m-1", "o1", 1)).await;
    assert!(matches!(first, Ok(Outcome::LinePlaced { fresh: true, .. })));
    let again = fixture.engine.execute(delivery("m-1", "o1", 1)).await;
    assert_eq!(again, Ok(Outcome::AlreadyProcessed(Processed::Done)));
    // What the message says the second time does not matter.
    let other = fixture.engine.execute(delivery("m-1", "o2", 7)).await;
    assert_eq!(other, Ok(Outcome::AlreadyProcessed(Processed::Done)));
    assert_eq!(fixture.store.correlation_ids(), ["o1"]);
    assert_eq!(inbox(&fixture), [message("m-1")].into());
}

#[tokio::test]
async fn of_two_deliveries_in_one_group_the_first_is_processed() {
    let mut fixture = Setup::default().build();
    let envelopes = vec![
        allocate("o0", "LAMP", 1),
        delivery("m-1", "o1", 1),
        delivery("m-1", "o2", 1),
        delivery("m-2", "o3", 1),
    ];
    let answers = fixture.queue_behind_the_first(envelopes).await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(matches!(answers[1], Ok(Outcome::LinePlaced { .. })));
    assert_eq!(answers[2], Ok(Outcome::AlreadyProcessed(Processed::Done)));
    assert!(matches!(answers[3], Ok(Outcome::LinePlaced { .. })));
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 3]);
    assert_eq!(fixture.store.correlation_ids(), ["o0", "o1", "o3"]);
}

#[tokio::test]
async fn a_refused_message_is_processed_too_and_the_repeat_hears_why() {
    let fixture = running();
    let first = fixture.engine.execute(delivery("m-1", "o1", 1_001)).await;
    assert!(matches!(first, Err(CommandError::Refused(Refusal::OutOfStock(_)))));
    let again = fixture.engine.execute(delivery("m-1", "o1", 1)).await;
    let refusal = "out_of_stock: 1001 units of LAMP are asked for, 1000 are available";
    let ended = Processed::Refused(refusal.to_owned());
    assert_eq!(again, Ok(Outcome::AlreadyProcessed(ended)));
}

#[tokio::test]
async fn a_preview_does_not_process_its_message() {
    let fixture = running();
    let preview = Envelope {
        preview: true,
        ..delivery("m-1", "o1", 1)
    };
    assert!(fixture.engine.execute(preview).await.is_ok());
    assert_eq!(inbox(&fixture), BTreeSet::new());
    let processed = fixture.engine.execute(delivery("m-1", "o1", 1)).await;
    assert!(matches!(processed, Ok(Outcome::LinePlaced { fresh: true, .. })));
}
