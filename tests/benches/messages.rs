//! How many messages a second the service carries out that come from JetStream: new ones, repeats of these, and a stream
//! half of which can't be carried out; on SQLite and on PostgreSQL.
//!
//! `EARMARK_TEST_POSTGRES=postgres://… cargo bench -p earmark-tests --features servers --bench messages`

#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use earmark_tests::databases::{Database, PostgresDatabase, SqliteDatabase};
use earmark_tests::servers::NatsServer;
use earmark_tests::service::Service;
use serde_json::json;

/// Messages of one measurement, unless `EARMARK_TEST_MESSAGES` says otherwise.
const MESSAGES: usize = 100_000;

/// The products that are sold.
const PRODUCTS: usize = 500;

/// How many messages are on their way to the server.
const ON_THEIR_WAY: usize = 1_000;

fn messages() -> usize {
    let given = std::env::var("EARMARK_TEST_MESSAGES").ok();
    given.map_or(MESSAGES, |given| {
        given.parse().expect("EARMARK_TEST_MESSAGES is a number")
    })
}

/// A stream that is filled while nobody takes from it.
struct Queue {
    context: Context,
    _client: Client,
}

impl Queue {
    async fn on(server: &NatsServer) -> Self {
        let client = async_nats::connect(format!("127.0.0.1:{}", server.port())).await;
        let client = client.expect("a connection");
        let context = jetstream::new(client.clone());
        let config = Config {
            name: "COMMANDS".to_owned(),
            subjects: vec!["commands.>".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            duplicate_window: Duration::from_millis(100),
            ..Config::default()
        };
        context.create_stream(config).await.expect("a stream");
        Self {
            context,
            _client: client,
        }
    }

    async fn fill(&self, messages: impl Iterator<Item = (String, String)>) {
        let mut sent = std::collections::VecDeque::new();
        for (id, body) in messages {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", id.as_str());
            let published = self.context.publish_with_headers("commands.desk", headers, body.into());
            sent.push_back(published.await.expect("it is sent"));
            if sent.len() >= ON_THEIR_WAY {
                let oldest = sent.pop_front().expect("the oldest");
                oldest.await.expect("it is stored");
            }
        }
        for stored in sent {
            stored.await.expect("it is stored");
        }
    }

    async fn left(&self) -> u64 {
        let stream = self.context.get_stream("COMMANDS").await.expect("the stream");
        stream.cached_info().state.messages
    }

    /// How long it takes until all is done, from the first message on.
    async fn emptied(&self) -> Duration {
        let full = self.left().await;
        let mut began = Instant::now();
        let mut has_begun = false;
        loop {
            let left = self.left().await;
            if !has_begun && left == full {
                began = Instant::now();
            } else {
                has_begun = true;
            }
            if left == 0 {
                return began.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn allocate(run: &str, number: usize) -> (String, String) {
    let order = format!("{run}-{number}");
    let sku = format!("SKU-{}", number % PRODUCTS);
    let body = json!({"allocate": {"order_id": order, "sku": sku, "quantity": 1}});
    (order, body.to_string())
}

fn poison(run: &str, number: usize) -> (String, String) {
    let body = match number % 3 {
        0 => json!({"change_batch": {"reference": "nowhere", "quantity": 5}}).to_string(),
        1 => "{\"allocate\":".to_owned(),
        _ => json!({"allocate": {"order_id": "o", "sku": "SKU-1", "quantity": -1}}).to_string(),
    };
    (format!("{run}-bad-{number}"), body)
}

#[expect(clippy::cast_precision_loss, reason = "a rate of some thousands")]
fn rate(messages: usize, time: Duration) -> f64 {
    messages as f64 / time.as_secs_f64()
}

async fn measure<D: Database>(name: &str) {
    let (server, db) = (NatsServer::start(""), D::fresh().await);
    let queue = Queue::on(&server).await;
    let url = format!("nats://127.0.0.1:{}/COMMANDS", server.port());
    let all = messages();
    {
        let service = Service::start(&db.url()).await;
        for product in 0..PRODUCTS {
            let reference = format!("b-{product}");
            service
                .client()
                .buy(&reference, &format!("SKU-{product}"), 1_000_000)
                .await;
        }
    }
    let run = async || {
        let service = Service::start_with(&db.url(), &[("EARMARK__COMMANDS__URLS", &url)]).await;
        let time = queue.emptied().await;
        drop(service);
        time
    };
    queue.fill((0..all).map(|number| allocate("a", number))).await;
    let first = rate(all, run().await);
    queue.fill((0..all).map(|number| allocate("a", number))).await;
    let repeats = rate(all, run().await);
    // As many good ones as before, among as many bad ones: up to the bound of those that are put aside.
    let half = all.min(90_000);
    let mixed = (0..2 * half).map(|number| match number % 2 {
        0 => allocate("c", number / 2),
        _ => poison("c", number / 2),
    });
    queue.fill(mixed).await;
    let good = rate(half, run().await);
    println!(
        "{name}: {first:.0} messages/s; repeats {repeats:.0}/s, which cost {:.2} of a first one; good ones of a stream half \
         of poison {good:.0}/s, {:.2} of the speed without",
        first / repeats,
        good / first
    );
    db.discard().await;
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    measure::<SqliteDatabase>("SQLite").await;
    measure::<PostgresDatabase>("PostgreSQL").await;
}
