//! What a receiver gets.

use std::sync::Arc;

use earmark_application::{Books, BooksId, Epoch, LastPublished, LogPosition, Publisher};
use serde_json::Value;

use crate::receiver::{OK, Receiver, Reply};
use crate::shop::{event, events, webhook};

#[tokio::test]
async fn a_batch_has_exactly_these_bytes() {
    let receiver = Receiver::with(OK).await;
    let published = webhook(&receiver.url()).publish(&events(17..=19)).await;
    assert_eq!(published, Ok(()));

    let received = receiver.only();
    assert_eq!(
        String::from_utf8_lossy(&received.body),
        include_str!("batch.json").trim_end()
    );
    assert_eq!(received.target, "/hook");
    assert_eq!(received.header("content-type"), "application/cloudevents-batch+json");
    assert_eq!(received.header("host"), format!("127.0.0.1:{}", receiver.port()));
    assert_eq!(received.header("webhook-id"), format!("{}-1-17_1-19", "ab".repeat(16)));
}

#[tokio::test]
async fn each_event_is_a_cloud_event_with_the_body_as_its_data() {
    let receiver = Receiver::with(OK).await;
    let events = events(1..=100);
    webhook(&receiver.url())
        .publish(&events)
        .await
        .expect("it is delivered");

    let batch: Vec<Value> = serde_json::from_slice(&receiver.only().body).expect("a batch");
    assert_eq!(batch.len(), events.len());
    for (cloud_event, event) in batch.iter().zip(&events) {
        let sequence = event.event.sequence;
        assert_eq!(cloud_event["specversion"], "1.0");
        assert_eq!(cloud_event["id"], event.id.to_string());
        assert_eq!(cloud_event["source"], format!("urn:earmark:{}", event.id.books));
        assert_eq!(cloud_event["type"], format!("earmark.{}", event.event.event_type));
        assert_eq!(
            cloud_event["dataschema"],
            format!("urn:earmark:event:1:{}", event.event.event_type)
        );
        let subject = if sequence % 3 == 0 {
            format!("order-{sequence}")
        } else {
            "LAMP-\"RED\" ü".to_owned()
        };
        assert_eq!(cloud_event["subject"], subject);
        assert_eq!(cloud_event["time"], "2026-02-01T09:30:00.123456Z");
        assert_eq!(
            cloud_event["data"],
            serde_json::from_str::<Value>(&event.body).expect("JSON")
        );
    }
}

#[tokio::test]
async fn an_event_that_belongs_to_a_trace_says_so() {
    let receiver = Receiver::with(OK).await;
    let mut events = events(1..=2);
    let traced = Arc::get_mut(&mut events[0]).expect("nobody else has it");
    traced.event.correlation_id = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    webhook(&receiver.url())
        .publish(&events)
        .await
        .expect("it is delivered");
    let batch: Vec<Value> = serde_json::from_slice(&receiver.only().body).expect("a batch");
    assert_eq!(batch[0]["traceparent"], events[0].event.correlation_id);
    assert_eq!(batch[1].get("traceparent"), None);
}

#[tokio::test]
async fn a_repeated_delivery_has_the_same_id_and_the_same_bytes() {
    let replies = vec![Reply::Status(500, "", ""), Reply::Close, Reply::Hang, OK];
    let receiver = Receiver::at("127.0.0.1:0", replies).await;
    for attempt in 1..=4 {
        // As after a restart: nothing is left of the one before.
        let published = webhook(&receiver.url()).publish(&events(5..=8)).await;
        assert_eq!(published.is_ok(), attempt == 4, "{published:?}");
    }
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    for again in &received[1..] {
        assert_eq!(again.body, received[0].body);
        assert_eq!(again.header("webhook-id"), received[0].header("webhook-id"));
    }
}

#[tokio::test]
async fn other_events_are_another_delivery() {
    let receiver = Receiver::with(OK).await;
    let webhook = webhook(&receiver.url());
    for sequences in [1..=3, 1..=2, 2..=3, 1..=1, 2..=2] {
        webhook.publish(&events(sequences)).await.expect("it is delivered");
    }
    webhook
        .replay(&event(3), LogPosition::START)
        .await
        .expect("it is delivered");

    let mut ids: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    assert_eq!(receiver.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_webhook_can_not_tell_what_it_has_and_is_sent_the_same_deliveries_again() {
    let webhook = webhook("http://127.0.0.1:9/");
    let books = Books::new(BooksId::of([0xab; 16]), [Epoch { number: 1, after: 0 }].into());
    assert_eq!(webhook.last_published(&books).await, Ok(LastPublished::Unknown));
    assert!(webhook.repeats_deliveries());
    assert_eq!(webhook.publish(&[]).await, Ok(()), "of nothing, nothing is sent");
}
