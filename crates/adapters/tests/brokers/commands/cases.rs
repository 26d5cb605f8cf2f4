//! What holds of every stream that commands come from.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use earmark_application::{Body, Reply, SourceError};

use super::support::{
    ACK_WAIT, CommandBroker, Sent, WAIT, deliveries, has_length, ids, nothing_comes, numbered, open, receive, take,
    text, texts,
};
use crate::servers::Proxy;
use crate::support::in_time;

fn said(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("command {number}")).collect()
}

async fn a_stream_that_is_missing_is_made_and_its_messages_come_in_order<B: CommandBroker>() {
    let broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    broker.send(&numbered(0..2_500)).await;
    let messages = take(&*source, 2_500).await;
    assert_eq!(texts(&messages), said(0..2_500));
    let different: HashSet<String> = ids(&messages).into_iter().collect();
    assert_eq!(different.len(), 2_500);
    assert_eq!(messages[0].id.as_ref().expect("an id").source(), B::SOURCE);
    nothing_comes(&*source, 2 * WAIT).await;
    has_length(&broker, 0).await;
}

async fn a_message_comes_again_until_it_is_acknowledged<B: CommandBroker>() {
    let broker = B::start("");
    let proxy = Proxy::to(broker.port());
    let source = B::source_by(proxy.port(), "one");
    open(&*source).await;
    broker.send(&numbered(0..100)).await;
    let first = receive(&*source, 100).await;
    let done = source.acknowledge(&deliveries(&first[..40])).await;
    done.expect("they are acknowledged");
    // An acknowledgement that is under way would be lost with the connection.
    has_length(&broker, 60).await;

    // The session ends: what it has left comes to the next one, at once and under the same ids.
    proxy.cut_after(0);
    let lost = source.receive(1, Duration::from_secs(8)).await;
    assert!(matches!(lost, Err(SourceError::Unavailable { .. })), "{lost:?}");
    proxy.heal();
    let started = Instant::now();
    let mut again = receive(&*source, 60).await;
    assert!(started.elapsed() < ACK_WAIT / 2, "{:?}", started.elapsed());
    again.sort_by_key(|message| message.id.as_ref().map(ToString::to_string));
    let mut left = first[40..].to_vec();
    left.sort_by_key(|message| message.id.as_ref().map(ToString::to_string));
    assert_eq!((ids(&again), texts(&again)), (ids(&left), texts(&left)));
    // What an earlier session has delivered means nothing to this one.
    let stale = source.acknowledge(&deliveries(&first[40..])).await;
    stale.expect("nothing is wrong with that");
    has_length(&broker, 60).await;
    let done = source.acknowledge(&deliveries(&again)).await;
    done.expect("they are acknowledged");
    nothing_comes(&*source, 2 * WAIT).await;
    has_length(&broker, 0).await;
}

async fn another_instance_takes_over_what_one_has_left<B: CommandBroker>() {
    let broker = B::start("");
    let (dead, alive) = (broker.source("dead"), broker.source("alive"));
    open(&*dead).await;
    broker.send(&numbered(0..30)).await;
    let first = receive(&*dead, 30).await;
    let done = dead.acknowledge(&deliveries(&first[..10])).await;
    done.expect("they are acknowledged");
    let delivered = Instant::now();
    // It works on the last ones for longer than others may.
    let slow = deliveries(&first[20..]);
    while delivered.elapsed() < ACK_WAIT / 2 {
        nothing_comes(&*alive, WAIT).await;
    }
    dead.still_working(&slow).await.expect("it is told");
    let over = take(&*alive, 10).await;
    let taken = delivered.elapsed();
    // The broker counts from when it sent them, a little earlier; how much later they are asked for depends on how busy the
    // machine is.
    let soonest = ACK_WAIT.saturating_sub(Duration::from_secs(1));
    assert!((soonest..4 * ACK_WAIT).contains(&taken), "{taken:?}");
    let mut over = texts(&over);
    over.sort();
    assert_eq!(over, said(10..20));
    dead.acknowledge(&slow).await.expect("they are acknowledged");
    nothing_comes(&*alive, ACK_WAIT / 2).await;
    has_length(&broker, 0).await;
}

async fn several_instances_share_the_messages<B: CommandBroker>() {
    let broker = B::start("");
    let sources: Vec<_> = ["one", "two", "three"].map(|name| broker.source(name)).into();
    open(&*sources[0]).await;
    broker.send(&numbered(0..6_000)).await;
    let taken = futures::future::join_all(sources.into_iter().map(|source| async move {
        let mut all = Vec::new();
        loop {
            let messages = source.receive(200, WAIT).await.expect("it answers");
            if messages.is_empty() {
                return all;
            }
            let done = source.acknowledge(&deliveries(&messages)).await;
            done.expect("they are acknowledged");
            all.extend(texts(&messages));
        }
    }))
    .await;
    let mut all = taken.concat();
    all.sort_by_key(|text| (text.len(), text.clone()));
    assert_eq!(all, said(0..6_000));
}

async fn a_server_that_is_killed_loses_no_message<B: CommandBroker>() {
    let mut broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    broker.send(&numbered(0..3_000)).await;
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..3 {
        for message in take(&*source, 500).await {
            seen.insert(ids(std::slice::from_ref(&message)).remove(0), text(&message));
        }
        let held = receive(&*source, 100).await;
        broker.kill();
        if round == 1 {
            let gone = source.receive(1, Duration::from_secs(8)).await;
            assert!(matches!(gone, Err(SourceError::Unavailable { .. })), "{gone:?}");
        }
        broker.start_again();
        let id = ids(&held);
        assert!(
            id.iter().all(|id| !seen.contains_key(id)),
            "one was acknowledged before"
        );
    }
    while seen.len() < 3_000 {
        let messages = match source.receive(1_000, WAIT).await {
            Ok(messages) => messages,
            Err(SourceError::Unavailable { .. }) => continue,
            Err(other) => panic!("{other}"),
        };
        let told = source.acknowledge(&deliveries(&messages)).await;
        assert!(!matches!(told, Err(SourceError::Unfit(_))), "{told:?}");
        for message in messages {
            seen.insert(ids(std::slice::from_ref(&message)).remove(0), text(&message));
        }
    }
    let mut all: Vec<String> = seen.into_values().collect();
    all.sort_by_key(|text| (text.len(), text.clone()));
    assert_eq!(all, said(0..3_000));
}

async fn a_broker_that_has_forgotten_gives_no_id_twice<B: CommandBroker>() {
    let mut broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    broker.send(&numbered(0..20)).await;
    let done = take(&*source, 10).await;
    broker.kill();
    let copy = broker.copy_files();
    broker.start_again();
    broker.send(&numbered(20..40)).await;
    let before = take(&*source, 30).await;
    broker.kill();
    broker.put_back(&copy);
    broker.start_again();

    // It still has ten of them, perhaps with some whose acknowledgement it had not written, and gets others in the places
    // of those that it has lost.
    broker.send(&numbered(100..120)).await;
    let after = take(&*source, 30).await;
    let taken = [done, before].concat();
    let seen: BTreeMap<String, String> = ids(&taken).into_iter().zip(texts(&taken)).collect();
    for (id, said) in ids(&after).into_iter().zip(texts(&after)) {
        match seen.get(&id) {
            Some(before) => assert_eq!(*before, said, "another message has the id {id}"),
            None => assert!(!texts(&taken).contains(&said), "{said} has another id"),
        }
    }
    let again = texts(&after);
    assert!(said(10..20).iter().all(|said| again.contains(said)), "{again:?}");
}

async fn a_message_says_who_it_is_and_where_it_belongs<B: CommandBroker>() {
    let broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    let long = "ä".repeat(300);
    let with = |id: &str, correlation_id: &str| Sent {
        id: Some(id.to_owned()),
        correlation_id: Some(correlation_id.to_owned()),
        ..Sent::of("{}")
    };
    let reply_to = broker.reply_address();
    let asking = Sent {
        reply_to: Some(reply_to.clone()),
        ..Sent::of("{}")
    };
    let spying = Sent {
        reply_to: Some("$JS.API.STREAM.DELETE.COMMANDS".to_owned()),
        ..Sent::of("{}")
    };
    let sent = [with("order-7", "request-1"), with(&long, "two words"), asking, spying];
    broker.send(&sent).await;
    let messages = take(&*source, 4).await;
    let id = |at: usize| messages[at].id.as_ref().expect("an id").id().to_owned();
    assert_eq!(id(0), "order-7");
    assert!(id(1).starts_with("sha256:"), "{}", id(1));
    assert_eq!(messages[0].correlation_id.as_deref(), Some("request-1"));
    assert_eq!(messages[1].correlation_id, None);
    assert_eq!(messages[2].reply_to.as_deref(), Some(reply_to.as_str()));
    assert_eq!(messages[3].reply_to, None);
}

async fn an_answer_arrives<B: CommandBroker>() {
    let broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    let to = broker.reply_address();
    let answering = async {
        let to: Arc<str> = to.as_str().into();
        let body = r#"{"status":201}"#.to_owned();
        let sent = source.reply(&[Reply { to, body }]).await;
        sent.expect("it is sent");
    };
    let answer = broker.answer_to(&to, answering).await;
    assert_eq!(answer, r#"{"status":201}"#);
}

async fn bodies_that_are_too_long_are_not_kept<B: CommandBroker>() {
    const LARGE: usize = 10 * 1024 * 1024;
    let broker = B::start(B::LARGE_MESSAGES);
    let source = broker.source("one");
    open(&*source).await;
    let large = Sent::of(vec![b'x'; LARGE]);
    let full = Sent::of(vec![b'y'; 1024 * 1024]);
    for _ in 0..3 {
        broker.send(&numbered(0..1)).await;
        broker.send(std::slice::from_ref(&large)).await;
        broker.send(&[large.clone(), full.clone()]).await;
    }
    let messages = take(&*source, 12).await;
    for (at, message) in messages.iter().enumerate() {
        match (at % 4, &message.body) {
            (0, Body::Whole(body)) => assert_eq!(body, b"command 0"),
            (1 | 2, Body::TooLong { bytes, beginning }) => {
                assert_eq!((*bytes, beginning.len()), (LARGE, 1_024));
                assert!(beginning.iter().all(|byte| *byte == b'x'));
            }
            (3, Body::Whole(body)) => assert_eq!(*body, full.body),
            (_, other) => panic!("message {at}: {other:?}"),
        }
    }
    has_length(&broker, 0).await;
}

async fn a_call_may_be_dropped_and_loses_nothing<B: CommandBroker>() {
    let broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    let started = Instant::now();
    let mut seen = Vec::new();
    for round in 0..100 {
        broker.send(&numbered(round * 20..(round + 1) * 20)).await;
        let patience = Duration::from_micros(200 * (round as u64 % 12));
        let call = source.receive(50, WAIT);
        if let Ok(received) = tokio::time::timeout(patience, call).await {
            seen.extend(received.expect("it answers"));
        }
    }
    seen.extend(receive(&*source, 2_000 - seen.len()).await);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "they came again after the wait"
    );
    assert_eq!(texts(&seen), said(0..2_000));
}

async fn ten_thousand_messages_pass_in_bounded_groups<B: CommandBroker>() {
    let broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    broker.send(&numbered(0..10_000)).await;
    let started = Instant::now();
    let (mut taken, mut calls) = (0, 0);
    while taken < 10_000 {
        let messages = source.receive(256, WAIT).await.expect("it answers");
        assert!(messages.len() <= 256);
        let done = source.acknowledge(&deliveries(&messages)).await;
        done.expect("they are acknowledged");
        taken += messages.len();
        calls += 1;
    }
    assert!(
        calls < 1_000,
        "{calls} calls in {:?}: the groups are too small",
        started.elapsed()
    );
    nothing_comes(&*source, WAIT).await;
}

async fn a_broker_that_is_not_there_is_unavailable<B: CommandBroker>() {
    let mut broker = B::start("");
    let source = broker.source("one");
    open(&*source).await;
    broker.kill();
    for _ in 0..2 {
        let gone = source.receive(1, Duration::from_secs(8)).await;
        assert!(matches!(gone, Err(SourceError::Unavailable { .. })), "{gone:?}");
    }
    broker.start_again();
    open(&*source).await;
    broker.send(&numbered(0..1)).await;
    assert_eq!(texts(&take(&*source, 1).await), said(0..1));
}

macro_rules! of_every_stream {
    ($($case:ident,)+) => {
        mod of_nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::in_time(super::$case::<crate::servers::NatsServer>()).await;
            })+
        }
        mod of_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::in_time(super::$case::<crate::servers::RedisServer>()).await;
            })+
        }
    };
}

of_every_stream! {
    a_stream_that_is_missing_is_made_and_its_messages_come_in_order,
    a_message_comes_again_until_it_is_acknowledged,
    another_instance_takes_over_what_one_has_left,
    several_instances_share_the_messages,
    a_server_that_is_killed_loses_no_message,
    a_broker_that_has_forgotten_gives_no_id_twice,
    a_message_says_who_it_is_and_where_it_belongs,
    an_answer_arrives,
    bodies_that_are_too_long_are_not_kept,
    a_call_may_be_dropped_and_loses_nothing,
    ten_thousand_messages_pass_in_bounded_groups,
    a_broker_that_is_not_there_is_unavailable,
}
