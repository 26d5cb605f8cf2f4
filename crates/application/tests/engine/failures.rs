//! Decisions and transactions that fail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_application::CommandError;

use crate::support::{Setup, Step, all, allocate, create_batch, sku};

#[tokio::test]
async fn a_command_whose_decision_panics_fails_alone() {
    let mut fixture = Setup::default().build();
    let answers = fixture
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 1),
            create_batch("panics"),
            allocate("o2", "LAMP", 1),
        ])
        .await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(answers[1].is_ok() && answers[3].is_ok());
    assert_eq!(answers[2], Err(CommandError::Internal));
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 2]);
}

#[tokio::test]
async fn corrupt_records_fail_only_the_commands_that_need_them() {
    let setup = Setup {
        corrupt: Some(sku("CORRUPT")),
        ..Setup::default()
    };
    let mut fixture = setup.build();
    let answers = fixture
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 1),
            allocate("o2", "CORRUPT", 1),
            allocate("o3", "LAMP", 1),
        ])
        .await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(answers[1].is_ok() && answers[3].is_ok());
    assert_eq!(answers[2], Err(CommandError::Internal));
}

#[tokio::test]
async fn a_command_is_decided_again_after_a_conflict() {
    let setup = Setup {
        script: vec![Step::Conflict, Step::Conflict],
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.let_store();
    fixture.run_lanes();
    assert!(fixture.engine.execute(allocate("o1", "LAMP", 1)).await.is_ok());
    assert_eq!(fixture.store.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_command_that_meets_conflicts_without_end_is_answered_busy() {
    let setup = Setup {
        script: (0..100).map(|_| Step::Conflict).collect(),
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.let_store();
    fixture.run_lanes();
    let answer = fixture.engine.execute(allocate("o1", "LAMP", 1)).await;
    assert_eq!(answer, Err(CommandError::Busy));
    assert_eq!(fixture.store.calls.load(Ordering::Relaxed), 8);
}

#[tokio::test]
async fn the_commands_of_a_group_that_meets_conflicts_without_end_are_run_each_on_its_own() {
    let setup = Setup {
        // Eight for the first command, which is a group of its own; then eight for the other two together.
        script: (0..16).map(|_| Step::Conflict).collect(),
        ..Setup::default()
    };
    let mut fixture = setup.build();
    let jobs = ["o0", "o1", "o2"].map(|order| allocate(order, "LAMP", 1));
    let answers = fixture.queue_behind_the_first(jobs.into()).await;
    fixture.let_store();
    let answers = all(answers).await;
    assert_eq!(answers[0], Err(CommandError::Busy));
    assert!(answers[1].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 1]);
}

#[tokio::test]
async fn after_a_store_has_failed_the_next_command_tries_again() {
    let setup = Setup {
        script: vec![Step::Unavailable, Step::Corrupt],
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.let_store();
    fixture.run_lanes();
    for error in [CommandError::Unavailable, CommandError::Internal] {
        assert_eq!(fixture.engine.execute(allocate("o1", "LAMP", 1)).await, Err(error));
    }
    assert!(fixture.engine.execute(allocate("o1", "LAMP", 1)).await.is_ok());
}

#[tokio::test]
async fn commands_on_a_locked_product_are_answered_and_the_others_of_their_group_are_stored() {
    let setup = Setup {
        locked: Some(sku("DESK")),
        ..Setup::default()
    };
    let mut fixture = setup.build();
    let answers = fixture
        .queue_behind_the_first(vec![
            allocate("o0", "LAMP", 1),
            allocate("o1", "LAMP", 1),
            allocate("o2", "DESK", 1),
            allocate("o3", "LAMP", 1),
        ])
        .await;
    fixture.let_store();
    let answers = all(answers).await;
    assert!(answers[1].is_ok() && answers[3].is_ok());
    assert_eq!(answers[2], Err(CommandError::Unavailable));
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [1, 2]);
    assert_eq!(fixture.store.calls.load(Ordering::Relaxed), 3);
    // For a moment nothing waits for that product again: the store is not asked.
    let answer = fixture.engine.execute(allocate("o4", "DESK", 1)).await;
    assert_eq!(answer, Err(CommandError::Unavailable));
    assert_eq!(fixture.store.calls.load(Ordering::Relaxed), 3);
    // The store was no obstacle to the lane.
    assert_eq!(fixture.engine.stalled_for(), None);
}

#[tokio::test]
async fn what_the_store_fails_on_is_tried_alone_and_is_a_defect() {
    let setup = Setup {
        script: vec![Step::Failed],
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.let_store();
    fixture.run_lanes();
    let answer = fixture.engine.execute(allocate("o1", "LAMP", 1)).await;
    assert_eq!(answer, Err(CommandError::Internal));
    assert!(fixture.engine.execute(allocate("o2", "LAMP", 1)).await.is_ok());
}

#[tokio::test]
async fn a_caller_hears_in_time_of_a_store_that_never_answers() {
    let setup = Setup {
        answer_timeout: Duration::from_millis(20),
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.run_lanes();
    let answer = fixture.engine.execute(allocate("o1", "LAMP", 1)).await;
    assert_eq!(answer, Err(CommandError::Unavailable));
    assert!(fixture.engine.stalled_for().is_some(), "the lane has work");
}
