//! Brokers, and what they have.

use async_nats::jetstream;
use earmark_tests::servers::{NatsServer, RedisServer};
use futures::StreamExt;

/// The stream that events go to.
pub(crate) const STREAM: &str = "EVENTS";

/// The URL of the stream of a server.
pub(crate) fn nats_url(server: &NatsServer) -> String {
    format!("nats://127.0.0.1:{}/{STREAM}", server.port())
}

/// The URL of a Redis.
pub(crate) fn redis_url(server: &RedisServer) -> String {
    format!("redis://127.0.0.1:{}?maxlen=10000000", server.port())
}

/// The ids of the events in the stream, in the order in which it has them.
pub(crate) async fn in_nats(server: &NatsServer) -> Vec<String> {
    read_nats(server).await.unwrap_or_default()
}

async fn read_nats(server: &NatsServer) -> Option<Vec<String>> {
    let client = async_nats::connect(format!("127.0.0.1:{}", server.port())).await.ok()?;
    let context = jetstream::new(client);
    let mut stream = context.get_stream(STREAM).await.ok()?;
    let messages = stream.info().await.ok()?.state.messages;
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::OrderedConfig::default())
        .await
        .ok()?;
    let mut ids = Vec::new();
    let mut read = consumer.messages().await.ok()?;
    while (ids.len() as u64) < messages {
        let message = read.next().await?.ok()?;
        let headers = message.headers.as_ref()?;
        ids.push(headers.get(async_nats::header::NATS_MESSAGE_ID)?.to_string());
    }
    Some(ids)
}

/// The ids of the events in the stream of a Redis, in their order.
pub(crate) async fn in_redis(server: &RedisServer) -> Vec<String> {
    read_redis(server).await.unwrap_or_default()
}

async fn read_redis(server: &RedisServer) -> Option<Vec<String>> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port())).ok()?;
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg("earmark")
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .ok()?;
    let id = |entry: &redis::streams::StreamId| entry.get::<String>("id");
    entries.ids.iter().map(id).collect()
}
