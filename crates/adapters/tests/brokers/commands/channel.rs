//! The book's channel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earmark_adapters::clock::SystemClock;
use earmark_adapters::redis::{CHANGE_BATCH_QUANTITY, RedisChannelSource};
use earmark_application::{CommandSource, SourceError};
use redis::AsyncCommands;

use super::support::{WAIT, receive, text, texts};
use crate::servers::RedisServer;
use crate::support::{connection, in_time};

fn source_of(broker: &RedisServer, instance: &str) -> RedisChannelSource {
    let address = format!("redis://127.0.0.1:{}", broker.port())
        .parse()
        .expect("an address");
    RedisChannelSource::new(address, instance, Arc::new(SystemClock::new()))
}

/// Says something on the channel, and tells how many heard it.
async fn say(broker: &RedisServer, message: &str) -> usize {
    let mut connection = connection(broker.port()).await;
    let heard = connection.publish(CHANGE_BATCH_QUANTITY, message).await;
    heard.expect("it is said")
}

async fn nothing_is_heard(source: &RedisChannelSource) {
    assert_eq!(source.receive(10, WAIT).await, Ok(vec![]));
}

#[tokio::test]
async fn what_is_said_on_the_channel_is_heard() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker, "one");
        assert!(!source.redelivers());
        nothing_is_heard(&source).await;
        let said = [r#"{"batchref":"b-1","qty":5}"#, "nonsense"];
        for message in said {
            assert_eq!(say(&broker, message).await, 1);
        }
        let messages = receive(&source, 2).await;
        assert_eq!(texts(&messages), said);
        assert!(
            messages
                .iter()
                .all(|message| message.id.is_none() && message.reply_to.is_none())
        );
        say(&broker, &"x".repeat(1024 * 1024 + 1)).await;
        let long = receive(&source, 1).await.remove(0);
        assert_eq!(text(&long), "1048577 bytes");
    })
    .await;
}

#[tokio::test]
async fn one_of_several_instances_acts_and_another_takes_over() {
    in_time(async {
        let broker = RedisServer::start("");
        let (one, other) = (source_of(&broker, "one"), source_of(&broker, "other"));
        nothing_is_heard(&one).await;
        nothing_is_heard(&other).await;
        assert_eq!(say(&broker, "first").await, 2);
        assert_eq!(texts(&receive(&one, 1).await), ["first"]);
        nothing_is_heard(&other).await;
        // What is said when the one is gone and its lease is not over is heard by the other.
        let gone = Instant::now();
        drop(one);
        tokio::time::sleep(Duration::from_secs(2)).await;
        say(&broker, "second").await;
        let heard = texts(&receive(&other, 1).await);
        assert!(heard.contains(&"second".to_owned()), "{heard:?}");
        assert!(gone.elapsed() < Duration::from_secs(10), "{:?}", gone.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_told_of_and_made_again() {
    in_time(async {
        let mut broker = RedisServer::start("");
        let source = source_of(&broker, "one");
        nothing_is_heard(&source).await;
        say(&broker, "first").await;
        // The server answers one who asks anew after it has sent what it owes to all others.
        let () = redis::cmd("PING")
            .query_async(&mut connection(broker.port()).await)
            .await
            .expect("it answers");
        broker.kill();
        // What was heard before is not lost with it.
        assert_eq!(texts(&receive(&source, 1).await), ["first"]);
        let lost = source.receive(1, Duration::from_secs(8)).await;
        assert!(matches!(lost, Err(SourceError::Unavailable { .. })), "{lost:?}");
        broker.start_again();
        nothing_is_heard(&source).await;
        say(&broker, "second").await;
        assert_eq!(texts(&receive(&source, 1).await), ["second"]);
    })
    .await;
}

#[tokio::test]
async fn a_server_without_memory_takes_the_lease_from_nobody() {
    in_time(async {
        let broker = RedisServer::start("maxmemory-policy noeviction");
        let source = source_of(&broker, "one");
        nothing_is_heard(&source).await;
        let () = redis::cmd("CONFIG")
            .arg(&["SET", "maxmemory", "100kb"])
            .query_async(&mut connection(broker.port()).await)
            .await
            .expect("it is set");
        // For longer than a lease is.
        let full = Instant::now();
        while full.elapsed() < Duration::from_secs(7) {
            nothing_is_heard(&source).await;
        }
        say(&broker, "first").await;
        assert_eq!(texts(&receive(&source, 1).await), ["first"]);
    })
    .await;
}
