//! The record held against the books: what was acknowledged is there whole, and nothing is there in part.

use std::collections::BTreeMap;

use earmark_tests::service::{Client, Desk, earmark, segment, until};
use serde_json::Value;

use crate::load::{Ask, Entry};

/// What is known from outside of whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was acknowledged.
    Done,
    /// It was refused, or never taken on.
    NotDone,
    /// No answer came.
    Open,
}

/// What is known of an order.
#[derive(Debug)]
struct OrderFate {
    lines: Vec<(String, u64)>,
    placed: Known,
    cancelled: Known,
}

/// What is known of a batch.
#[derive(Debug)]
struct BatchFate {
    sku: String,
    created: Known,
    /// The quantities it may have.
    quantities: Vec<u64>,
}

/// What is known of all that clients named.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    orders: BTreeMap<String, OrderFate>,
    batches: BTreeMap<String, BatchFate>,
}

impl Fates {
    /// Reads a record. `unanswered`: what is known of a command that got no answer.
    pub(crate) fn of(record: &[Entry], unanswered: Known) -> Self {
        let mut fates = Self::default();
        for entry in record {
            let known = match &entry.answer {
                Some(answer) if (200..300).contains(&answer.status) => Known::Done,
                Some(answer) if matches!(answer.status, 409 | 503) => Known::NotDone,
                Some(answer) => unreachable!("{:?} was answered {}: {}", entry.ask, answer.status, answer.text()),
                None => unanswered,
            };
            fates.learn(&entry.ask, known);
        }
        fates
    }

    fn learn(&mut self, ask: &Ask, known: Known) {
        match ask {
            Ask::Create { batch, sku, quantity } => {
                let fate = self.batches.entry(batch.clone()).or_insert_with(|| BatchFate {
                    sku: sku.clone(),
                    created: known,
                    quantities: vec![*quantity],
                });
                fate.created = known;
            }
            Ask::Count { batch, quantity } => {
                let fate = self.batches.get_mut(batch).expect("only what was bought is counted");
                match known {
                    Known::Done => fate.quantities = vec![*quantity],
                    Known::Open => fate.quantities.push(*quantity),
                    Known::NotDone => {}
                }
            }
            Ask::Place { order, lines, .. } => self.place(order, lines, known),
            Ask::Allocate { order, line, .. } => self.place(order, std::slice::from_ref(line), known),
            Ask::Cancel { order } => {
                let fate = self.orders.get_mut(order).expect("only what stands is cancelled");
                if known != Known::NotDone {
                    fate.cancelled = known;
                }
            }
        }
    }

    fn place(&mut self, order: &str, lines: &[(String, u64)], placed: Known) {
        let fate = self.orders.entry(order.to_owned()).or_insert_with(|| OrderFate {
            lines: lines.to_vec(),
            placed,
            cancelled: Known::NotDone,
        });
        fate.placed = placed;
    }

    /// Holds the books to what is known of each order and each batch.
    pub(crate) async fn hold(&self, client: &Client) {
        for (order, fate) in &self.orders {
            let reply = client.get(&format!("/v1/orders/{}", segment(order))).await;
            match (reply.status, fate.placed) {
                (200, Known::Done | Known::Open) => fate.hold(order, &reply.answers(200)),
                (404, Known::NotDone | Known::Open) => {}
                (status, known) => unreachable!("order {order} is answered {status}, and was {known:?}"),
            }
        }
        for (batch, fate) in &self.batches {
            let reply = client.get(&format!("/v1/batches/{}", segment(batch))).await;
            match (reply.status, fate.created) {
                (200, Known::Done | Known::Open) => fate.hold(batch, &reply.answers(200)),
                (404, Known::NotDone | Known::Open) => {}
                (status, known) => unreachable!("batch {batch} is answered {status}, and was {known:?}"),
            }
        }
    }
}

impl OrderFate {
    fn hold(&self, order: &str, shown: &Value) {
        let mut lines: Vec<(String, u64)> = Vec::new();
        let mut cancelled = 0;
        for line in shown["lines"].as_array().expect("lines") {
            let sku = line["sku"].as_str().expect("a SKU").to_owned();
            let quantity = line["quantity"].as_u64().expect("a quantity");
            let held: u64 = line["allocations"]
                .as_array()
                .expect("parts")
                .iter()
                .filter_map(|part| part["quantity"].as_u64())
                .sum();
            match line["status"].as_str() {
                Some("allocated") => assert_eq!(held, quantity, "wholly or not at all: {line}"),
                Some("backordered") => assert_eq!(held, 0, "{line}"),
                Some("cancelled") => {
                    assert_eq!(held, 0, "{line}");
                    cancelled += 1;
                }
                _ => unreachable!("{line}"),
            }
            lines.push((sku, quantity));
        }
        let mut wanted = self.lines.clone();
        wanted.sort_unstable();
        lines.sort_unstable();
        assert_eq!(lines, wanted, "order {order} has all of its lines");
        match self.cancelled {
            Known::Done => assert_eq!(cancelled, lines.len(), "order {order} is cancelled"),
            Known::NotDone => assert_eq!(cancelled, 0, "order {order} stands"),
            Known::Open => assert!(
                cancelled == 0 || cancelled == lines.len(),
                "order {order} is cancelled in part"
            ),
        }
    }
}

impl BatchFate {
    fn hold(&self, batch: &str, shown: &Value) {
        assert_eq!(shown["sku"], self.sku.as_str());
        let quantity = shown["quantity"].as_u64().expect("a quantity");
        assert!(
            self.quantities.contains(&quantity),
            "batch {batch} has {quantity}, not one of {:?}",
            self.quantities
        );
    }
}

/// Waits until nobody waits for stock that is there: what a crash left owed has been served.
pub(crate) async fn wait_until_served(client: &Client) {
    until("the backlog is served", async || {
        for product in client.pages("/v1/products?limit=100").await {
            let sku = product["sku"].as_str().expect("a SKU");
            let product = client.product(sku).await;
            let batches = product["batches"].as_array().expect("batches").iter();
            let largest = batches
                .filter_map(|batch| batch["available"].as_u64())
                .max()
                .unwrap_or(0);
            let waiting = client.backlog(sku).await;
            if waiting
                .iter()
                .any(|line| line["quantity"].as_u64().is_some_and(|quantity| quantity <= largest))
            {
                return None;
            }
        }
        Some(())
    })
    .await;
}

/// Holds each batch to the lines in it, and each product to its events. Nothing is sold twice.
pub(crate) async fn hold_balances(desk: &Desk) {
    let exported = earmark(&desk.db.url(), &["export", "allocations", "--format", "ndjson"])
        .await
        .succeeded();
    let mut held: BTreeMap<String, u64> = BTreeMap::new();
    for line in exported.lines() {
        let line: Value = serde_json::from_str(line).expect("a row is JSON");
        if let (Some(batch), Some(allocated)) = (line["batch"].as_str(), line["allocated"].as_u64()) {
            *held.entry(batch.to_owned()).or_default() += allocated;
        }
    }
    let books = desk.books().await;
    for product in &books.products {
        for batch in product["batches"].as_array().expect("batches") {
            let number = |member: &str| batch[member].as_u64().expect("a number of units");
            let reference = batch["reference"].as_str().expect("a reference");
            assert_eq!(
                number("allocated"),
                held.get(reference).copied().unwrap_or(0),
                "{batch}"
            );
            assert_eq!(number("allocated") + number("available"), number("quantity"), "{batch}");
        }
    }
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &books.events {
        if let (Some(sku), Some(version)) = (event["sku"].as_str(), event["version"].as_u64()) {
            let last = versions.insert(sku, version).unwrap_or(0);
            assert_eq!(version, last + 1, "no event of {sku} is lost or told twice");
        }
    }
    for product in &books.products {
        let sku = product["sku"].as_str().expect("a SKU");
        assert_eq!(product["version"].as_u64(), versions.get(sku).copied(), "{sku}");
    }
}

/// Sends again what was done, and holds the answers to those that were given, and the books to be as they were.
pub(crate) async fn send_again(record: &[Entry], client: &Client) {
    let before = client.events().await.len();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in record.iter().filter(|entry| entry.is_done()) {
        if let Ask::Count { batch, quantity } = &entry.ask {
            // An earlier count sent again would be a new one.
            counted.insert(batch, *quantity);
            continue;
        }
        let again = entry.ask.send(client).await.expect("the service stands").answers(200);
        let first = entry.answer.as_ref().expect("what is done was answered").json();
        for member in ["reference", "order_id", "line_id", "sku"] {
            assert_eq!(again[member], first[member], "{:?}", entry.ask);
        }
    }
    for (batch, quantity) in counted {
        let again = client.count(batch, quantity).await.answers(200);
        assert_eq!(
            again["effects"],
            serde_json::json!({"reallocated": [], "backordered": [], "allocated": [], "promise_changed": []})
        );
    }
    assert_eq!(
        client.events().await.len(),
        before,
        "what is sent again changes nothing"
    );
}

/// Sends what is open once more: now it gets an answer.
pub(crate) async fn settle(record: &mut [Entry], client: &Client) {
    for entry in record.iter_mut().filter(|entry| entry.answer.is_none()) {
        *entry = Entry::of(entry.ask.clone(), client).await;
        assert!(entry.answer.is_some(), "{:?} is not answered", entry.ask);
    }
}
