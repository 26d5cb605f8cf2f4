//! What is heard: commands that come as messages act once, whatever is delivered twice and whoever is killed; what can't be
//! carried out is put aside.
//!
//! `EARMARK_TEST_MESSAGES` says how many messages a case sends.

mod book;
mod once;
mod poison;
mod rights;
mod senders;

use std::collections::HashMap;

use earmark_tests::service::Client;
use serde_json::{Value, json};

/// How many messages a case sends, unless it is told.
const MESSAGES: usize = 3_000;

/// How many messages a case sends.
fn messages() -> usize {
    let given = std::env::var("EARMARK_TEST_MESSAGES").ok();
    given.map_or(MESSAGES, |given| {
        given.parse().expect("EARMARK_TEST_MESSAGES is a number")
    })
}

/// A message that has a line allocated.
fn allocate(order: &str, sku: &str) -> String {
    json!({"allocate": {"order_id": order, "sku": sku, "quantity": 1}}).to_string()
}

/// A message that cancels an order.
fn cancel(order: &str) -> String {
    json!({"cancel_order": {"order_id": order}}).to_string()
}

/// How many events of each type the log has.
async fn events(client: &Client) -> HashMap<String, usize> {
    let (mut after, mut counts) = ("0".to_owned(), HashMap::new());
    loop {
        let page = client.get(&format!("/v1/events?limit=1000&after={after}")).await;
        let page = page.answers(200);
        let items = page["items"].as_array().expect("a list");
        for event in items {
            let of = event["type"].as_str().expect("a type").to_owned();
            *counts.entry(of).or_default() += 1;
        }
        let next = page["next"].as_str().expect("a cursor").to_owned();
        if items.is_empty() || next == after {
            return counts;
        }
        after = next;
    }
}

/// The sources of a service: those that have dead messages.
async fn sources(client: &Client) -> Vec<Value> {
    let page = client.get("/v1/sources").await.answers(200);
    page["items"].as_array().expect("a list").clone()
}

/// How many dead messages a service has.
async fn dead(client: &Client) -> u64 {
    let counts = sources(client).await;
    counts
        .iter()
        .map(|source| source["dead"].as_u64().expect("a number"))
        .sum()
}
