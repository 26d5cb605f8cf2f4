//! Load: clients that ask and keep a record of what they asked and what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::service::{Client, Reply, Sent, segment};
use reqwest::Method;
use serde_json::{Value, json};

/// Products that everybody wants.
pub(crate) const PRODUCTS: usize = 6;

/// The SKU of one of them.
pub(crate) fn sku(at: usize) -> String {
    format!("SKU{}", at % PRODUCTS)
}

/// One command.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// A batch.
    Create { batch: String, sku: String, quantity: u64 },
    /// A count of a batch.
    Count { batch: String, quantity: u64 },
    /// An order of these lines, each known by its SKU.
    Place {
        order: String,
        lines: Vec<(String, u64)>,
        on_shortage: &'static str,
    },
    /// A line of an order.
    Allocate {
        order: String,
        line: (String, u64),
        on_shortage: &'static str,
    },
    /// No order any more.
    Cancel { order: String },
}

impl Ask {
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

/// A command with what it was answered; `None`: nothing that says whether it was done.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What was asked.
    pub(crate) ask: Ask,
    /// What was answered.
    pub(crate) answer: Option<Reply>,
}

impl Entry {
    /// Sends a command and writes down what comes of it.
    pub(crate) async fn of(ask: Ask, client: &Client) -> Self {
        let answer = match ask.send(client).await {
            Ok(reply) if reply.status == 503 => {
                let problem = reply.json();
                // The one answer that leaves open what became of the command.
                (problem["code"] != "unavailable").then_some(reply)
            }
            Ok(reply) => Some(reply),
            Err(_) => None,
        };
        Self { ask, answer }
    }

    /// Whether it was answered with one of the statuses of a command that is done.
    pub(crate) fn is_done(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| (200..300).contains(&answer.status))
    }

    /// Whether the service would not take it on: it is going down, or busy.
    fn is_turned_away(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == 503)
    }
}

/// A client that asks one thing after the other until it gets no answer, or is turned away. What it names bears its
/// own name, so that nobody else asks for the same.
pub(crate) async fn work(name: String, client: Client, answered: Arc<AtomicUsize>) -> Vec<Entry> {
    let mut record: Vec<Entry> = Vec::new();
    let own = format!("B-{name}");
    let mut standing: Vec<String> = Vec::new();
    for at in 0.. {
        let on_shortage = if at % 2 == 0 { "backorder" } else { "reject" };
        let order = format!("o-{name}-{at}");
        let quantity = 1 + at as u64 % 3;
        let ask = match at % 8 {
            0 => Ask::Create {
                batch: format!("{own}-{at}"),
                sku: sku(at / 8),
                quantity: 12,
            },
            1 | 2 | 5 => Ask::Allocate {
                order,
                line: (sku(at), quantity),
                on_shortage,
            },
            3 | 6 => {
                let lines = (0..3).map(|line| (sku(at + line), quantity)).collect();
                Ask::Place {
                    order,
                    lines,
                    on_shortage,
                }
            }
            4 => Ask::Count {
                batch: format!("{own}-{}", at - 4),
                quantity: at as u64 % 11,
            },
            _ => match standing.pop() {
                Some(order) => Ask::Cancel { order },
                None => continue,
            },
        };
        let entry = Entry::of(ask, &client).await;
        if let (true, Ask::Allocate { order, .. } | Ask::Place { order, .. }) = (entry.is_done(), &entry.ask) {
            standing.push(order.clone());
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
