//! The stream of events, as a subscriber reads it: live, resumed, and without a gap or a repeat.

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, in_time};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::{Value, json};

/// A subscriber with its connection.
struct Subscriber {
    chunks: BoxStream<'static, Vec<u8>>,
    pending: Vec<u8>,
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    id: u64,
    event: String,
    data: Value,
}

impl Subscriber {
    async fn open(client: &Client, query: &str, last: Option<u64>) -> Self {
        let mut request = client.request(Method::GET, &format!("/v1/events/stream{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let reply = in_time("the stream opens", request.send()).await.expect("a reply");
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        assert!(reply.headers().contains_key("x-request-id"));
        let chunks = reply
            .bytes_stream()
            .map(|chunk| chunk.expect("the stream stands").to_vec());
        Self {
            chunks: chunks.boxed(),
            pending: Vec::new(),
        }
    }

    /// The next block of lines; `None`: the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|two| two == b"\n\n") {
                let block = self.pending.drain(..end + 2).collect();
                return Some(String::from_utf8(block).expect("events in UTF-8"));
            }
            self.pending
                .extend(in_time("something is told", self.chunks.next()).await?);
        }
    }

    /// The next event.
    async fn next(&mut self) -> Told {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let field = |name: &str| {
                let value = block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
                Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
            };
            // A comment or a hint when to come again.
            let Some(data) = field("data") else { continue };
            return Told {
                id: field("id").and_then(|id| id.parse().ok()).expect("an event has an id"),
                event: field("event").expect("an event has a type"),
                data: serde_json::from_str(&data).expect("an event is JSON"),
            };
        }
    }
}

fn told(event: &Value) -> Told {
    Told {
        id: event["sequence"].as_u64().expect("a sequence"),
        event: event["type"].as_str().expect("a type").to_owned(),
        data: event.clone(),
    }
}

async fn a_subscriber_hears_what_was_and_then_what_happens(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let mut subscriber = Subscriber::open(&desk, "", None).await;
    assert_eq!(subscriber.next().await, told(&desk.events().await[0]));
    for order in ["o1", "o2", "o3"] {
        let _ = desk.allocate(order, "LAMP", 1).await.answers(201);
        let heard = subscriber.next().await;
        assert_eq!(heard, told(desk.events().await.last().expect("an event")));
        assert_eq!(heard.data["order_id"], order);
    }
}

async fn a_subscriber_that_comes_again_hears_only_what_he_missed(desk: Desk) {
    for at in 0..5 {
        desk.buy(&format!("B{at}"), "LAMP", 1).await;
    }
    let all: Vec<Told> = desk.events().await.iter().map(told).collect();
    for seen in 0..4 {
        let mut subscriber = Subscriber::open(&desk, "", Some(all[seen].id)).await;
        assert_eq!(subscriber.next().await, all[seen + 1]);
    }
    // His own memory goes before what the address says, as a browser repeats the address.
    let mut subscriber = Subscriber::open(&desk, "?after=0", Some(all[3].id)).await;
    assert_eq!(subscriber.next().await, all[4]);
    let mut subscriber = Subscriber::open(&desk, &format!("?after={}", all[1].id), None).await;
    assert_eq!(subscriber.next().await, all[2]);
}

async fn a_subscriber_may_choose_what_to_hear(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let mut lamps = Subscriber::open(&desk, "?sku=LAMP&type=Allocated", None).await;
    let mut order = Subscriber::open(&desk, "?order_id=o2", None).await;
    for (id, sku) in [("o1", "CHAIR"), ("o1", "LAMP"), ("o2", "CHAIR"), ("o2", "LAMP")] {
        let _ = desk.allocate(id, sku, 1).await.answers(201);
    }
    for (subscriber, heard) in [
        (&mut lamps, [("o1", "LAMP"), ("o2", "LAMP")]),
        (&mut order, [("o2", "CHAIR"), ("o2", "LAMP")]),
    ] {
        for (id, sku) in heard {
            let told = subscriber.next().await;
            assert_eq!((&told.data["order_id"], &told.data["sku"]), (&json!(id), &json!(sku)));
        }
    }
}

async fn nothing_is_missed_or_repeated_over_reconnects_while_writes_go_on(desk: Desk) {
    /// Clients that write side by side.
    const WRITERS: usize = 4;
    /// Commands of each; some cause two events.
    const COMMANDS: usize = 60;

    for writer in 0..WRITERS {
        desk.buy(&format!("B{writer}"), &format!("SKU{writer}"), 20).await;
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let client = desk.client.clone();
            tokio::spawn(async move {
                for at in 0..COMMANDS {
                    let sku = format!("SKU{}", (writer + at) % WRITERS);
                    let reply = client.allocate_or_wait(&format!("o{writer}-{at}"), &sku, 1).await;
                    assert!(matches!(reply.status, 201 | 202), "{}", reply.text());
                }
            })
        })
        .collect();

    // Eighty lines fit, and the last of each product tells that nothing is left; each of the others tells that it did
    // not fit, and that it waits.
    let expected = WRITERS + 80 + WRITERS + 2 * (WRITERS * COMMANDS - 80);
    let mut heard: Vec<Told> = Vec::new();
    let mut patience = 0;
    while heard.len() < expected {
        let last = heard.last().map_or(0, |told| told.id);
        let mut subscriber = Subscriber::open(&desk, "", Some(last)).await;
        // Each time a little more, so that the cut falls here and there.
        patience += 7;
        for _ in 0..patience.min(expected - heard.len()) {
            heard.push(subscriber.next().await);
        }
    }
    for writer in writers {
        writer.await.expect("a writer is served");
    }
    let all: Vec<Told> = desk.events().await.iter().map(told).collect();
    assert_eq!(all.len(), expected);
    assert_eq!(heard, all);
}

async fn an_event_that_was_never_told_can_not_be_the_last_one(desk: Desk) {
    for bad in ["x", "-1", "1.5", "99999999999999999999"] {
        let reply = desk
            .send(Method::GET, "/v1/events/stream", &[("last-event-id", bad)], "")
            .await;
        assert_eq!(reply.fields_at_fault(), ["Last-Event-ID"], "{bad}");
    }
}

async fn many_subscribers_hear_the_same(desk: Desk) {
    let mut subscribers = Vec::new();
    for _ in 0..20 {
        subscribers.push(Subscriber::open(&desk, "", None).await);
    }
    for at in 0..5 {
        desk.buy(&format!("B{at}"), "LAMP", 1).await;
    }
    let all: Vec<Told> = desk.events().await.iter().map(told).collect();
    for subscriber in &mut subscribers {
        for told in &all {
            assert_eq!(&subscriber.next().await, told);
        }
    }
}

async fn streams_end_when_the_service_drains(mut desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    let mut subscriber = Subscriber::open(&desk, "", None).await;
    assert_eq!(subscriber.next().await.event, "BatchCreated");
    desk.service.terminate();
    while subscriber.block().await.is_some() {}
    assert_eq!(desk.service.ended().await.code(), Some(0), "{}", desk.service.log());
}

on_each_database! {
    a_subscriber_hears_what_was_and_then_what_happens,
    a_subscriber_that_comes_again_hears_only_what_he_missed,
    a_subscriber_may_choose_what_to_hear,
    nothing_is_missed_or_repeated_over_reconnects_while_writes_go_on,
    an_event_that_was_never_told_can_not_be_the_last_one,
    many_subscribers_hear_the_same,
    streams_end_when_the_service_drains,
}
