//! The bounded queue of a lane: backpressure, callers that leave, and draining.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use earmark_application::{CommandError, QueueDepth};
use tokio::task::JoinHandle;

use crate::support::{Fixture, Setup, all, allocate, allocations};

/// A queue timeout that is longer than any test.
const FOREVER: Duration = Duration::from_secs(600);

/// A queue of this many jobs.
fn queue_of(queue: usize, queue_timeout: Duration) -> Fixture {
    let setup = Setup {
        queue,
        queue_timeout,
        ..Setup::default()
    };
    setup.build()
}

async fn cancel<T>(task: JoinHandle<T>) {
    task.abort();
    let ended = task.await;
    assert!(ended.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test]
async fn a_command_is_answered_busy_when_the_queue_is_full() {
    let mut fixture = queue_of(2, Duration::ZERO);
    let depth = |waiting| QueueDepth { waiting, places: 2 };
    assert_eq!(fixture.engine.queues(), [depth(0)]);
    let answers = fixture.queue_behind_the_first(allocations(5)).await;
    assert_eq!(fixture.engine.queues(), [depth(2)]);
    fixture.let_store();
    let answers = all(answers).await;
    // One runs and two are in the queue.
    assert!(answers[..3].iter().all(Result::is_ok));
    assert_eq!(answers[3..], [Err(CommandError::Busy), Err(CommandError::Busy)]);
}

#[tokio::test]
async fn callers_wait_for_room_in_a_full_queue_and_get_it_in_the_order_they_came() {
    let mut fixture = queue_of(2, FOREVER);
    let answers = fixture.queue_behind_the_first(allocations(8)).await;
    fixture.let_store();
    assert!(all(answers).await.iter().all(Result::is_ok));
    let orders: Vec<_> = (0..8).map(|number| format!("o{number}")).collect();
    assert_eq!(fixture.store.correlation_ids(), orders);
}

#[tokio::test]
async fn the_queue_timeout_ends_the_wait_for_room() {
    let mut fixture = queue_of(2, Duration::from_millis(20));
    let mut answers = fixture.queue_behind_the_first(allocations(5)).await;
    // No transaction ends before these two are answered.
    let busy = all(answers.split_off(3)).await;
    assert_eq!(busy, [Err(CommandError::Busy), Err(CommandError::Busy)]);
    fixture.let_store();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(fixture.store.correlation_ids(), ["o0", "o1", "o2"]);
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_waits_for_room_is_not_served() {
    let mut fixture = queue_of(1, FOREVER);
    let mut answers = fixture.queue_behind_the_first(allocations(4)).await;
    cancel(answers.remove(2)).await;
    fixture.let_store();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(fixture.store.correlation_ids(), ["o0", "o1", "o3"]);
}

#[tokio::test]
async fn a_caller_that_leaves_while_its_command_is_in_the_queue_is_not_served() {
    let mut fixture = Setup::default().build();
    let mut answers = fixture.queue_behind_the_first(allocations(3)).await;
    cancel(answers.remove(1)).await;
    fixture.let_store();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(fixture.store.correlation_ids(), ["o0", "o2"]);
}

#[tokio::test]
async fn a_draining_engine_serves_the_callers_that_wait_for_room_and_no_later_ones() {
    let mut fixture = queue_of(1, FOREVER);
    let answers = fixture.queue_behind_the_first(allocations(4)).await;
    let mut draining = Box::pin(fixture.engine.drain());
    let mut late = Box::pin(fixture.engine.execute(allocate("late", "LAMP", 1)));
    let both_wait = poll_fn(|context| {
        let polled = (draining.as_mut().poll(context), late.as_mut().poll(context));
        Poll::Ready(polled.0.is_pending() && polled.1.is_pending())
    });
    assert!(both_wait.await, "both wait for room behind the callers");
    fixture.let_store();
    let ((), late) = tokio::join!(draining, late);
    assert_eq!(late, Err(CommandError::ShuttingDown));
    assert!(all(answers).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_drained_engine_has_answered_the_queue_and_takes_nothing_more() {
    let mut fixture = Setup::default().build();
    let lanes = fixture.run_lanes();
    let waiting = tokio::spawn({
        let engine = fixture.engine.clone();
        async move { engine.execute(allocate("o0", "LAMP", 1)).await }
    });
    fixture.started.recv().await.expect("a transaction starts");
    fixture.engine.drain().await;
    assert!(fixture.engine.is_draining());
    fixture.let_store();
    assert!(waiting.await.expect("no panic").is_ok());
    for lane in lanes {
        lane.await.expect("the lane ends");
    }
    let late = fixture.engine.execute(allocate("o1", "LAMP", 1)).await;
    assert_eq!(late, Err(CommandError::ShuttingDown));
}
