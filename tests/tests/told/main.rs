//! Who is told, and of what: every event reaches each subscriber, in order, whatever is killed, stopped or put back.
//!
//! Each case plays some rounds; `EARMARK_TEST_ROUNDS` says how many.

mod absent;
mod crashes;
mod digests;
mod leases;
mod open_transactions;
mod receiver;
mod sinks;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use earmark_tests::service::{Client, Desk, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The products that are sold.
const PRODUCTS: usize = 20;

/// How many rounds a case plays.
fn rounds() -> u32 {
    let given = std::env::var("EARMARK_TEST_ROUNDS").ok();
    given.map_or(1, |rounds| rounds.parse().expect("EARMARK_TEST_ROUNDS is a number"))
}

/// A service that delivers to these URLs.
async fn desk_of(db: earmark_tests::databases::Db, urls: &[&str]) -> Desk {
    let variables = vec![("EARMARK__EVENTS__URLS".to_owned(), urls.join(","))];
    let desk = Desk::open_with(db, variables).await;
    for product in 0..PRODUCTS {
        desk.buy(&format!("b-{product}"), &format!("SKU-{product}"), 1_000_000)
            .await;
    }
    desk
}

/// Clients that allocate lines until they are stopped, or the service is.
struct Load {
    clients: JoinSet<()>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    fn start(name: &str, client: impl Fn() -> Client) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let worker = |number: usize| {
            let (client, name, is_over) = (client(), format!("{name}-{number}"), Arc::clone(&is_over));
            async move {
                for line in 0_usize.. {
                    let sku = format!("SKU-{}", line % PRODUCTS);
                    let order = json!({"order_id": format!("{name}-{line}"), "sku": sku, "quantity": 1});
                    let sent = client.try_json(reqwest::Method::POST, "/v1/allocations", &order).await;
                    if sent.is_err() || is_over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        };
        Self {
            clients: (0..4).map(worker).collect(),
            is_over,
        }
    }

    /// Stops the clients, and waits until what they have sent is answered.
    async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

/// The ids of all events in the log, in their order, each with its product.
async fn log_of(desk: &Desk) -> Vec<(String, Option<String>)> {
    let (mut after, mut log) = ("0".to_owned(), Vec::new());
    loop {
        let page = desk
            .get(&format!("/v1/events?limit=1000&after={after}"))
            .await
            .answers(200);
        let items = page["items"].as_array().expect("a list").clone();
        let next = page["next"].as_str().expect("a cursor").to_owned();
        log.extend(items.iter().map(|event| {
            let sku = event["sku"].as_str().map(str::to_owned);
            (event["id"].as_str().expect("an id").to_owned(), sku)
        }));
        if items.is_empty() || next == after {
            return log;
        }
        after = next;
    }
}

fn ids(log: &[(String, Option<String>)]) -> Vec<String> {
    log.iter().map(|(id, _)| id.clone()).collect()
}

/// Waits for a while that the case chooses: what is tested comes at any moment of it.
async fn a_while(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Some milliseconds, other ones each time.
fn any_of(range: std::ops::Range<u64>) -> u64 {
    fastrand::u64(range)
}

/// Waits until a sink has what the log has, and shows what differs if it never has.
async fn has_all<F: Future<Output = Vec<String>>>(what: &str, expected: &[String], read: impl Fn() -> F) {
    until(what, async || (read().await.len() >= expected.len()).then_some(())).await;
    let arrived = read().await;
    let differ = arrived.iter().zip(expected).position(|(is, should)| is != should);
    let around = |ids: &[String]| {
        let from = differ.unwrap_or(ids.len()).saturating_sub(2);
        ids.iter().skip(from).take(6).cloned().collect::<Vec<_>>()
    };
    assert!(
        arrived == expected,
        "{what}: {} arrived, {} were written; they differ at {differ:?}: {:?} instead of {:?}",
        arrived.len(),
        expected.len(),
        around(&arrived),
        around(expected)
    );
}

/// The subscriptions of a service.
async fn subscriptions(desk: &Client) -> Vec<Value> {
    let page = desk.get("/v1/subscriptions").await.answers(200);
    page["items"].as_array().expect("a list").clone()
}
