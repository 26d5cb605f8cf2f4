//! What holds on Redis alone: entries, their number, and the book's channel.

use std::sync::Arc;

use earmark_application::{LastPublished, LogPosition, PublishError, Publisher};
use futures::StreamExt;
use redis::AsyncCommands;
use redis::streams::{StreamInfoStreamReply, StreamRangeReply};

use super::log::{Log, stored};
use super::relay::deliver;
use super::servers::RedisServer;
use super::support::{Broker, connection, in_time, redis_publisher};

fn place(sequence: u64) -> LastPublished {
    LastPublished::Event(LogPosition { epoch: 1, sequence })
}

#[tokio::test]
async fn an_entry_is_the_event_at_its_place() {
    in_time(async {
        let (broker, mut log) = (RedisServer::start(""), Log::of(17));
        let traced = Arc::get_mut(&mut log.events[16]).expect("nobody else has it");
        traced.event.correlation_id = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
        let url = format!("redis://127.0.0.1:{}/2?stream=the%20events", broker.port());
        deliver(&redis_publisher(&url), &log, 5).await;
        let mut connection = connection(broker.port()).await;
        redis::cmd("SELECT")
            .arg(2)
            .exec_async(&mut connection)
            .await
            .expect("a database");
        let found: StreamRangeReply = connection.xrange_all("the events").await.expect("entries");
        let last = &found.ids[16];
        let field = |name| last.get::<String>(name).expect(name);
        assert_eq!(last.id, "1-17000000");
        assert_eq!(field("id"), log.events[16].id.to_string());
        assert_eq!(
            (field("type").as_str(), field("event")),
            ("StockDepleted", log.events[16].body.clone())
        );
        assert_eq!(field("traceparent"), log.events[16].event.correlation_id);
        assert_eq!(found.ids[15].get::<String>("traceparent"), None);
    })
    .await;
}

#[tokio::test]
async fn a_stream_keeps_about_as_many_entries_as_it_may() {
    in_time(async {
        let (broker, log) = (RedisServer::start(""), Log::of(3_000));
        let publisher = redis_publisher(&format!("redis://127.0.0.1:{}?maxlen=500", broker.port()));
        deliver(&publisher, &log, 1_000).await;
        let mut connection = connection(broker.port()).await;
        let length: usize = connection.xlen("earmark").await.expect("a length");
        assert!((500..700).contains(&length), "{length}");
        // Its last id outlives its entries.
        let _: usize = redis::cmd("XTRIM")
            .arg(&["earmark", "MAXLEN", "0"])
            .query_async(&mut connection)
            .await
            .expect("it is emptied");
        assert_eq!(publisher.last_published(&log.books).await, Ok(place(3_000)));
        let next = &Log::of(3_001).events[3_000..];
        publisher.publish(next).await.expect("it is published");
        assert_eq!(broker.stored().await, stored(next));
    })
    .await;
}

#[tokio::test]
async fn the_books_channel_is_told_of_each_batch_once() {
    in_time(async {
        let broker = RedisServer::start("");
        let allocated = r#"{"order_id":"order1","line_id":"l1","quantity":10,"split":true,"placed_with_order":true,
            "placed_at":"2026-01-01T00:00:00Z",
            "allocations":[{"batch":"early","quantity":7},{"batch":"later","quantity":3}],
            "from_backlog":false,"promised_on":"2026-02-28"}"#;
        let moved = r#"{"order_id":"order1","line_id":"l1","from":[{"batch":"early","quantity":7}],
            "to":[{"batch":"later","quantity":7}],"why":{"batch_quantity_changed":"early"},
            "promised_from":"2026-02-28","promised_to":"2026-03-01"}"#;
        let log = Log::of(4).with(1, "Allocated", allocated).with(2, "Reallocated", moved);
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", broker.port())).expect("an address");
        let mut channel = client.get_async_pubsub().await.expect("a connection");
        channel.subscribe("line_allocated").await.expect("it listens");

        let (publisher, rival) = (broker.publisher(), broker.publisher());
        for publisher in [&publisher, &rival] {
            publisher.last_published(&log.books).await.expect("it answers");
        }
        publisher.publish(&log.events).await.expect("it is published");
        rival.publish(&log.events).await.expect_err("it is there already");
        let mut connection = connection(broker.port()).await;
        let _: usize = connection
            .publish("line_allocated", "the end")
            .await
            .expect("it is told");

        let mut messages = channel.on_message();
        for wanted in [
            r#"{"orderid":"order1","sku":"LAMP 2","qty":7,"batchref":"early"}"#,
            r#"{"orderid":"order1","sku":"LAMP 2","qty":3,"batchref":"later"}"#,
            r#"{"orderid":"order1","sku":"LAMP 3","qty":7,"batchref":"later"}"#,
            "the end",
        ] {
            let message = messages.next().await.expect("a message");
            assert_eq!(message.get_payload::<String>().expect("a text"), wanted);
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_can_not_be_read_is_named_and_those_before_it_arrive() {
    in_time(async {
        let (broker, log) = (RedisServer::start(""), Log::of(5).with(3, "Allocated", "{}"));
        let publisher = broker.publisher();
        publisher.last_published(&log.books).await.expect("it answers");
        let refused = publisher.publish(&log.events).await;
        assert!(
            matches!(refused, Err(PublishError::Refused { index: 3, .. })),
            "{refused:?}"
        );
        assert_eq!(broker.stored().await, stored(&log.events[..3]));
    })
    .await;
}

#[tokio::test]
async fn a_consumer_may_be_there_before_the_first_event() {
    in_time(async {
        let (broker, log) = (RedisServer::start(""), Log::of(2));
        let mut connection = connection(broker.port()).await;
        let _: () = connection
            .xgroup_create_mkstream("earmark", "readers", "$")
            .await
            .expect("a group");
        let publisher = broker.publisher();
        assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Nothing));
        publisher.publish(&log.events).await.expect("it is published");
        let info: StreamInfoStreamReply = connection.xinfo_stream("earmark").await.expect("its state");
        assert_eq!((info.groups, info.length), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_unfit() {
    in_time(async {
        let (broker, log) = (RedisServer::start(""), Log::of(1));
        let _: () = connection(broker.port())
            .await
            .set("earmark", "text")
            .await
            .expect("it is set");
        let answer = broker.publisher().last_published(&log.books).await;
        assert!(matches!(answer, Err(PublishError::Unfit(_))), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_without_memory_takes_nothing_of_a_call() {
    in_time(async {
        let (broker, log) = (RedisServer::start("maxmemory 3mb"), Log::of(60_000));
        let publisher = broker.publisher();
        publisher.last_published(&log.books).await.expect("it answers");
        let mut at = 0;
        let refused = loop {
            match publisher.publish(&log.events[at..at + 1_000]).await {
                Ok(()) => at += 1_000,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, PublishError::Unavailable { .. }), "{refused:?}");
        assert_eq!(broker.stored().await, stored(&log.events[..at]));
    })
    .await;
}

#[tokio::test]
async fn who_may_not_publish_to_the_books_channel_is_told_so_and_nothing_is_written() {
    in_time(async {
        let broker = RedisServer::start("user relay on >r ~* resetchannels +@all");
        let allocated = r#"{"order_id":"order1","line_id":"l1","quantity":10,"split":true,"placed_with_order":true,
            "placed_at":"2026-01-01T00:00:00Z","allocations":[{"batch":"early","quantity":10}],
            "from_backlog":false,"promised_on":"2026-02-28"}"#;
        let log = Log::of(3).with(1, "Allocated", allocated);
        let publisher = redis_publisher(&format!("redis://relay:r@127.0.0.1:{}", broker.port()));
        publisher.last_published(&log.books).await.expect("it answers");
        let Err(PublishError::Unfit(why)) = publisher.publish(&log.events).await else {
            unreachable!("it may not");
        };
        assert!(why.contains("may not publish to the channel line_allocated"), "{why}");
        assert_eq!(broker.stored().await, []);
        let () = redis::cmd("ACL")
            .arg(&["SETUSER", "relay", "&line_allocated"])
            .query_async(&mut connection(broker.port()).await)
            .await
            .expect("it may");
        deliver(&publisher, &log, 3).await;
        assert_eq!(broker.stored().await, log.stored());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_keeps_nothing_begins_anew() {
    in_time(async {
        let (mut broker, log) = (RedisServer::start("appendonly no"), Log::of(20));
        let publisher = broker.publisher();
        deliver(&*publisher, &log, 20).await;
        broker.kill();
        broker.start_again();
        publisher
            .publish(&Log::of(21).events[20..])
            .await
            .expect_err("it is not where it was");
        assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Nothing));
        deliver(&*publisher, &log, 20).await;
        assert_eq!(broker.stored().await, log.stored());
    })
    .await;
}

#[tokio::test]
async fn who_connects_is_asked_for_the_password() {
    in_time(async {
        let (broker, log) = (RedisServer::start("requirepass \"s@fe\""), Log::of(1));
        let at = broker.port();
        let publisher = redis_publisher(&format!("redis://:s%40fe@127.0.0.1:{at}"));
        deliver(&publisher, &log, 1).await;
        let publisher = redis_publisher(&format!("redis://:secret@127.0.0.1:{at}"));
        let refused = publisher.last_published(&log.books).await;
        assert!(matches!(refused, Err(PublishError::Unavailable { .. })), "{refused:?}");
        assert!(!format!("{refused:?} {publisher:?}").contains("secret"));
    })
    .await;
}
