//! Decisions and transactions that fail.

use std::sync::atomic::Ordering;

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
