//! Checks a record of requests against the state: acknowledged commands are stored whole, and none in part.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::request::{Entry, Request};
use crate::service::{Client, Desk, earmark, segment, until};

/// What the answers say about whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was acknowledged.
    Done,
    /// It was refused, or not taken.
    NotDone,
    /// There is no answer.
    Unknown,
}

/// What is expected of an order.
#[derive(Debug)]
struct ExpectedOrder {
    lines: Vec<(String, u64)>,
    placed: Known,
    cancelled: Known,
}

/// What is expected of a batch.
#[derive(Debug)]
struct ExpectedBatch {
    sku: String,
    created: Known,
    /// The quantities it may have.
    quantities: Vec<u64>,
}

/// What is expected of all orders and batches.
#[derive(Debug, Default)]
pub struct Expectations {
    orders: BTreeMap<String, ExpectedOrder>,
    batches: BTreeMap<String, ExpectedBatch>,
}

impl Expectations {
    /// The expectations from a record. `unanswered`: what is known of a command without an answer.
    ///
    /// # Panics
    /// When a command was answered in a way that no such command is, or the record is out of order.
    #[must_use]
    pub fn of(record: &[Entry], unanswered: Known) -> Self {
        let mut expectations = Self::default();
        for entry in record {
            let known = match &entry.answer {
                Some(answer) if (200..300).contains(&answer.status) => Known::Done,
                Some(answer) if matches!(answer.status, 409 | 503) => Known::NotDone,
                Some(answer) => unreachable!("{:?} was answered {}: {}", entry.request, answer.status, answer.text()),
                None => unanswered,
            };
            expectations.add(&entry.request, known);
        }
        expectations
    }

    fn add(&mut self, request: &Request, known: Known) {
        match request {
            Request::Create { batch, sku, quantity } => {
                let expected = self.batches.entry(batch.clone()).or_insert_with(|| ExpectedBatch {
                    sku: sku.clone(),
                    created: known,
                    quantities: vec![*quantity],
                });
                expected.created = known;
            }
            Request::Count { batch, quantity } => {
                let expected = self
                    .batches
                    .get_mut(batch)
                    .expect("a batch is created before it is counted");
                match known {
                    Known::Done => expected.quantities = vec![*quantity],
                    Known::Unknown => expected.quantities.push(*quantity),
                    Known::NotDone => {}
                }
            }
            Request::Place { order, lines, .. } => self.place(order, lines, known),
            Request::Allocate { order, line, .. } => self.place(order, std::slice::from_ref(line), known),
            Request::Cancel { order } => {
                let expected = self
                    .orders
                    .get_mut(order)
                    .expect("an order is placed before it is cancelled");
                if known != Known::NotDone {
                    expected.cancelled = known;
                }
            }
        }
    }

    fn place(&mut self, order: &str, lines: &[(String, u64)], placed: Known) {
        let expected = self.orders.entry(order.to_owned()).or_insert_with(|| ExpectedOrder {
            lines: lines.to_vec(),
            placed,
            cancelled: Known::NotDone,
        });
        expected.placed = placed;
    }

    /// Checks each order and each batch.
    ///
    /// # Panics
    /// When one is missing, there against its answer, or different.
    pub async fn check(&self, client: &Client) {
        for (order, expected) in &self.orders {
            let reply = client.get(&format!("/v1/orders/{}", segment(order))).await;
            match (reply.status, expected.placed) {
                (200, Known::Done | Known::Unknown) => expected.check(order, &reply.answers(200)),
                (404, Known::NotDone | Known::Unknown) => {}
                (status, known) => unreachable!("order {order} is answered {status}, and was {known:?}"),
            }
        }
        for (batch, expected) in &self.batches {
            let reply = client.get(&format!("/v1/batches/{}", segment(batch))).await;
            match (reply.status, expected.created) {
                (200, Known::Done | Known::Unknown) => expected.check(batch, &reply.answers(200)),
                (404, Known::NotDone | Known::Unknown) => {}
                (status, known) => unreachable!("batch {batch} is answered {status}, and was {known:?}"),
            }
        }
    }
}

impl ExpectedOrder {
    fn check(&self, order: &str, shown: &Value) {
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
                Some("allocated") => assert_eq!(held, quantity, "allocated in part: {line}"),
                Some("backordered") => assert_eq!(held, 0, "{line}"),
                Some("cancelled") => {
                    assert_eq!(held, 0, "{line}");
                    cancelled += 1;
                }
                _ => unreachable!("{line}"),
            }
            lines.push((sku, quantity));
        }
        let mut expected = self.lines.clone();
        expected.sort_unstable();
        lines.sort_unstable();
        assert_eq!(lines, expected, "order {order} has all of its lines");
        match self.cancelled {
            Known::Done => assert_eq!(cancelled, lines.len(), "order {order} is cancelled"),
            Known::NotDone => assert_eq!(cancelled, 0, "order {order} is not cancelled"),
            Known::Unknown => assert!(
                cancelled == 0 || cancelled == lines.len(),
                "order {order} is cancelled in part"
            ),
        }
    }
}

impl ExpectedBatch {
    fn check(&self, batch: &str, shown: &Value) {
        assert_eq!(shown["sku"], self.sku.as_str());
        let quantity = shown["quantity"].as_u64().expect("a quantity");
        assert!(
            self.quantities.contains(&quantity),
            "batch {batch} has {quantity}, not one of {:?}",
            self.quantities
        );
    }
}

/// Waits until no backordered line fits a batch: a backlog that was pending at a crash is served.
///
/// # Panics
/// When one still does after [`PATIENCE`](crate::service::PATIENCE).
pub async fn wait_until_served(client: &Client) {
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

/// Checks each batch against its lines, and each product against its events: no unit is allocated twice.
///
/// # Panics
/// When they do not agree.
pub async fn check_balances(desk: &Desk) {
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
    let state = desk.state().await;
    for product in &state.products {
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
    for event in &state.events {
        if let (Some(sku), Some(version)) = (event["sku"].as_str(), event["version"].as_u64()) {
            let last = versions.insert(sku, version).unwrap_or(0);
            assert_eq!(version, last + 1, "no event of {sku} is missing or repeated");
        }
    }
    for product in &state.products {
        let sku = product["sku"].as_str().expect("a SKU");
        assert_eq!(product["version"].as_u64(), versions.get(sku).copied(), "{sku}");
    }
}

/// The orders that some of these requests cancel.
fn cancelled_by<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeSet<&'a str> {
    entries
        .filter_map(|entry| match &entry.request {
            Request::Cancel { order } => Some(order.as_str()),
            _ => None,
        })
        .collect()
}

/// Repeats the commands that were done: the answers are the same, and nothing changes.
///
/// # Panics
/// When an answer differs, or something changes.
pub async fn repeat(record: &[Entry], client: &Client) {
    let before = client.events().await.len();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    let done = || record.iter().filter(|entry| entry.is_done());
    let cancelled = cancelled_by(done());
    // A cancellation that nobody heard the answer of may have been stored all the same.
    let perhaps_cancelled = cancelled_by(record.iter());
    for entry in done() {
        if let Request::Count { batch, quantity } = &entry.request {
            // Only the last count of a batch can be repeated without a change.
            counted.insert(batch, *quantity);
            continue;
        }
        let again = entry.request.send(client).await.expect("the service runs");
        // What was cancelled is not answered as if it were placed.
        let is_cancelled =
            |order: &str| cancelled.contains(order) || (again.status == 409 && perhaps_cancelled.contains(order));
        let ended = match &entry.request {
            Request::Place { order, .. } if is_cancelled(order) => Some("order_cancelled"),
            Request::Allocate { order, .. } if is_cancelled(order) => Some("line_ended"),
            _ => None,
        };
        if let Some(code) = ended {
            let _ = again.refuses(409, code);
            continue;
        }
        let again = again.answers(200);
        let first = entry
            .answer
            .as_ref()
            .expect("a command that is done was answered")
            .json();
        for member in ["reference", "order_id", "line_id", "sku"] {
            assert_eq!(again[member], first[member], "{:?}", entry.request);
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
        "a repeated command changes nothing"
    );
}

/// Repeats the commands without an answer: now each is answered.
///
/// # Panics
/// When one is not.
pub async fn settle(record: &mut [Entry], client: &Client) {
    for entry in record.iter_mut().filter(|entry| entry.answer.is_none()) {
        *entry = Entry::of(entry.request.clone(), client).await;
        assert!(entry.answer.is_some(), "{:?} is not answered", entry.request);
    }
}
