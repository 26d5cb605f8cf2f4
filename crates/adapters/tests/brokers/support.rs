//! The brokers as the cases see them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_trait::async_trait;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::nats::NatsPublisher;
use earmark_adapters::redis::RedisPublisher;
use earmark_application::Publisher;
use futures::StreamExt;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;

use super::log::Stored;
use super::servers::{FilesCopy, NatsServer, RedisServer};

/// So many messages are asked for at once.
const READ_AT_ONCE: usize = 200;

/// A case may take so long on a busy machine.
pub(crate) async fn in_time<T>(case: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(120);
    tokio::time::timeout(limit, case).await.expect("the case ends in time")
}

/// A broker with one stream.
#[async_trait]
pub(crate) trait Broker: Send + Sync + Sized {
    /// What the server is told to take no message that is larger than a mebibyte.
    const MEBIBYTE_AT_MOST: &'static str;

    fn start(configuration: &str) -> Self;
    fn port(&self) -> u16;
    /// A publisher that reaches the broker by a port.
    fn publisher_by(port: u16) -> Arc<dyn Publisher>;
    fn publisher(&self) -> Arc<dyn Publisher> {
        Self::publisher_by(self.port())
    }
    /// All that the stream has, in its order.
    async fn stored(&self) -> Vec<Stored>;
    /// Adds something to the stream that is no event.
    async fn add_something_else(&self);
    /// Loses all that the stream has, while connections stand.
    async fn lose_all(&self);
    fn kill(&mut self);
    fn start_again(&mut self);
    fn copy_files(&self) -> FilesCopy;
    fn put_back(&mut self, copy: &FilesCopy);
}

#[async_trait]
impl Broker for NatsServer {
    const MEBIBYTE_AT_MOST: &'static str = "max_payload: 1048576";

    fn start(configuration: &str) -> Self {
        Self::start(configuration)
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn publisher_by(port: u16) -> Arc<dyn Publisher> {
        Arc::new(nats_publisher(&format!("nats://127.0.0.1:{port}/EVENTS")))
    }

    async fn stored(&self) -> Vec<Stored> {
        let context = context(self.port()).await;
        let stream = context.get_stream("EVENTS").await.expect("the stream");
        let state = &stream.cached_info().state;
        let read = async |sequence| match stream.get_raw_message(sequence).await {
            Ok(message) => {
                let id = message.headers.get("Nats-Msg-Id").map_or("", |id| id.as_str());
                Some((id.to_owned(), String::from_utf8_lossy(&message.payload).into_owned()))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => None,
            Err(error) => panic!("message {sequence}: {error}"),
        };
        futures::stream::iter(state.first_sequence.max(1)..=state.last_sequence)
            .map(read)
            .buffered(READ_AT_ONCE)
            .filter_map(async |message| message)
            .collect()
            .await
    }

    async fn add_something_else(&self) {
        let context = context(self.port()).await;
        let sent = context.publish("earmark.Greeting", "hello".into()).await;
        sent.expect("it is sent").await.expect("it is stored");
    }

    async fn lose_all(&self) {
        let context = context(self.port()).await;
        let config = context
            .get_stream("EVENTS")
            .await
            .expect("the stream")
            .cached_info()
            .config
            .clone();
        context.delete_stream("EVENTS").await.expect("it is deleted");
        context.create_stream(config).await.expect("it is made again");
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        self.start_again();
    }

    fn copy_files(&self) -> FilesCopy {
        self.copy_files()
    }

    fn put_back(&mut self, copy: &FilesCopy) {
        self.put_back(copy);
    }
}

/// A publisher to this address.
pub(crate) fn nats_publisher(url: &str) -> NatsPublisher {
    NatsPublisher::new(url.parse().expect("an address"), Arc::new(SystemClock::new()))
}

/// JetStream on a server.
pub(crate) async fn context(port: u16) -> async_nats::jetstream::Context {
    let client = async_nats::connect(format!("127.0.0.1:{port}")).await;
    async_nats::jetstream::new(client.expect("a connection"))
}

#[async_trait]
impl Broker for RedisServer {
    const MEBIBYTE_AT_MOST: &'static str = "proto-max-bulk-len 1mb";

    fn start(configuration: &str) -> Self {
        Self::start(configuration)
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn publisher_by(port: u16) -> Arc<dyn Publisher> {
        Arc::new(redis_publisher(&format!("redis://127.0.0.1:{port}")))
    }

    async fn stored(&self) -> Vec<Stored> {
        let entries: StreamRangeReply = connection(self.port())
            .await
            .xrange_all("earmark")
            .await
            .expect("entries");
        let field = |entry: &redis::streams::StreamId, name| entry.get::<String>(name).unwrap_or_default();
        let pair = |entry| (field(&entry, "id"), field(&entry, "event"));
        entries.ids.into_iter().map(pair).collect()
    }

    async fn add_something_else(&self) {
        let mut connection = connection(self.port()).await;
        let added: Result<String, _> = connection.xadd("earmark", "*", &[("greeting", "hello")]).await;
        added.expect("it is added");
    }

    async fn lose_all(&self) {
        let lost: usize = connection(self.port())
            .await
            .del("earmark")
            .await
            .expect("it is deleted");
        assert_eq!(lost, 1);
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        self.start_again();
    }

    fn copy_files(&self) -> FilesCopy {
        self.copy_files()
    }

    fn put_back(&mut self, copy: &FilesCopy) {
        self.put_back(copy);
    }
}

/// A publisher to this address.
pub(crate) fn redis_publisher(url: &str) -> RedisPublisher {
    RedisPublisher::new(url.parse().expect("an address"), Arc::new(SystemClock::new()))
}

/// A connection to a server.
pub(crate) async fn connection(port: u16) -> MultiplexedConnection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("an address");
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
    let connection = client.get_multiplexed_async_connection_with_config(&patient).await;
    connection.expect("a connection")
}
