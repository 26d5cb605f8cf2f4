//! What holds of JetStream alone: streams and consumers of others, and permissions.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull, push};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use earmark_application::{CommandSource, Message, Reply, SourceError};

use super::support::{CommandBroker, Sent, has_length, nats_source, numbered, open, receive, take, texts};
use crate::servers::NatsServer;
use crate::support::{context, in_time};

fn source_of(broker: &NatsServer) -> impl CommandSource {
    nats_source(&format!("nats://127.0.0.1:{}/COMMANDS?ack_wait=20", broker.port()))
}

fn is_unfit(outcome: &Result<Vec<Message>, SourceError>) -> bool {
    matches!(outcome, Err(SourceError::Unfit(_)))
}

pub(super) async fn make(broker: &NatsServer, subjects: &[&str], retention: RetentionPolicy) {
    let config = Config {
        name: "COMMANDS".to_owned(),
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        retention,
        ..Config::default()
    };
    let made = context(broker.port()).await.create_stream(config).await;
    made.expect("a stream");
}

pub(super) async fn add(broker: &NatsServer, config: pull::Config) {
    let stream = context(broker.port()).await.get_stream("COMMANDS").await;
    let config = pull::Config {
        durable_name: Some("earmark".to_owned()),
        ..config
    };
    stream
        .expect("the stream")
        .create_consumer(config)
        .await
        .expect("a consumer");
}

pub(super) fn explicit() -> pull::Config {
    pull::Config {
        ack_policy: AckPolicy::Explicit,
        max_deliver: -1,
        ..pull::Config::default()
    }
}

#[tokio::test]
async fn a_stream_is_made_as_a_work_queue_in_files() {
    in_time(async {
        let broker = NatsServer::start("");
        open(&source_of(&broker)).await;
        let stream = context(broker.port()).await.get_stream("COMMANDS").await;
        let stream = stream.expect("it is there");
        let config = &stream.cached_info().config;
        assert_eq!(config.subjects, ["commands.>", "commands"]);
        assert_eq!(
            (config.retention, config.storage),
            (RetentionPolicy::WorkQueue, StorageType::File)
        );
        let consumer = stream.consumer_info("earmark").await.expect("it is there").config;
        assert_eq!((consumer.ack_policy, consumer.max_deliver), (AckPolicy::Explicit, -1));
        assert_eq!(
            (consumer.ack_wait, consumer.max_ack_pending),
            (Duration::from_secs(20), 20_000)
        );
    })
    .await;
}

#[tokio::test]
async fn a_stream_and_a_consumer_of_others_are_used_if_they_can_be() {
    in_time(async {
        let broker = NatsServer::start("");
        make(&broker, &["desk.*", "commands.desk"], RetentionPolicy::Limits).await;
        let limits = pull::Config {
            max_batch: 3,
            max_bytes: 100_000,
            max_expires: Duration::from_secs(2),
            max_ack_pending: 50,
            ..explicit()
        };
        add(&broker, limits).await;
        let source = source_of(&broker);
        broker.send(&numbered(0..10)).await;
        assert_eq!(take(&source, 10).await.len(), 10);
        has_length(&broker, 10).await;
        // Longer than a pull may wait in the server.
        for _ in 0..6 {
            assert_eq!(source.receive(1, Duration::from_millis(500)).await, Ok(vec![]));
        }
        broker.send(&numbered(10..11)).await;
        assert_eq!(texts(&take(&source, 1).await), ["command 10"]);
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_would_give_messages_up_is_unfit() {
    in_time(async {
        for config in [
            pull::Config {
                max_deliver: 5,
                ..explicit()
            },
            pull::Config {
                ack_wait: Duration::from_secs(2),
                ..explicit()
            },
            pull::Config {
                headers_only: true,
                ..explicit()
            },
        ] {
            let broker = NatsServer::start("");
            make(&broker, &["commands.>"], RetentionPolicy::Limits).await;
            add(&broker, config).await;
            let answer = source_of(&broker).receive(1, Duration::ZERO).await;
            assert!(is_unfit(&answer), "{answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_is_pushed_to_and_a_stream_of_events_are_unfit() {
    in_time(async {
        let broker = NatsServer::start("");
        make(&broker, &["commands.>"], RetentionPolicy::Limits).await;
        let stream = context(broker.port()).await.get_stream("COMMANDS").await;
        let pushed = push::Config {
            durable_name: Some("earmark".to_owned()),
            deliver_subject: "somewhere".to_owned(),
            ..push::Config::default()
        };
        let added = stream.expect("the stream").create_consumer(pushed).await;
        added.expect("a consumer");
        let answer = source_of(&broker).receive(1, Duration::ZERO).await;
        assert!(is_unfit(&answer), "{answer:?}");

        let broker = NatsServer::start("");
        make(&broker, &["earmark.>"], RetentionPolicy::Limits).await;
        let answer = source_of(&broker).receive(1, Duration::ZERO).await;
        assert!(is_unfit(&answer), "{answer:?}");
        let stream = context(broker.port()).await.get_stream("COMMANDS").await;
        let state = stream.expect("the stream").cached_info().state.clone();
        assert_eq!(state.consumer_count, 0, "it is left alone");
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_is_deleted_is_made_again_and_nothing_is_lost() {
    in_time(async {
        let broker = NatsServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        broker.send(&numbered(0..10)).await;
        take(&source, 5).await;
        let stream = context(broker.port()).await.get_stream("COMMANDS").await;
        let deleted = stream.expect("the stream").delete_consumer("earmark").await;
        deleted.expect("it is deleted");
        broker.send(&numbered(10..12)).await;
        // Those that it had delivered come again.
        let mut seen = BTreeSet::new();
        while seen.len() < 7 {
            seen.extend(texts(&take(&source, 1).await));
        }
        let left: BTreeSet<String> = (5..12).map(|number| format!("command {number}")).collect();
        assert_eq!(seen, left);
    })
    .await;
}

/// A sender that names a subject which the service may not publish to gets no answer, and ends no session by it.
#[tokio::test]
async fn an_answer_that_is_not_permitted_disturbs_nobody() {
    in_time(async {
        let broker = NatsServer::start(
            "authorization { users: [
                { user: earmark, password: e, permissions: { publish: [\"$JS.>\", \"desk.>\"], subscribe: [\"_INBOX.>\"] } }
                { user: desk, password: d }
            ] }
            no_auth_user: desk",
        );
        let url = format!("nats://earmark:e@127.0.0.1:{}/COMMANDS?ack_wait=20", broker.port());
        let source = nats_source(&url);
        open(&source).await;
        let asking = Sent {
            reply_to: Some("elsewhere".to_owned()),
            ..Sent::of("{}")
        };
        broker.send(&[asking]).await;
        let message = receive(&source, 1).await.remove(0);
        let reply = Reply {
            to: message.reply_to.clone().expect("an address"),
            body: "{}".to_owned(),
        };
        source.reply(&[reply]).await.expect("nothing is wrong with that");
        assert_eq!(source.receive(1, Duration::from_millis(500)).await, Ok(vec![]));
        let acknowledged = source.acknowledge(&[message.delivery]).await;
        acknowledged.expect("the session stands");
        open(&source).await;
        has_length(&broker, 0).await;
    })
    .await;
}
