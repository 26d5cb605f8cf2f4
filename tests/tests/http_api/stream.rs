//! The event stream: live, resumed, and without a gap or a repeat.

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Documented, in_time};
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::{Value, json};

/// Where the document says what an event is.
const EVENT: &str = "/components/schemas/Event";

/// A subscriber with its connection.
struct Subscriber {
    chunks: BoxStream<'static, Vec<u8>>,
    pending: Vec<u8>,
}

/// One event as received.
#[derive(Debug, Clone, PartialEq)]
struct Received {
    /// The cursor behind it.
    id: String,
    event: String,
    data: Value,
}

impl Subscriber {
    async fn open(client: &Client, query: &str, last: Option<&str>) -> Self {
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
            .map(|chunk| chunk.expect("the stream is open").to_vec());
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
                .extend(in_time("an event arrives", self.chunks.next()).await?);
        }
    }

    /// The next event.
    async fn next(&mut self) -> Received {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let field = |name: &str| {
                let value = block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
                Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
            };
            // A comment, or the time until a reconnect.
            let Some(data) = field("data") else { continue };
            let documented = Documented::service().check_json(EVENT, &data);
            documented.expect("an event is as documented");
            return Received {
                id: field("id").expect("an event has an id"),
                event: field("event").expect("an event has a type"),
                data: serde_json::from_str(&data).expect("an event is JSON"),
            };
        }
    }
}

fn received(event: &Value) -> Received {
    Received {
        id: format!("1-{}", event["sequence"]),
        event: event["type"].as_str().expect("a type").to_owned(),
        data: event.clone(),
    }
}

async fn a_subscriber_gets_past_events_and_then_new_ones(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let mut subscriber = Subscriber::open(&desk, "", None).await;
    assert_eq!(subscriber.next().await, received(&desk.events().await[0]));
    for order in ["o1", "o2", "o3"] {
        let _ = desk.allocate(order, "LAMP", 1).await.answers(201);
        let event = subscriber.next().await;
        assert_eq!(event, received(desk.events().await.last().expect("an event")));
        assert_eq!(event.data["order_id"], order);
    }
}

async fn a_subscriber_that_reconnects_gets_only_what_it_missed(desk: Desk) {
    for at in 0..5 {
        desk.buy(&format!("B{at}"), "LAMP", 1).await;
    }
    let all: Vec<Received> = desk.events().await.iter().map(received).collect();
    for seen in 0..4 {
        let mut subscriber = Subscriber::open(&desk, "", Some(&all[seen].id)).await;
        assert_eq!(subscriber.next().await, all[seen + 1]);
    }
    // `Last-Event-ID` precedes `after`, since a browser reconnects with the same address.
    let mut subscriber = Subscriber::open(&desk, "?after=0", Some(&all[3].id)).await;
    assert_eq!(subscriber.next().await, all[4]);
    let mut subscriber = Subscriber::open(&desk, &format!("?after={}", all[1].id), None).await;
    assert_eq!(subscriber.next().await, all[2]);
}

async fn a_subscriber_may_begin_now(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let mut subscriber = Subscriber::open(&desk, "?after=now", None).await;
    desk.buy("B2", "LAMP", 10).await;
    let event = subscriber.next().await;
    assert_eq!(event, received(desk.events().await.last().expect("an event")));
    // Where a reader of pages goes on, a subscriber does, too.
    let page = desk.get("/v1/events?after=now").await.answers(200);
    let mut subscriber = Subscriber::open(&desk, "", page["next"].as_str()).await;
    desk.buy("B3", "LAMP", 10).await;
    assert_eq!(subscriber.next().await.data["data"]["reference"], "B3");
}

async fn a_subscriber_may_filter_events(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy("B2", "CHAIR", 10).await;
    let mut lamps = Subscriber::open(&desk, "?sku=LAMP&type=Allocated", None).await;
    let mut order = Subscriber::open(&desk, "?order_id=o2", None).await;
    for (id, sku) in [("o1", "CHAIR"), ("o1", "LAMP"), ("o2", "CHAIR"), ("o2", "LAMP")] {
        let _ = desk.allocate(id, sku, 1).await.answers(201);
    }
    for (subscriber, expected) in [
        (&mut lamps, [("o1", "LAMP"), ("o2", "LAMP")]),
        (&mut order, [("o2", "CHAIR"), ("o2", "LAMP")]),
    ] {
        for (id, sku) in expected {
            let event = subscriber.next().await;
            assert_eq!((&event.data["order_id"], &event.data["sku"]), (&json!(id), &json!(sku)));
        }
    }
}

async fn no_event_is_missed_or_repeated_over_reconnects_during_writes(desk: Desk) {
    /// Concurrent writers.
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

    // Eighty lines fit, and the last of each product depletes it. Each of the others causes a shortage and a backorder.
    let expected = WRITERS + 80 + WRITERS + 2 * (WRITERS * COMMANDS - 80);
    let mut read: Vec<Received> = Vec::new();
    let mut before_reconnect = 0;
    while read.len() < expected {
        let last = read.last().map(|event| event.id.as_str());
        let mut subscriber = Subscriber::open(&desk, "", last).await;
        // A little more each time, so that the reconnects are at various events.
        before_reconnect += 7;
        for _ in 0..before_reconnect.min(expected - read.len()) {
            read.push(subscriber.next().await);
        }
    }
    for writer in writers {
        writer.await.expect("a writer is served");
    }
    let all: Vec<Received> = desk.events().await.iter().map(received).collect();
    assert_eq!(all.len(), expected);
    assert_eq!(read, all);
}

async fn an_invalid_last_event_id_is_a_fault(desk: Desk) {
    for bad in ["x", "-1", "1.5", "99999999999999999999"] {
        let reply = desk
            .send(Method::GET, "/v1/events/stream", &[("last-event-id", bad)], "")
            .await;
        assert_eq!(reply.fields_at_fault(), ["Last-Event-ID"], "{bad}");
    }
}

async fn many_subscribers_get_the_same_events(desk: Desk) {
    let mut subscribers = Vec::new();
    for _ in 0..20 {
        subscribers.push(Subscriber::open(&desk, "", None).await);
    }
    for at in 0..5 {
        desk.buy(&format!("B{at}"), "LAMP", 1).await;
    }
    let all: Vec<Received> = desk.events().await.iter().map(received).collect();
    for subscriber in &mut subscribers {
        for event in &all {
            assert_eq!(&subscriber.next().await, event);
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
    a_subscriber_gets_past_events_and_then_new_ones,
    a_subscriber_that_reconnects_gets_only_what_it_missed,
    a_subscriber_may_begin_now,
    a_subscriber_may_filter_events,
    no_event_is_missed_or_repeated_over_reconnects_during_writes,
    an_invalid_last_event_id_is_a_fault,
    many_subscribers_get_the_same_events,
    streams_end_when_the_service_drains,
}
