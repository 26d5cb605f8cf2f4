//! Load: clients that send requests and record them with their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::service::{Client, Reply, Sent, segment};
use reqwest::Method;
use serde_json::{Value, json};

/// Products that all clients order.
pub(crate) const PRODUCTS: usize = 6;

/// The SKU of one of these products.
pub(crate) fn sku(at: usize) -> String {
    format!("SKU{}", at % PRODUCTS)
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// Creates a batch.
    Create { batch: String, sku: String, quantity: u64 },
    /// Counts a batch.
    Count { batch: String, quantity: u64 },
    /// Places an order of these lines; their ids are their SKUs.
    Place {
        order: String,
        lines: Vec<(String, u64)>,
        on_shortage: &'static str,
    },
    /// Allocates a line of an order.
    Allocate {
        order: String,
        line: (String, u64),
        on_shortage: &'static str,
    },
    /// Cancels an order.
    Cancel { order: String },
}

impl Request {
    /// Sends it.
    pub(crate) async fn send(&self, client: &Client) -> Sent {
        let line = |(sku, quantity): &(String, u64)| json!({"sku": sku, "quantity": quantity});
        let (method, path, body) = match self {
            Self::Create { batch, sku, quantity } => (
                Method::POST,
                "/v1/batches".to_owned(),
                json!({"reference": batch, "sku": sku, "quantity": quantity}),
            ),
            Self::Count { batch, quantity } => (
                Method::PATCH,
                format!("/v1/batches/{}", segment(batch)),
                json!({"quantity": quantity}),
            ),
            Self::Place {
                order,
                lines,
                on_shortage,
            } => {
                let lines: Vec<Value> = lines.iter().map(line).collect();
                let body = json!({"order_id": order, "lines": lines, "on_shortage": on_shortage});
                (Method::POST, "/v1/orders".to_owned(), body)
            }
            Self::Allocate {
                order,
                line: of,
                on_shortage,
            } => {
                let mut body = line(of);
                body["order_id"] = json!(order);
                body["on_shortage"] = json!(on_shortage);
                (Method::POST, "/v1/allocations".to_owned(), body)
            }
            Self::Cancel { order } => (Method::DELETE, format!("/v1/orders/{}", segment(order)), Value::Null),
        };
        client.try_json(method, &path, &body).await
    }
}

/// A request with its answer; `None`: no answer says whether it was done.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The request.
    pub(crate) request: Request,
    /// The answer.
    pub(crate) answer: Option<Reply>,
}

impl Entry {
    /// Sends a request and records the answer.
    pub(crate) async fn of(request: Request, client: &Client) -> Self {
        let answer = match request.send(client).await {
            Ok(reply) if reply.status == 503 => {
                let problem = reply.json();
                // The only answer that does not say whether the command was done.
                (problem["code"] != "unavailable").then_some(reply)
            }
            Ok(reply) => Some(reply),
            Err(_) => None,
        };
        Self { request, answer }
    }

    /// Whether it was answered with one of the statuses of a command that is done.
    pub(crate) fn is_done(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| (200..300).contains(&answer.status))
    }

    /// Whether the service did not take it, because it shuts down or is busy.
    fn is_turned_away(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == 503)
    }
}

/// A client that sends one request after the other until one is not answered or not taken. Its name is part of all names
/// it uses, so that no two clients use the same.
pub(crate) async fn work(name: String, client: Client, answered: Arc<AtomicUsize>) -> Vec<Entry> {
    let mut record: Vec<Entry> = Vec::new();
    let own = format!("B-{name}");
    let mut placed: Vec<String> = Vec::new();
    for at in 0.. {
        let on_shortage = if at % 2 == 0 { "backorder" } else { "reject" };
        let order = format!("o-{name}-{at}");
        let quantity = 1 + at as u64 % 3;
        let request = match at % 8 {
            0 => Request::Create {
                batch: format!("{own}-{at}"),
                sku: sku(at / 8),
                quantity: 12,
            },
            1 | 2 | 5 => Request::Allocate {
                order,
                line: (sku(at), quantity),
                on_shortage,
            },
            3 | 6 => {
                let lines = (0..3).map(|line| (sku(at + line), quantity)).collect();
                Request::Place {
                    order,
                    lines,
                    on_shortage,
                }
            }
            4 => Request::Count {
                batch: format!("{own}-{}", at - 4),
                quantity: at as u64 % 11,
            },
            _ => match placed.pop() {
                Some(order) => Request::Cancel { order },
                None => continue,
            },
        };
        let entry = Entry::of(request, &client).await;
        if let (true, Request::Allocate { order, .. } | Request::Place { order, .. }) =
            (entry.is_done(), &entry.request)
        {
            placed.push(order.clone());
        }
        let ended = entry.answer.is_none() || entry.is_turned_away();
        record.push(entry);
        if ended {
            break;
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    record
}
