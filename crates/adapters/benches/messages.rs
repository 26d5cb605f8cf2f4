//! How many messages a second a consumer carries out on SQLite, how many repeats it acknowledges, and how many it carries
//! out of a stream of which each second message is poison. The source is in memory.
//!
//! `cargo bench -p earmark-adapters --no-default-features --features sqlite,messages,clock --bench messages`

#![expect(clippy::print_stdout, reason = "it prints what it has measured")]
#![expect(clippy::disallowed_methods, reason = "time is measured with the machine's clock")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::ids::RandomIds;
use earmark_adapters::messages::CommandMessages;
use earmark_adapters::sqlite::{DEFAULT_READERS, SqliteStore};
use earmark_application::{
    Body, Clock, CommandSource, Consumer, ConsumerPorts, DeliveryId, Engine, EngineSettings, Envelope, Message,
    NoMeter, Principal, Reply, Roles, SourceError, SourceName,
};
use earmark_domain::{Command, CreateBatch, Location, MessageId, Quantity, Reference, Sku};
use tokio::sync::Notify;

/// Messages of one measurement.
const MESSAGES: usize = 100_000;

/// Products that the messages are about.
const PRODUCTS: usize = 500;

/// A stream in memory: messages come as fast as they are taken.
#[derive(Default)]
struct Stream {
    queue: Mutex<VecDeque<Message>>,
    acknowledged: AtomicUsize,
    all: Notify,
}

#[async_trait]
impl CommandSource for Stream {
    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let taken: Vec<Message> = {
            let mut queue = self.queue.lock().expect("no panic");
            let many = most.min(queue.len());
            queue.drain(..many).collect()
        };
        if taken.is_empty() {
            SystemClock::new().pause(wait.min(Duration::from_millis(5))).await;
        }
        Ok(taken)
    }

    async fn acknowledge(&self, deliveries: &[DeliveryId]) -> Result<(), SourceError> {
        let before = self.acknowledged.fetch_add(deliveries.len(), Ordering::SeqCst);
        if before + deliveries.len() >= MESSAGES {
            self.all.notify_one();
        }
        Ok(())
    }

    async fn still_working(&self, _: &[DeliveryId]) -> Result<(), SourceError> {
        Ok(())
    }

    async fn reply(&self, _: &[Reply]) -> Result<(), SourceError> {
        Ok(())
    }
}

fn message(id: &str, body: String) -> Message {
    Message {
        id: Some(MessageId::new("ORDERS", id).expect("an id")),
        body: Body::Whole(body.into_bytes()),
        correlation_id: None,
        reply_to: None,
        delivery: DeliveryId(0),
    }
}

/// Allocations of one unit each; each second one is of another kind of poison, if any is wanted.
fn allocations(run: &str, poisoned: bool) -> VecDeque<Message> {
    let mut messages: VecDeque<Message> = (0..MESSAGES)
        .map(|number| {
            let order = format!("{run}-{number}");
            let sku = format!("LAMP-{}", number % PRODUCTS);
            let body = match number % 6 {
                1 if poisoned => "{\"allocate\": {\"order_id\"".to_owned(),
                3 if poisoned => format!(r#"{{"change_batch": {{"reference": "none-{number}", "quantity": 1}}}}"#),
                5 if poisoned => {
                    format!(r#"{{"allocate": {{"order_id": "{order}", "sku": "{sku}", "quantity": -1}}}}"#)
                }
                _ => format!(r#"{{"allocate": {{"order_id": "{order}", "sku": "{sku}", "quantity": 1}}}}"#),
            };
            message(&format!("{run}-{number}"), body)
        })
        .collect();
    for (number, message) in (1_u64..).zip(&mut messages) {
        message.delivery = DeliveryId(number);
    }
    messages
}

/// Consumes messages; answers how many a second.
async fn consume(ports: &ConsumerPorts, messages: VecDeque<Message>) -> f64 {
    let stream = Arc::new(Stream {
        queue: Mutex::new(messages),
        ..Stream::default()
    });
    let name = SourceName::new("ORDERS");
    let consumer = Consumer::new(name, Arc::clone(&stream) as _, Arc::new(CommandMessages), ports.clone());
    let started = Instant::now();
    tokio::select! {
        () = consumer.run() => unreachable!("nobody drains it"),
        () = stream.all.notified() => {}
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = MESSAGES as f64 / started.elapsed().as_secs_f64();
    rate
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("earmark.db");
    let store = SqliteStore::open(&path, DEFAULT_READERS, true).await.expect("a store");
    let store = Arc::new(store);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let settings = EngineSettings::default();
    let (engine, lanes) = Engine::new(
        store.clone(),
        store.clone(),
        Arc::clone(&clock),
        Arc::new(NoMeter),
        settings,
    );
    for lane in lanes {
        tokio::spawn(lane.run());
    }
    for product in 0..PRODUCTS {
        let create = CreateBatch {
            reference: Reference::new(format!("B-{product}")).expect("a reference"),
            sku: Sku::new(format!("LAMP-{product}")).expect("a SKU"),
            quantity: Quantity::new(1_000_000).expect("a quantity"),
            eta: None,
            location: Location::default(),
        };
        let envelope = Envelope::new(
            Command::CreateBatch(create),
            Principal::new("bench", Roles::ALL),
            "bench".into(),
        );
        engine.execute(envelope).await.expect("a batch");
    }
    let ports = ConsumerPorts {
        engine,
        inbox: store,
        clock,
        ids: Arc::new(RandomIds),
        meter: Arc::new(NoMeter),
    };
    for round in 1..=3 {
        let run = format!("r{round}");
        let first = consume(&ports, allocations(&run, false)).await;
        let again = consume(&ports, allocations(&run, false)).await;
        let poisoned = consume(&ports, allocations(&format!("p{round}"), true)).await;
        println!(
            "round {round}: {first:.0} messages a second; repeats {again:.0} (a repeat costs {:.2} of a first); half of \
             them poison {poisoned:.0}, of these good ones {:.0}",
            first / again,
            poisoned / 2.0,
        );
    }
}
