//! The batcher with a fetch of squares that the test lets through one by one.

use std::future::Future;
use std::pin::{Pin, pin};

use futures::future::join_all;
use futures::poll;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use super::*;

/// Squares even numbers. An odd number has no value, the number 13 is broken, and 666 panics.
#[derive(Clone, Default)]
struct Squares {
    /// Each fetch takes one permit.
    permits: Arc<Permits>,
    fetches: Arc<Mutex<Vec<Vec<u32>>>>,
}

struct Permits(Semaphore);

impl Default for Permits {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Fetch for Squares {
    type Key = u32;
    type Value = u32;
    type Error = &'static str;

    const MAX_KEYS: usize = 4;

    async fn fetch(&self, keys: Vec<&u32>) -> Result<Fetched<Self>, &'static str> {
        let keys: Vec<u32> = keys.into_iter().copied().collect();
        self.fetches.lock().expect("no test panics with it").push(keys.clone());
        self.permits.0.acquire().await.map_err(|_| "closed")?.forget();
        assert!(!keys.contains(&666), "a defect");
        let even = keys.into_iter().filter(|key| key % 2 == 0 || *key == 13);
        Ok(even
            .map(|key| (key, if key == 13 { Err("broken") } else { Ok(key * key) }))
            .collect())
    }

    fn aborted() -> &'static str {
        "aborted"
    }
}

impl Squares {
    fn let_through(&self, fetches: usize) {
        self.permits.0.add_permits(fetches);
    }

    fn fetched(&self) -> Vec<Vec<u32>> {
        self.fetches.lock().expect("no test panics with it").clone()
    }
}

/// Polls a request until its fetch has begun, or it waits in the queue.
async fn begun<T>(mut request: Pin<&mut impl Future<Output = T>>) {
    assert!(poll!(request.as_mut()).is_pending());
    yield_now().await;
}

#[tokio::test]
async fn a_request_is_fetched_at_once_and_those_that_come_meanwhile_together() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    let mut first = pin!(batcher.get(2));
    begun(first.as_mut()).await;
    let mut others = pin!(join_all([4, 3, 4, 6].map(|key| batcher.get(key))));
    begun(others.as_mut()).await;
    assert_eq!(squares.fetched(), [vec![2]]);
    squares.let_through(2);
    assert_eq!(first.await, Ok(Some(4)));
    assert_eq!(others.await, [Ok(Some(16)), Ok(None), Ok(Some(16)), Ok(Some(36))]);
    assert_eq!(squares.fetched(), [vec![2], vec![3, 4, 6]]);
}

#[tokio::test]
async fn no_fetch_has_more_keys_than_it_may_have() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    squares.let_through(3);
    let answers = join_all([0, 2, 4, 6, 8, 10].map(|key| batcher.get(key))).await;
    assert_eq!(answers, [0, 4, 16, 36, 64, 100].map(|square| Ok(Some(square))));
    assert!(squares.fetched().iter().all(|keys| keys.len() <= Squares::MAX_KEYS));
}

#[tokio::test]
async fn an_error_of_one_key_is_reported_to_the_requests_for_it_alone() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    squares.let_through(2);
    let answers = join_all([2, 13, 4, 13].map(|key| batcher.get(key))).await;
    assert_eq!(answers, [Ok(Some(4)), Err("broken"), Ok(Some(16)), Err("broken")]);
}

#[tokio::test]
async fn an_error_of_the_fetch_is_reported_to_all_of_its_requests() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    squares.permits.0.close();
    let answers = join_all([2, 3].map(|key| batcher.get(key))).await;
    assert_eq!(answers, [Err("closed"), Err("closed")]);
}

#[tokio::test]
async fn a_caller_that_goes_away_disturbs_no_other_and_its_key_is_left_out() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    let mut first = Box::pin(batcher.get(2));
    begun(first.as_mut()).await;
    let mut left = Box::pin(batcher.get(4));
    begun(left.as_mut()).await;
    let mut stayed = pin!(batcher.get(6));
    begun(stayed.as_mut()).await;
    drop(first);
    drop(left);
    squares.let_through(2);
    assert_eq!(stayed.await, Ok(Some(36)));
    assert_eq!(squares.fetched(), [vec![2], vec![6]]);
}

#[tokio::test]
async fn a_fetch_that_panics_is_tried_twice_and_the_next_request_is_served_again() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    squares.let_through(MAX_ATTEMPTS);
    assert_eq!(batcher.get(666).await, Err("aborted"));
    squares.let_through(1);
    assert_eq!(batcher.get(2).await, Ok(Some(4)));
    assert_eq!(squares.fetched(), [vec![666], vec![666], vec![2]]);
}

#[test]
fn a_request_that_waits_for_a_runtime_that_ends_is_served_on_its_own() {
    let squares = Squares::default();
    let batcher = Batcher::new(squares.clone());
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
    };
    let (first, second) = (runtime(), runtime());
    let mut waits = pin!(batcher.get(4));
    first.block_on(async {
        let mut leaves = pin!(batcher.get(2));
        begun(leaves.as_mut()).await;
        begun(waits.as_mut()).await;
    });
    drop(first);
    squares.let_through(1);
    assert_eq!(second.block_on(waits), Ok(Some(16)));
    assert_eq!(squares.fetched(), [vec![2], vec![4]]);
}
