//! Much work at once: holds that end together, a batch that takes its lines with it.

use std::time::Duration;

use earmark_tests::service::until;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Site;

/// The product that is held.
pub(super) const HELD: &str = "HELD";

/// More units than any run takes.
pub(super) const PLENTY: u64 = 1_000_000;

/// Commands of one bulk request: few, so that the deadlines of the holds can follow the clock.
const CHUNK: usize = 100;

/// How long it may take to place all holds, in seconds. They end together after it.
const PLACING: u64 = 6;

impl Site {
    pub(super) async fn ends_of_holds(&self) {
        let end = Instant::now() + Duration::from_secs(PLACING);
        let orders: Vec<usize> = (0..self.sizes.holds).collect();
        for chunk in orders.chunks(CHUNK) {
            let left = end.saturating_duration_since(Instant::now()).as_secs().max(1);
            let place = |at: &usize| {
                json!({"place_order": {
                    "order_id": format!("held-{}-{at}", self.serial),
                    "lines": [{"sku": HELD, "quantity": 1}],
                    "hold_seconds": left,
                }})
            };
            let lines: Vec<Value> = chunk.iter().map(place).collect();
            self.desk.bulk(&lines).await;
        }
        until("all holds have ended", async || {
            let product = self.desk.get(&format!("/v1/products/{HELD}")).await;
            // To be sent again while the service is busy.
            (product.status == 200 && product.json()["available"] == PLENTY).then_some(())
        })
        .await;
    }

    pub(super) async fn lost_batch(&mut self) {
        let sku = format!("LOST{}", self.serial);
        let batch = format!("lost-{}", self.serial);
        let lines = self.sizes.lines;
        self.desk.buy_inbound(&batch, &sku, lines as u64, "2199-01-01").await;
        let lines: Vec<Value> = (0..lines)
            .map(|at| json!({"allocate": {"order_id": format!("{batch}-{at}"), "sku": sku, "quantity": 1}}))
            .collect();
        for chunk in lines.chunks(CHUNK) {
            self.desk.bulk(chunk).await;
        }
        let path = format!("/v1/batches/{batch}");
        let reply = match self.rng.u8(..3) {
            0 => self.desk.delete(&path).await,
            1 => self.desk.patch(&path, &json!({"eta": "2199-02-01"})).await,
            _ => self.desk.post(&format!("{path}/receipt"), &json!({})).await,
        };
        assert!([200, 503].contains(&reply.status), "{}", reply.text());
    }
}
