//! Messages of JetStream that its client can't read: the server takes any bytes for a subject and for headers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::RetentionPolicy;
use earmark_application::{CommandSource, SourceError};

use super::jetstream::{add, explicit, make};
use super::support::{
    ACK_WAIT, CommandBroker, WAIT, deliveries, has_length, ids, nats_source, nothing_comes, numbered, open, take, texts,
};
use crate::servers::NatsServer;
use crate::support::in_time;

fn source_of(broker: &NatsServer) -> impl CommandSource {
    nats_source(&format!("nats://127.0.0.1:{}/COMMANDS?ack_wait=20", broker.port()))
}

/// A message of these bytes. Without headers: one that has none.
fn frame(subject: &[u8], headers: &[u8], body: &str) -> Vec<u8> {
    let (verb, sizes) = match headers {
        [] => ("PUB", body.len().to_string()),
        _ => ("HPUB", format!("{} {}", headers.len(), headers.len() + body.len())),
    };
    [
        verb.as_bytes(),
        b" ",
        subject,
        b" ",
        sizes.as_bytes(),
        b"\r\n",
        headers,
        body.as_bytes(),
        b"\r\n",
    ]
    .concat()
}

/// Sends messages as they are, and waits until the server has taken them and has said something.
fn send_frames(broker: &NatsServer, frames: &[Vec<u8>], awaited: &str) {
    let mut socket = TcpStream::connect(("127.0.0.1", broker.port())).expect("a connection");
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).expect("a bound");
    let hello = br#"CONNECT {"verbose":false,"headers":true}"#;
    let all = [hello, &b"\r\n"[..], &frames.concat(), b"PING\r\n"].concat();
    socket.write_all(&all).expect("they are sent");
    let mut said = Vec::new();
    while !["PONG\r\n", awaited]
        .iter()
        .all(|word| String::from_utf8_lossy(&said).contains(word))
    {
        let mut some = [0; 4_096];
        let read = socket.read(&mut some).expect("an answer");
        assert!(read > 0, "it ends with {:?}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&some[..read]);
    }
}

/// Messages of which each ends the connection of a client that gets it, or is taken by it for a word of the server.
fn unreadable() -> Vec<Vec<u8>> {
    let with = |headers: &[u8], body| frame(b"commands.desk", headers, body);
    vec![
        frame(b"commands.\xFF", b"", "a subject"),
        frame("commands.a\u{a0}b".as_bytes(), b"NATS/1.0\r\n\r\n", "a space"),
        with(b"NATS/1.0\r\nDesk: \xFF\r\n\r\n", "a header"),
        with(b"NATS/1.0\r\nNats-Msg-Id: \xFE\r\n\r\n", "an id"),
        with(b"NATS/1.0\r\nNats-Msg-Id: \xFF\r\n\r\n", "another id"),
        with(b"NATS/1.0 soon\r\n\r\n", "a status"),
        with(b"NATS/1.0 503\r\n\r\n", "a status of the server"),
        with(b"NATS/1.0\r\nnothing\r\n\r\n", "no header"),
        with(b"greetings\r\n\r\n", "no headers"),
    ]
}

/// Takes what there is, if the connection stands, and adds what each id says.
async fn take_some(source: &dyn CommandSource, seen: &mut BTreeMap<String, String>) {
    let messages = match source.receive(100, WAIT).await {
        Ok(messages) => messages,
        Err(SourceError::Unavailable { .. }) => return,
        Err(other) => unreachable!("{other}"),
    };
    let told = source.acknowledge(&deliveries(&messages)).await;
    assert!(!matches!(told, Err(SourceError::Unfit(_))), "{told:?}");
    for (id, text) in ids(&messages).into_iter().zip(texts(&messages)) {
        let before = seen.insert(id, text.clone());
        assert!(before.is_none_or(|before| before == text), "two messages have one id");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_client_can_not_read_is_taken_and_holds_nothing_up() {
    in_time(async {
        let broker = NatsServer::start("");
        let source = source_of(&broker);
        open(&source).await;
        let started = Instant::now();
        broker.send(&numbered(0..3)).await;
        send_frames(&broker, &unreadable(), "");
        broker.send(&numbered(3..6)).await;
        let mut seen = BTreeMap::new();
        while seen.len() < 15 {
            take_some(&source, &mut seen).await;
            assert!(started.elapsed() < ACK_WAIT, "{seen:?}");
        }
        let said: BTreeSet<&str> = seen.values().map(String::as_str).collect();
        assert_eq!(said.len(), 15);
        for body in [
            "a subject",
            "a header",
            "an id",
            "another id",
            "a status of the server",
            "command 5",
        ] {
            assert!(said.contains(body), "{body} of {said:?}");
        }
        // An acknowledgement that was lost with a connection brings its message once more.
        let mut again = BTreeMap::new();
        while broker.length().await > 0 {
            take_some(&source, &mut again).await;
        }
        assert!(again.iter().all(|(id, text)| seen.get(id) == Some(text)), "{again:?}");
        nothing_comes(&source, 2 * WAIT).await;
    })
    .await;
}

/// An instance is killed that was given such a message, and the next one knows nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_client_can_not_read_is_found_when_another_instance_had_it() {
    in_time(async {
        let broker = NatsServer::start("");
        make(&broker, &["commands.>"], RetentionPolicy::WorkQueue).await;
        let config = pull::Config {
            ack_wait: ACK_WAIT,
            ..explicit()
        };
        add(&broker, config).await;
        let pull = frame(b"$JS.API.CONSUMER.MSG.NEXT.COMMANDS.earmark desk", b"", "1");
        let subscription = b"SUB desk 1\r\n".to_vec();
        send_frames(&broker, &[frame(b"commands.\xFF", b"", "a subject")], "");
        // It gets the message, and is gone.
        send_frames(&broker, &[subscription, pull], "a subject");
        broker.send(&numbered(0..3)).await;
        let source = source_of(&broker);
        assert_eq!(take(&source, 3).await.len(), 3);
        let started = Instant::now();
        assert_eq!(texts(&take(&source, 1).await), ["a subject"]);
        assert!(
            started.elapsed() < ACK_WAIT + Duration::from_secs(9),
            "{:?}",
            started.elapsed()
        );
        has_length(&broker, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_look_for_what_the_client_can_not_read_takes_all_else() {
    in_time(async {
        let broker = NatsServer::start(
            "authorization { users: [
                { user: earmark, password: e, permissions: {
                    publish: { allow: [\"$JS.>\"], deny: [\"$JS.API.STREAM.MSG.GET.>\"] }, subscribe: [\"_INBOX.>\"] } }
                { user: desk, password: d }
            ] }
            no_auth_user: desk",
        );
        let url = format!("nats://earmark:e@127.0.0.1:{}/COMMANDS?ack_wait=20", broker.port());
        let source = nats_source(&url);
        open(&source).await;
        broker.send(&numbered(0..3)).await;
        send_frames(&broker, &[frame(b"commands.\xFF", b"", "a subject")], "");
        broker.send(&numbered(3..6)).await;
        let mut seen = BTreeMap::new();
        while seen.len() < 6 {
            take_some(&source, &mut seen).await;
        }
        assert!(seen.values().all(|text| text.starts_with("command")), "{seen:?}");
        has_length(&broker, 1).await;
    })
    .await;
}
