//! Requests that change something, recorded with their answers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Client, Reply, Sent, segment};

/// One request.
#[derive(Debug, Clone)]
pub enum Request {
    /// Creates a batch.
    Create {
        /// Its reference.
        batch: String,
        /// Its product.
        sku: String,
        /// Its units.
        quantity: u64,
    },
    /// Counts a batch.
    Count {
        /// Its reference.
        batch: String,
        /// The units that were counted.
        quantity: u64,
    },
    /// Places an order of these lines; their ids are their SKUs.
    Place {
        /// Its id.
        order: String,
        /// The SKU and the units of each line.
        lines: Vec<(String, u64)>,
        /// `reject` or `backorder`.
        on_shortage: &'static str,
    },
    /// Allocates a line of an order.
    Allocate {
        /// The id of the order.
        order: String,
        /// The line's SKU and units.
        line: (String, u64),
        /// `reject` or `backorder`.
        on_shortage: &'static str,
    },
    /// Cancels an order.
    Cancel {
        /// Its id.
        order: String,
    },
}

impl Request {
    /// Sends it.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&self, client: &Client) -> Sent {
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
        if body.is_null() {
            let headers = [("content-type", "application/json")];
            return client.try_send(method, &path, &headers, Vec::new()).await;
        }
        client.try_json(method, &path, &body).await
    }
}

/// A request with its answer; `None`: no answer says whether it was done.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The request.
    pub request: Request,
    /// The answer.
    pub answer: Option<Reply>,
}

impl Entry {
    /// Sends a request and records the answer.
    pub async fn of(request: Request, client: &Client) -> Self {
        let sent = request.send(client).await;
        Self::answered(request, sent)
    }

    /// Records what a request was answered.
    #[must_use]
    pub fn answered(request: Request, sent: Sent) -> Self {
        let answer = match sent {
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
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| (200..300).contains(&answer.status))
    }

    /// Whether the service did not take it, because it shuts down or is busy.
    #[must_use]
    pub fn is_turned_away(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == 503)
    }
}
