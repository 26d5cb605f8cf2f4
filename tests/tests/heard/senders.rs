//! Those who send commands, and wait for answers.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use earmark_tests::servers::{NatsServer, RedisServer};
use futures::StreamExt;

/// The stream that commands come from.
const STREAM: &str = "COMMANDS";

/// For how long a stream with repeats knows an id.
pub(crate) const DUPLICATE_WINDOW: Duration = Duration::from_millis(100);

/// How many messages are on their way to the server.
const ON_THEIR_WAY: usize = 1_000;

/// The URL of the stream of a server.
pub(crate) fn nats_url(server: &NatsServer) -> String {
    format!("nats://127.0.0.1:{}/{STREAM}?ack_wait=20", server.port())
}

/// The URL of a Redis.
pub(crate) fn redis_url(server: &RedisServer) -> String {
    format!("redis://127.0.0.1:{}", server.port())
}

/// Somebody who sends commands to a stream of JetStream.
pub(crate) struct NatsSender {
    client: Client,
    context: Context,
}

impl NatsSender {
    pub(crate) async fn to(server: &NatsServer) -> Self {
        let client = async_nats::connect(format!("127.0.0.1:{}", server.port())).await;
        let client = client.expect("a connection");
        let context = jetstream::new(client.clone());
        Self { client, context }
    }

    /// Makes a stream that takes a message again under the same id.
    pub(crate) async fn make_stream_with_repeats(&self) {
        let config = Config {
            name: STREAM.to_owned(),
            subjects: vec!["commands.>".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        };
        self.context.create_stream(config).await.expect("a stream");
    }

    /// Sends messages, each under its id.
    pub(crate) async fn send<'a>(&self, messages: impl Iterator<Item = (&'a str, String)>) {
        let mut sent: VecDeque<PublishAckFuture> = VecDeque::new();
        for (id, message) in messages {
            if sent.len() >= ON_THEIR_WAY {
                let oldest = sent.pop_front().expect("the oldest");
                oldest.await.expect("it is stored");
            }
            let mut headers = HeaderMap::new();
            if !id.is_empty() {
                headers.insert("Nats-Msg-Id", id);
            }
            let published = self
                .context
                .publish_with_headers("commands.desk", headers, message.into());
            sent.push_back(published.await.expect("it is sent"));
        }
        for stored in sent {
            stored.await.expect("it is stored");
        }
    }

    /// Sends a message, and waits for the answer.
    pub(crate) async fn ask(&self, message: &str) -> serde_json::Value {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.expect("it listens");
        let mut headers = HeaderMap::new();
        headers.insert("Earmark-Reply-To", inbox.as_str());
        let published = self
            .context
            .publish_with_headers("commands.desk", headers, message.to_owned().into());
        published.await.expect("it is sent").await.expect("it is stored");
        let answer = answers.next().await.expect("an answer");
        serde_json::from_slice(&answer.payload).expect("JSON")
    }

    /// How many messages the stream has that are not done.
    pub(crate) async fn left(&self) -> Option<u64> {
        let stream = self.context.get_stream(STREAM).await.ok()?;
        Some(stream.cached_info().state.messages)
    }

    /// How many messages the stream has ever had.
    pub(crate) async fn stored(&self) -> u64 {
        let stream = self.context.get_stream(STREAM).await.expect("the stream");
        stream.cached_info().state.last_sequence
    }
}

/// A connection to a Redis.
pub(crate) async fn redis_of(server: &RedisServer) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(redis_url(server)).expect("an address");
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    connection.expect("a connection")
}

/// Sends a message to the stream of a Redis, and waits for the answer.
pub(crate) async fn ask_redis(server: &RedisServer, message: &str) -> serde_json::Value {
    let mut connection = redis_of(server).await;
    let _: String = redis::cmd("XADD")
        .arg(&[
            "earmark:commands",
            "*",
            "command",
            message,
            "reply_to",
            "earmark:reply:test",
        ])
        .query_async(&mut connection)
        .await
        .expect("it is added");
    let answer: (String, String) = redis::cmd("BLPOP")
        .arg(&["earmark:reply:test", "15"])
        .query_async(&mut connection)
        .await
        .expect("an answer");
    serde_json::from_str(&answer.1).expect("JSON")
}
