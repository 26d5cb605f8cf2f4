//! Commands that share a transaction.

use earmark_application::{Clock, CommandError};
use earmark_domain::Refusal;

use crate::support::{Setup, StoppedClock, all, allocate, allocations, count};

#[tokio::test]
async fn commands_that_wait_while_a_transaction_runs_share_the_next_one() {
    let mut fixture = Setup::default().build();
    let answers = fixture.queue_behind_the_first(allocations(11)).await;
    fixture.let_store();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 10]);
}

#[tokio::test]
async fn a_refused_command_does_not_affect_the_others_of_its_group() {
    let mut fixture = Setup::default().build();
    let answers = fixture
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 600),
            allocate("o2", "LAMP", 600),
            allocate("o3", "DESK", 1),
            allocate("o4", "LAMP", 400),
        ])
        .await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(answers[1].is_ok());
    assert!(matches!(answers[2], Err(CommandError::Refused(Refusal::OutOfStock(_)))));
    assert!(matches!(answers[3], Err(CommandError::Refused(Refusal::UnknownSku(_)))));
    assert!(answers[4].is_ok());
}

#[tokio::test]
async fn the_commands_of_a_group_are_decided_at_one_instant_which_is_the_clocks() {
    let mut fixture = Setup::default().build();
    let answers = fixture.queue_behind_the_first(allocations(20)).await;
    fixture.let_store();
    all(answers).await;
    let events = fixture.store.events.lock().expect("not poisoned");
    assert_eq!(events.len(), 20);
    assert!(events.iter().all(|(_, instant)| *instant == StoppedClock.now()));
}

#[tokio::test]
async fn changes_of_batches_share_a_transaction_with_the_others() {
    let mut fixture = Setup::default().build();
    let answers = fixture
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            count("b", 1_000),
            allocate("o1", "LAMP", 1),
            count("nowhere", 1),
            allocate("o2", "LAMP", 1),
        ])
        .await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(matches!(
        answers[3],
        Err(CommandError::Refused(Refusal::UnknownBatch(_)))
    ));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 4]);
}
