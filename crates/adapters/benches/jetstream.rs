//! How many events a second the publisher brings into a stream with file storage, and how many a bare pipelined
//! publisher does in the same run: the same bodies in the same calls, once with nothing else and once with the same
//! headers, but without the chain.
//!
//! `cargo bench -p earmark-adapters --no-default-features --features nats,clock,test-servers --bench jetstream`

#![expect(clippy::print_stdout, reason = "it prints what it has measured")]
#![expect(clippy::disallowed_methods, reason = "time is measured with the machine's clock")]

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::nats::{NatsPublisher, subject_of};
use earmark_application::{Books, BooksId, EncodedEvent, Epoch, EventMessage, Publisher};
use earmark_domain::{Sku, Subject};

use servers::NatsServer;

#[expect(dead_code, unreachable_pub, unused_imports, reason = "the tests need more of it")]
#[path = "../../../tests/src/servers/brokers/mod.rs"]
mod servers;

/// Events in a call.
const CALL: usize = 1_000;

/// Bytes of a body.
const BODY: usize = 400;

/// Events of one measurement.
const EVENTS: u64 = 200_000;

/// Each way is measured so often, in turns.
const ROUNDS: usize = 3;

fn events(books: &Books) -> Vec<Arc<EventMessage>> {
    let event = |sequence: u64| EventMessage {
        id: books.event_id(sequence),
        event: EncodedEvent {
            sequence,
            subject: Subject::Product {
                sku: Sku::new(format!("LAMP-{}", sequence % 500)).expect("a SKU"),
                version: sequence,
            },
            order: None,
            event_type: "Allocated",
            occurred_at: "2026-02-01T09:30:00Z".parse().expect("an instant"),
            decided_on: "2026-02-01".parse().expect("a day"),
            actor: "http".to_owned(),
            correlation_id: "c".to_owned(),
            data: "{}".to_owned(),
        },
        body: "x".repeat(BODY),
    };
    (1..=EVENTS).map(|sequence| Arc::new(event(sequence))).collect()
}

/// Publishes the events, with or without headers, and each as soon as it can be.
async fn bare(port: u16, stream: &str, events: &[Arc<EventMessage>], headers: bool) -> f64 {
    let client = async_nats::connect(format!("127.0.0.1:{port}"))
        .await
        .expect("a connection");
    let context = async_nats::jetstream::new(client);
    let config = Config {
        name: stream.to_owned(),
        subjects: vec!["earmark.>".to_owned()],
        ..Config::default()
    };
    context.create_stream(config).await.expect("a stream");
    let started = Instant::now();
    for call in events.chunks(CALL) {
        let mut sent = Vec::with_capacity(CALL);
        for event in call {
            let mut message = PublishMessage::build().payload(event.body.clone().into());
            if headers {
                message = message
                    .message_id(event.id.to_string())
                    .header("Content-Type", "application/json");
            }
            let subject = subject_of(event.event.event_type, &event.event.subject);
            sent.push(context.send_publish(subject, message).await.expect("it is sent"));
        }
        for acknowledgement in sent {
            acknowledgement.await.expect("it is stored");
        }
    }
    let rate = rate(started);
    context.delete_stream(stream).await.expect("it is deleted");
    rate
}

async fn chained(port: u16, books: &Books, events: &[Arc<EventMessage>]) -> f64 {
    let address = format!("nats://127.0.0.1:{port}/CHAINED").parse().expect("an address");
    let publisher = NatsPublisher::new(address, Arc::new(SystemClock::new()));
    publisher.last_published(books).await.expect("it answers");
    let started = Instant::now();
    for call in events.chunks(CALL) {
        publisher.publish(call).await.expect("it is published");
    }
    let rate = rate(started);
    let client = async_nats::connect(format!("127.0.0.1:{port}"))
        .await
        .expect("a connection");
    let context = async_nats::jetstream::new(client);
    context.delete_stream("CHAINED").await.expect("it is deleted");
    rate
}

#[expect(clippy::cast_precision_loss, reason = "a rate of some thousands")]
fn rate(started: Instant) -> f64 {
    EVENTS as f64 / started.elapsed().as_secs_f64()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = NatsServer::start("");
    let first_epoch = [Epoch { number: 1, after: 0 }];
    let books = Books::new(BooksId::of([7; 16]), first_epoch.into());
    let events = events(&books);
    let mut best = [0.0_f64; 3];
    for round in 1..=ROUNDS {
        let rates = [
            bare(server.port(), "BARE", &events, false).await,
            bare(server.port(), "HEADERS", &events, true).await,
            chained(server.port(), &books, &events).await,
        ];
        let [bare, headers, chained] = rates;
        println!("round {round}: bare {bare:.0}/s, with headers {headers:.0}/s, chained {chained:.0}/s");
        for (best, rate) in best.iter_mut().zip(rates) {
            *best = best.max(rate);
        }
    }
    let [bare, headers, chained] = best;
    println!(
        "best: chained {chained:.0} events/s of {BODY} bytes in calls of {CALL}: {:.2} of the same messages without \
         the chain, {:.2} of bodies alone",
        chained / headers,
        chained / bare
    );
}
