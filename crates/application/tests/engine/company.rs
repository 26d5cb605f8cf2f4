//! Who travels with whom: callers that come back, and streams.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Answer, CommandError};

use super::{Endless, House, all, allocate, house, house_with};

/// Callers who ask so many things, one after the other.
fn asking(house: &House, callers: usize, times: usize) -> Vec<tokio::task::JoinHandle<Answer>> {
    let ask = |caller: usize| {
        let engine = house.engine.clone();
        async move {
            let mut answer = Err(CommandError::Busy);
            for time in 0..times {
                answer = engine.execute(allocate(&format!("o{caller}-{time}"), "LAMP", 1)).await;
            }
            answer
        }
    };
    (0..callers).map(|caller| tokio::spawn(ask(caller))).collect()
}

/// One caller who asks so many times, and three who queue up while the first transaction takes its time.
async fn one_and_three(house: &mut House, times: usize) {
    let mut answers = asking(house, 1, times);
    house.run_lanes();
    house.started.recv().await.expect("a transaction starts");
    answers.extend(asking(house, 3, 1));
    tokio::time::sleep(Duration::from_millis(5)).await;
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_caller_who_comes_back_at_once_travels_with_those_who_wait() {
    let mut house = house_with(Arc::new(Endless), 64, vec![], None);
    one_and_three(&mut house, 2).await;
    assert_eq!(*house.store.groups.lock().expect("sound"), [1, 4]);
}

#[tokio::test]
async fn a_caller_who_does_not_come_back_is_not_waited_for_beyond_the_moment() {
    let mut house = house(64, vec![], None);
    one_and_three(&mut house, 1).await;
    assert_eq!(*house.store.groups.lock().expect("sound"), [1, 3]);
}

#[tokio::test]
async fn a_lone_caller_never_waits_for_company() {
    let mut house = house_with(Arc::new(Endless), 64, vec![], None);
    let answers = asking(&house, 1, 10);
    house.run_lanes();
    house.open();
    assert!(all(answers).await.iter().all(Result::is_ok));
    assert_eq!(*house.store.groups.lock().expect("sound"), [1; 10]);
}

#[tokio::test]
async fn commands_of_a_stream_share_larger_groups_with_their_like_alone() {
    let mut house = house(1_024, vec![], None);
    let stream = house.engine.ordered();
    let mut tickets = Vec::new();
    for n in 0..300 {
        tickets.push(stream.submit(allocate(&format!("s{n}"), "LAMP", 1)).await);
    }
    let lone = asking(&house, 1, 1);
    // The caller's task runs, and its command stands behind the stream's.
    tokio::task::yield_now().await;
    for n in 300..400 {
        tickets.push(stream.submit(allocate(&format!("s{n}"), "LAMP", 1)).await);
    }
    house.run_lanes();
    house.open();
    for ticket in &mut tickets {
        assert!(ticket.answer().await.is_ok());
    }
    assert!(all(lone).await.iter().all(Result::is_ok));
    assert_eq!(*house.store.groups.lock().expect("sound"), [256, 64, 81]);
}
