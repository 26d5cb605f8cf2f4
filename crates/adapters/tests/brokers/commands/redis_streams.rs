//! What holds of Redis Streams alone: groups that are lost, entries that are no commands, readers beside.

use std::collections::BTreeSet;
use std::time::Duration;

use earmark_application::{CommandSource, Reply, SourceError};
use redis::AsyncCommands;
use redis::streams::StreamInfoConsumersReply;

use super::support::{CommandBroker, deliveries, has_length, ids, numbered, open, receive, redis_source, take, texts};
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

/// Lets the server take nothing more, or as much as comes.
async fn set_memory(broker: &RedisServer, most: &str) {
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", most])
        .query_async(&mut connection(broker.port()).await)
        .await
        .expect("it is set");
}

#[tokio::test]
async fn a_server_without_memory_can_be_emptied() {
    in_time(async {
        let broker = RedisServer::start("maxmemory-policy noeviction");
        open(&source_of(&broker)).await;
        broker.send(&numbered(0..100)).await;
        set_memory(&broker, "100kb").await;
        let refused: Result<String, _> = connection(broker.port()).await.xadd(STREAM, "*", &[("a", "b")]).await;
        assert_eq!(refused.expect_err("it is full").code(), Some("OOM"));
        // A session that begins now, as after a restart.
        let source = source_of(&broker);
        let messages = receive(&source, 100).await;
        let answer = Reply {
            to: "earmark:reply:desk".into(),
            body: "{}".to_owned(),
        };
        source.reply(&[answer]).await.expect("it is lost, and nothing else");
        let done = source.acknowledge(&deliveries(&messages)).await;
        done.expect("the session stands");
        has_length(&broker, 0).await;
    })
    .await;
}

/// A sender that names a list which the service may not write to gets no answer, and keeps no other from one.
#[tokio::test]
async fn an_answer_that_can_not_be_written_disturbs_nobody() {
    in_time(async {
        let keys = "~earmark:commands ~earmark:reply:desk* resetchannels";
        let broker = RedisServer::start(&format!("user earmark on >e {keys} +@all"));
        let url = format!("redis://earmark:e@127.0.0.1:{}?ack_wait=20", broker.port());
        let source = redis_source(&url, "one");
        open(&source).await;
        broker.send(&numbered(0..1)).await;
        let messages = receive(&source, 1).await;
        let mut connection = connection(broker.port()).await;
        let () = connection
            .set("earmark:reply:desk:text", "mine")
            .await
            .expect("it is set");
        let lists = ["shop", "desk", "desk:text", "desk:2", "desk"];
        let replies = lists.map(|list| Reply {
            to: format!("earmark:reply:{list}").into(),
            body: "{}".to_owned(),
        });
        source.reply(&replies).await.expect("nothing is wrong with that");
        for (list, wanted) in [("shop", 0), ("desk", 2), ("desk:2", 1)] {
            let length: usize = connection.llen(format!("earmark:reply:{list}")).await.expect("a list");
            assert_eq!(length, wanted, "{list}");
        }
        let done = source.acknowledge(&deliveries(&messages)).await;
        done.expect("the session stands");
        has_length(&broker, 0).await;
    })
    .await;
}

#[tokio::test]
async fn ids_and_fields_of_any_bytes_are_told_apart() {
    in_time(async {
        let broker = RedisServer::start("");
        let source = source_of(&broker);
        let mut connection = connection(broker.port()).await;
        let mut add = async |id: &[u8]| {
            let fields: [(&[u8], &[u8]); 3] = [(b"command", b"{}"), (b"id", id), (b"\xff", b"\xff")];
            let added: Result<String, _> = connection.xadd(STREAM, "*", &fields).await;
            added.expect("it is added");
        };
        open(&source).await;
        // Once it waits for them, and once they are there before.
        let first = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            add(b"\xff").await;
        };
        let (received, ()) = tokio::join!(source.receive(1, Duration::from_secs(5)), first);
        let mut messages = received.expect("nothing is wrong with that");
        for id in [&b"\xfe"[..], b"\xff", "\u{fffd}".as_bytes()] {
            add(id).await;
        }
        messages.extend(receive(&source, 3).await);
        let ids = ids(&messages);
        assert_eq!(ids[0], ids[2]);
        assert_eq!(BTreeSet::from_iter(&ids).len(), 3, "{ids:?}");
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
