//! Faults of clients: they send half of something or without end, never read, or leave.

use std::time::Duration;

use earmark_tests::service::RawConnection;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Site;

/// The product of those who leave.
pub(super) const LEFT: &str = "LEFT";

/// The head of a bulk request.
const BULK: &str = "POST /v1/bulk HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
                    transfer-encoding: chunked\r\n\r\n";

/// Lines of an order of a client that never reads: the refusal names each.
const LINES: usize = 100;

impl Site {
    /// Opens connections that read little, sends something on each, and closes them after a time.
    async fn send_and_wait(&self, bytes: &str, lasts: Duration) {
        let mut open = Vec::new();
        for _ in 0..self.sizes.clients {
            let mut connection = RawConnection::open_asleep(self.desk.service.address()).await;
            // The service may close it at any time.
            let _ = connection.try_send(bytes).await;
            open.push(connection);
        }
        sleep(lasts).await;
    }

    /// Sends bulk requests that repeat a chunk, and never reads their answers.
    async fn send_without_end(&self, clients: usize, chunk: &str, lasts: Duration) {
        let mut senders = JoinSet::new();
        for _ in 0..clients {
            let mut connection = RawConnection::open_asleep(self.desk.service.address()).await;
            let chunk = chunk.to_owned();
            senders.spawn(async move {
                let mut open = connection.try_send(BULK).await.is_ok();
                while open {
                    open = connection.try_chunk(&chunk).await.is_ok();
                }
            });
        }
        sleep(lasts).await;
        senders.shutdown().await;
    }

    pub(super) async fn half_heads(&self, lasts: Duration) {
        self.send_and_wait("POST /v1/orders HTTP/1.1\r\nhost: loc", lasts).await;
    }

    pub(super) async fn deaf_streams(&self, lasts: Duration) {
        self.send_and_wait("GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n", lasts)
            .await;
    }

    pub(super) async fn deaf_bulk(&self, lasts: Duration) {
        let lines: Vec<Value> = (0..LINES)
            .map(|at| json!({"line_id": format!("l{at}"), "sku": "NEVER", "quantity": 1}))
            .collect();
        // There is none of it: nothing is stored.
        let order = json!({"place_order": {"order_id": "deaf", "lines": lines}});
        self.send_without_end(self.sizes.clients, &format!("{order}\n"), lasts)
            .await;
    }

    pub(super) async fn line_ends(&self, lasts: Duration) {
        // A few of them send as much as the machine can carry.
        self.send_without_end(4, &"\n".repeat(64 * 1024), lasts).await;
    }

    pub(super) async fn leavers(&mut self) {
        for at in 0..4 * self.sizes.clients {
            let order = format!("left-{}-{at}", self.serial);
            let body = json!({"order_id": order, "sku": LEFT, "quantity": 1}).to_string();
            let request = format!(
                "POST /v1/allocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            let sent = self.rng.usize(1..=request.len());
            let mut connection = RawConnection::open(self.desk.service.address()).await;
            let _ = connection.try_send(&request[..sent]).await;
        }
    }
}
