//! What holds of Redis Streams alone: groups that are lost, entries that are no commands, readers beside.

use std::time::Duration;

use earmark_application::{CommandSource, Reply, SourceError};
use redis::AsyncCommands;
use redis::streams::StreamInfoConsumersReply;

use super::support::{CommandBroker, has_length, ids, numbered, open, redis_source, take, texts};
use crate::servers::RedisServer;
use crate::support::{connection, in_time};

const STREAM: &str = "earmark:commands";

fn source_of(broker: &RedisServer) -> impl CommandSource {
    let url = format!("redis://127.0.0.1:{}?ack_wait=20", broker.port());
    redis_source(&url, "one")
}

async fn add(broker: &RedisServer, id: &str, fields: &[(&str, &str)]) {
    let mut connection = connection(broker.port()).await;
    let added: String = connection.xadd(STREAM, id, fields).await.expect("it is added");
    assert!(id == "*" || added == id);
}

#[tokio::test]
async fn a_server_that_has_lost_everything_is_used_on() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        broker.send(&numbered(0..5)).await;
        take(&source, 2).await;
        let () = redis::cmd("FLUSHALL")
            .query_async(&mut connection(broker.port()).await)
            .await
            .expect("all is lost");
        // What is there before the group is taken, too.
        broker.send(&numbered(10..15)).await;
        assert_eq!(
            texts(&take(&source, 5).await),
            ["command 10", "command 11", "command 12", "command 13", "command 14"]
        );
    })
    .await;
}

#[tokio::test]
async fn an_entry_without_a_command_is_told_as_what_it_is() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        add(&broker, "*", &[("greeting", "hello"), ("to", "all")]).await;
        add(&broker, "*", &[("command", ""), ("id", "empty")]).await;
        let messages = take(&source, 2).await;
        assert_eq!(
            texts(&messages),
            ["an entry without the field command: greeting=hello to=all", ""]
        );
        has_length(&broker, 0).await;
    })
    .await;
}

/// Senders may choose the ids of entries, and a server that has lost its end takes one again for another command.
#[tokio::test]
async fn another_command_in_the_place_of_a_lost_one_has_another_id() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        let mut seen = Vec::new();
        for command in ["first", "second", "first"] {
            add(&broker, "7-1", &[("command", command)]).await;
            seen.extend(ids(&take(&source, 1).await));
            let _: usize = connection(broker.port()).await.del(STREAM).await.expect("it is lost");
        }
        assert!(seen[0].contains("7-1:"), "{seen:?}");
        assert_ne!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
    })
    .await;
}

#[tokio::test]
async fn entries_stay_while_others_read_the_stream() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        let mut connection = connection(broker.port()).await;
        let () = connection.xgroup_create(STREAM, "others", "0").await.expect("a group");
        broker.send(&numbered(0..3)).await;
        take(&source, 3).await;
        has_length(&broker, 3).await;
        let _: bool = connection.xgroup_destroy(STREAM, "others").await.expect("it is gone");
        broker.send(&numbered(3..5)).await;
        take(&source, 2).await;
        has_length(&broker, 3).await;
    })
    .await;
}

#[tokio::test]
async fn entries_that_were_deleted_are_waited_for_no_more() {
    in_time(async {
        let broker = RedisServer::start("");
        let url = format!("redis://127.0.0.1:{}?ack_wait=20", broker.port());
        let mut connection = connection(broker.port()).await;
        {
            let gone = redis_source(&url, "one");
            open(&gone).await;
            broker.send(&numbered(0..10)).await;
            super::support::receive(&gone, 10).await;
        }
        let _: usize = connection
            .xtrim(STREAM, redis::streams::StreamMaxlen::Equals(4))
            .await
            .expect("a bound");
        // The same process begins a new session.
        let source = redis_source(&url, "one");
        assert_eq!(take(&source, 4).await.len(), 4);
        let info: StreamInfoConsumersReply = connection.xinfo_consumers(STREAM, "earmark").await.expect("its state");
        let pending: usize = info.consumers.iter().map(|consumer| consumer.pending).sum();
        assert_eq!(pending, 0);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_no_stream_is_unfit() {
    in_time(async {
        let broker = RedisServer::start("");
        let () = connection(broker.port())
            .await
            .set(STREAM, "text")
            .await
            .expect("it is set");
        let answer = source_of(&broker).receive(1, Duration::ZERO).await;
        assert!(matches!(answer, Err(SourceError::Unfit(_))), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn lists_of_answers_have_a_bound_and_end_by_themselves() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        let mut connection = connection(broker.port()).await;
        let () = connection.set("earmark:reply:text", "mine").await.expect("it is set");
        let reply = |to: &str, number: usize| Reply {
            to: to.into(),
            body: number.to_string(),
        };
        let mut replies: Vec<Reply> = (0..1_200).map(|number| reply("earmark:reply:desk", number)).collect();
        replies.push(reply("earmark:reply:text", 0));
        source.reply(&replies).await.expect("they are sent");
        let answers: Vec<String> = connection.lrange("earmark:reply:desk", 0, -1).await.expect("a list");
        assert_eq!(
            (answers.len(), answers[0].as_str(), answers[999].as_str()),
            (1_000, "200", "1199")
        );
        let left: i64 = connection.ttl("earmark:reply:desk").await.expect("an end");
        assert!((1..=600).contains(&left), "{left}");
        let mine: String = connection.get("earmark:reply:text").await.expect("it is there");
        assert_eq!(mine, "mine");
    })
    .await;
}

#[tokio::test]
async fn who_connects_is_asked_for_the_password() {
    in_time(async {
        let broker = RedisServer::start("requirepass \"s@fe\"");
        let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", broker.port());
        open(&redis_source(&url("s%40fe"), "one")).await;
        let source = redis_source(&url("secret"), "one");
        let refused = source.receive(1, Duration::ZERO).await;
        assert!(matches!(refused, Err(SourceError::Unavailable { .. })), "{refused:?}");
        assert!(!format!("{refused:?} {source:?}").contains("secret"));
    })
    .await;
}
