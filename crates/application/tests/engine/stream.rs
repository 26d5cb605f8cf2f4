//! Commands of an ordered stream.

use earmark_domain::Outcome;

use crate::support::{Setup, allocate};

#[tokio::test]
async fn an_ordered_stream_waits_for_room_and_keeps_its_order() {
    let setup = Setup {
        queue: 2,
        ..Setup::default()
    };
    let mut fixture = setup.build();
    fixture.run_lanes();
    fixture.let_store();
    let stream = fixture.engine.ordered();
    let mut tickets = Vec::new();
    for number in 0..50 {
        tickets.push(stream.submit(allocate(&format!("o{number:02}"), "LAMP", 1)).await);
    }
    for mut ticket in tickets {
        let answer = ticket.answer().await;
        assert!(matches!(answer, Ok(Outcome::LinePlaced { fresh: true, .. })));
    }
    assert!(fixture.store.correlation_ids().is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn streamed_commands_share_larger_groups_but_not_with_other_commands() {
    let setup = Setup {
        queue: 1_024,
        ..Setup::default()
    };
    let mut fixture = setup.build();
    let stream = fixture.engine.ordered();
    let mut tickets = Vec::new();
    for number in 0..300 {
        tickets.push(stream.submit(allocate(&format!("s{number}"), "LAMP", 1)).await);
    }
    let engine = fixture.engine.clone();
    let single = tokio::spawn(async move { engine.execute(allocate("single", "LAMP", 1)).await });
    // The caller's task runs, and its command is in the queue behind the stream's.
    tokio::task::yield_now().await;
    for number in 300..400 {
        tickets.push(stream.submit(allocate(&format!("s{number}"), "LAMP", 1)).await);
    }
    fixture.run_lanes();
    fixture.let_store();
    for ticket in &mut tickets {
        assert!(ticket.answer().await.is_ok());
    }
    assert!(single.await.expect("no panic").is_ok());
    assert_eq!(*fixture.store.groups.lock().expect("not poisoned"), [256, 64, 81]);
}

#[tokio::test]
async fn a_single_command_waits_behind_two_groups_of_streamed_ones_however_many_streams_there_are() {
    let setup = Setup {
        queue: 1_024,
        ..Setup::default()
    };
    let mut fixture = setup.build();
    let mut streams = Vec::new();
    for number in 0..16 {
        let stream = fixture.engine.ordered();
        streams.push(tokio::spawn(async move {
            let mut tickets = Vec::new();
            for line in 0..50 {
                tickets.push(stream.submit(allocate(&format!("s{number}-{line}"), "LAMP", 1)).await);
            }
            for ticket in &mut tickets {
                assert!(ticket.answer().await.is_ok());
            }
        }));
    }
    // Each stream submits what there is room for.
    tokio::task::yield_now().await;
    let engine = fixture.engine.clone();
    let single = tokio::spawn(async move { engine.execute(allocate("single", "LAMP", 1)).await });
    tokio::task::yield_now().await;
    fixture.run_lanes();
    fixture.let_store();
    assert!(single.await.expect("no panic").is_ok());
    for stream in streams {
        stream.await.expect("no panic");
    }
    let stored = fixture.store.correlation_ids();
    let before = stored.iter().position(|id| id == "single").expect("it is stored");
    // A group has at most 64 commands, one of streamed commands four times as many.
    assert!(before <= 2 * 4 * 64, "{before} streamed commands came first");
}
