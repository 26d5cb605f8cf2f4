//! The brokers as those see them who send commands, and what sources deliver.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use async_trait::async_trait;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::nats::NatsCommandSource;
use earmark_adapters::redis::RedisCommandSource;
use earmark_application::{Body, CommandSource, DeliveryId, Message, SourceError};

use crate::servers::{FilesCopy, NatsServer, RedisServer};
use crate::support::{connection, context};

/// How long one call of a source waits.
pub(super) const WAIT: Duration = Duration::from_millis(500);

/// The shortest time after which what was not acknowledged goes to another instance.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(20);

/// A command as it is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    pub(super) body: Vec<u8>,
    pub(super) id: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) reply_to: Option<String>,
}

impl Sent {
    pub(super) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }
}

/// Commands with these numbers.
pub(super) fn numbered(numbers: std::ops::Range<usize>) -> Vec<Sent> {
    numbers.map(|number| Sent::of(format!("command {number}"))).collect()
}

/// A broker with one stream of commands.
#[async_trait]
pub(super) trait CommandBroker: Send + Sync + Sized {
    /// What the server is told to take messages of 16 MiB.
    const LARGE_MESSAGES: &'static str;
    /// What ids name as the source.
    const SOURCE: &'static str;

    fn start(configuration: &str) -> Self;
    fn port(&self) -> u16;
    /// A source that reaches the broker by a port, for an instance of this name.
    fn source_by(port: u16, instance: &str) -> Arc<dyn CommandSource>;
    fn source(&self, instance: &str) -> Arc<dyn CommandSource> {
        Self::source_by(self.port(), instance)
    }
    /// Sends commands. The stream must be there.
    async fn send(&self, commands: &[Sent]);
    /// Where an answer can be awaited.
    fn reply_address(&self) -> String;
    /// Has something done, and tells what answer came.
    async fn answer_to<F: Future<Output = ()> + Send>(&self, reply_to: &str, act: F) -> String;
    /// How many messages the stream has.
    async fn length(&self) -> usize;
    fn kill(&mut self);
    fn start_again(&mut self);
    fn copy_files(&self) -> FilesCopy;
    fn put_back(&mut self, copy: &FilesCopy);
}

#[async_trait]
impl CommandBroker for NatsServer {
    const LARGE_MESSAGES: &'static str = "max_payload: 16777216";
    const SOURCE: &'static str = "nats/COMMANDS";

    fn start(configuration: &str) -> Self {
        Self::start(configuration)
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn source_by(port: u16, _: &str) -> Arc<dyn CommandSource> {
        Arc::new(nats_source(&format!("nats://127.0.0.1:{port}/COMMANDS?ack_wait=20")))
    }

    async fn send(&self, commands: &[Sent]) {
        let context = context(self.port()).await;
        let mut sent = VecDeque::new();
        for command in commands {
            // The client takes no more before some of these are stored.
            if sent.len() >= 1_000 {
                let oldest: PublishAckFuture = sent.pop_front().expect("the oldest");
                oldest.await.expect("it is stored");
            }
            let mut headers = HeaderMap::new();
            let of = [
                ("Nats-Msg-Id", &command.id),
                ("Earmark-Correlation-Id", &command.correlation_id),
                ("Earmark-Reply-To", &command.reply_to),
            ];
            for (name, value) in of {
                if let Some(value) = value {
                    headers.insert(name, value.as_str());
                }
            }
            let body = command.body.clone().into();
            let published = context.publish_with_headers("commands.desk", headers, body).await;
            sent.push_back(published.expect("it is sent"));
        }
        for stored in sent {
            stored.await.expect("it is stored");
        }
    }

    fn reply_address(&self) -> String {
        "desk.answers".to_owned()
    }

    async fn answer_to<F: Future<Output = ()> + Send>(&self, reply_to: &str, act: F) -> String {
        let client = async_nats::connect(format!("127.0.0.1:{}", self.port())).await;
        let client = client.expect("a connection");
        let mut answers = client.subscribe(reply_to.to_owned()).await.expect("it listens");
        // The server listens for what comes back; a flush alone says nothing of what it has read.
        client
            .publish(reply_to.to_owned(), "here".into())
            .await
            .expect("it is sent");
        let here = futures::StreamExt::next(&mut answers).await.expect("it comes back");
        assert_eq!(here.payload, "here");
        act.await;
        let answer = futures::StreamExt::next(&mut answers).await.expect("an answer");
        String::from_utf8_lossy(&answer.payload).into_owned()
    }

    async fn length(&self) -> usize {
        let context = context(self.port()).await;
        let stream = context.get_stream("COMMANDS").await.expect("the stream");
        usize::try_from(stream.cached_info().state.messages).expect("a length")
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

#[async_trait]
impl CommandBroker for RedisServer {
    const LARGE_MESSAGES: &'static str = "";
    const SOURCE: &'static str = "redis/earmark:commands";

    fn start(configuration: &str) -> Self {
        Self::start(configuration)
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn source_by(port: u16, instance: &str) -> Arc<dyn CommandSource> {
        let url = format!("redis://127.0.0.1:{port}?ack_wait=20");
        Arc::new(redis_source(&url, instance))
    }

    async fn send(&self, commands: &[Sent]) {
        let mut connection = connection(self.port()).await;
        for some in commands.chunks(500) {
            let mut pipe = redis::pipe();
            for command in some {
                let added = pipe.cmd("XADD").arg("earmark:commands").arg("*");
                added.arg("command").arg(&command.body);
                let of = [
                    ("id", &command.id),
                    ("correlation_id", &command.correlation_id),
                    ("reply_to", &command.reply_to),
                ];
                for (name, value) in of {
                    if let Some(value) = value {
                        added.arg(name).arg(value);
                    }
                }
                added.ignore();
            }
            let () = pipe.query_async(&mut connection).await.expect("they are added");
        }
    }

    fn reply_address(&self) -> String {
        "earmark:reply:desk".to_owned()
    }

    async fn answer_to<F: Future<Output = ()> + Send>(&self, reply_to: &str, act: F) -> String {
        act.await;
        let mut connection = connection(self.port()).await;
        let answer: (String, String) = redis::cmd("BLPOP")
            .arg(reply_to)
            .arg(5)
            .query_async(&mut connection)
            .await
            .expect("an answer");
        answer.1
    }

    async fn length(&self) -> usize {
        let mut connection = connection(self.port()).await;
        redis::AsyncCommands::xlen(&mut connection, "earmark:commands")
            .await
            .expect("a length")
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

pub(crate) fn nats_source(url: &str) -> NatsCommandSource {
    NatsCommandSource::new(url.parse().expect("an address"), Arc::new(SystemClock::new()))
}

pub(crate) fn redis_source(url: &str, instance: &str) -> RedisCommandSource {
    RedisCommandSource::new(url.parse().expect("an address"), instance, Arc::new(SystemClock::new()))
}

/// What a message says, if it is whole.
pub(super) fn text(message: &Message) -> String {
    match &message.body {
        Body::Whole(body) => String::from_utf8_lossy(body).into_owned(),
        Body::TooLong { bytes, .. } => format!("{bytes} bytes"),
    }
}

pub(super) fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(text).collect()
}

pub(super) fn ids(messages: &[Message]) -> Vec<String> {
    let id = |message: &Message| message.id.as_ref().expect("an id").to_string();
    messages.iter().map(id).collect()
}

pub(super) fn deliveries(messages: &[Message]) -> Vec<DeliveryId> {
    messages.iter().map(|message| message.delivery).collect()
}

/// Has the stream made, and hears that it is empty.
pub(super) async fn open(source: &dyn CommandSource) {
    assert_eq!(source.receive(10, Duration::from_millis(50)).await, Ok(vec![]));
}

/// Receives so many messages and no more, through failures.
pub(super) async fn receive(source: &dyn CommandSource, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    let started = Instant::now();
    while messages.len() < count {
        match source.receive((count - messages.len()).min(1_000), WAIT).await {
            Ok(more) => messages.extend(more),
            Err(SourceError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
        let in_time = started.elapsed() < Duration::from_secs(60);
        assert!(in_time, "{} of {count} came: {:?}", messages.len(), texts(&messages));
    }
    messages
}

/// Receives so many messages, and acknowledges them.
pub(super) async fn take(source: &dyn CommandSource, count: usize) -> Vec<Message> {
    let messages = receive(source, count).await;
    let acknowledged = source.acknowledge(&deliveries(&messages)).await;
    acknowledged.expect("they are acknowledged");
    messages
}

/// Waits until the stream has so many messages: acknowledgements are under way.
pub(super) async fn has_length<B: CommandBroker>(broker: &B, length: usize) {
    let started = Instant::now();
    while broker.length().await != length {
        let in_time = started.elapsed() < Duration::from_secs(5);
        assert!(in_time, "it has {} messages instead of {length}", broker.length().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Hears that there is nothing to take for a while.
pub(super) async fn nothing_comes(source: &dyn CommandSource, time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        let messages = source.receive(100, WAIT).await.expect("it answers");
        assert!(messages.is_empty(), "{:?}", texts(&messages));
    }
}
