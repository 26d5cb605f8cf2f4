//! What holds on JetStream alone: streams, subjects, and servers that forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, StorageType};
use earmark_application::{LastPublished, LogPosition, PublishError, Publisher};
use earmark_domain::{Sku, Subject};

use super::log::{Log, stored};
use super::relay::{deliver, deliver_at_a_pace};
use super::servers::NatsServer;
use super::support::{Broker, context, in_time, nats_publisher};

/// A stream that is there before the publisher.
async fn make(broker: &NatsServer, config: Config) {
    let config = Config {
        name: "EVENTS".to_owned(),
        ..config
    };
    context(broker.port())
        .await
        .create_stream(config)
        .await
        .expect("a stream");
}

fn subjects(subjects: &[&str]) -> Config {
    Config {
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        ..Config::default()
    }
}

fn place(sequence: u64) -> LastPublished {
    LastPublished::Event(LogPosition { epoch: 1, sequence })
}

fn is_unfit<T>(outcome: &Result<T, PublishError>) -> bool {
    matches!(outcome, Err(PublishError::Unfit(_)))
}

#[tokio::test]
async fn a_stream_that_is_missing_is_made_in_files() {
    in_time(async {
        let (broker, log) = (NatsServer::start(""), Log::of(1));
        let publisher = broker.publisher();
        publisher.last_published(&log.books).await.expect("it answers");
        let stream = context(broker.port())
            .await
            .get_stream("EVENTS")
            .await
            .expect("it is there");
        let config = &stream.cached_info().config;
        assert_eq!(config.subjects, ["earmark.>"]);
        assert_eq!(config.storage, StorageType::File);
        assert_eq!(
            (config.num_replicas, config.duplicate_window),
            (1, Duration::from_secs(120))
        );
        assert_eq!((config.max_messages, config.max_bytes), (-1, -1));
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_takes_the_subjects_is_used_as_it_is() {
    in_time(async {
        let (broker, log) = (NatsServer::start(""), Log::of(3));
        let mine = Config {
            storage: StorageType::Memory,
            max_messages: 2,
            ..subjects(&["other", "earmark.*", "earmark.*.*"])
        };
        make(&broker, mine).await;
        deliver(&*broker.publisher(), &log, 3).await;
        assert_eq!(broker.stored().await, stored(&log.events[1..]));
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_does_not_take_the_subjects_is_unfit() {
    in_time(async {
        let (broker, log) = (NatsServer::start(""), Log::of(1));
        make(&broker, subjects(&["earmark.Allocated.*"])).await;
        let answer = broker.publisher().last_published(&log.books).await;
        assert!(is_unfit(&answer), "{answer:?}");
        // One that another stream takes the subjects of can't be made.
        let second = nats_publisher(&format!("nats://127.0.0.1:{}/SECOND", broker.port()));
        let answer = second.last_published(&log.books).await;
        assert!(is_unfit(&answer), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_message_bears_the_type_the_sku_and_the_id() {
    in_time(async {
        let (broker, mut log) = (NatsServer::start(""), Log::of(3));
        let about = |log: &mut Log, index: usize, subject: Subject| {
            let event = Arc::get_mut(&mut log.events[index]).expect("nobody else has it");
            event.event.subject = subject;
        };
        const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let traced = Arc::get_mut(&mut log.events[1]).expect("nobody else has it");
        traced.event.correlation_id = CONTEXT.to_owned();
        let odd = Sku::new("Süß * 1.5 > 1%").expect("a SKU");
        about(
            &mut log,
            1,
            Subject::Product {
                sku: odd.clone(),
                version: 1,
            },
        );
        about(&mut log, 2, Subject::Order("order.7".parse().expect("an order")));
        deliver(&*broker.publisher(), &log, 3).await;
        let stream = context(broker.port())
            .await
            .get_stream("EVENTS")
            .await
            .expect("the stream");
        let mut found = Vec::new();
        for sequence in 1..=3 {
            found.push(stream.get_raw_message(sequence).await.expect("a message"));
        }
        let subjects: Vec<&str> = found.iter().map(|message| message.subject.as_str()).collect();
        assert_eq!(
            subjects,
            [
                "earmark.StockDepleted.LAMP%201",
                "earmark.StockDepleted.S%C3%BC%C3%9F%20%2A%201%2E5%20%3E%201%25",
                "earmark.StockDepleted"
            ]
        );
        let token = subjects[1].rsplit('.').next().expect("a token");
        assert_eq!(earmark_adapters::nats::sku_of_token(token), Some(odd));
        let header = |name: &str| found[1].headers.get(name).map(|value| value.as_str());
        assert_eq!(header("Nats-Msg-Id"), Some("07070707070707070707070707070707-1-2"));
        assert_eq!(header("Content-Type"), Some("application/json"));
        // The trace of an event is known by its correlation id; others have none.
        assert_eq!(header("traceparent"), Some(CONTEXT));
        assert!(found[0].headers.get("traceparent").is_none());
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_too_large_within_a_call_parts_it() {
    in_time(async {
        let log = Log::with_large(6, 3, 5_000);
        // Once the client knows it, and once the stream says it.
        for (configuration, max_message_size) in [("max_payload: 4096", -1), ("", 4096)] {
            let broker = NatsServer::start(configuration);
            let config = Config {
                max_message_size,
                ..subjects(&["earmark.>"])
            };
            make(&broker, config).await;
            let publisher = broker.publisher();
            publisher.last_published(&log.books).await.expect("it answers");
            let refused = publisher.publish(&log.events).await;
            assert!(
                matches!(refused, Err(PublishError::Refused { index: 3, .. })),
                "{refused:?}"
            );
            assert_eq!(broker.stored().await, stored(&log.events[..3]));
            assert_eq!(publisher.last_published(&log.books).await, Ok(place(3)));
            publisher.publish(&log.events[4..]).await.expect("it is published");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_emptied_is_gone_on_with() {
    in_time(async {
        let (broker, log) = (NatsServer::start(""), Log::of(9));
        let publisher = broker.publisher();
        deliver(&*publisher, &Log::of(3), 3).await;
        let stream = context(broker.port())
            .await
            .get_stream("EVENTS")
            .await
            .expect("the stream");
        stream.purge().await.expect("it is purged");
        assert_eq!(publisher.last_published(&log.books).await, Ok(LastPublished::Emptied));
        publisher.publish(&log.events[3..6]).await.expect("it is published");
        stream.delete_message(6).await.expect("it is deleted");
        let end = LastPublished::AtLeast(log.books.position_of(5));
        assert_eq!(publisher.last_published(&log.books).await, Ok(end));
        publisher.publish(&log.events[6..]).await.expect("it is published");
        let left = [&log.events[3..5], &log.events[6..]].concat();
        assert_eq!(broker.stored().await, stored(&left));
    })
    .await;
}

/// Servers forget the id of the last message when they start again after its window of duplicates.
#[tokio::test]
async fn a_server_that_starts_again_after_a_quiet_time_takes_the_next_event() {
    in_time(async {
        let (mut broker, log) = (NatsServer::start(""), Log::of(20));
        let window = Duration::from_millis(100);
        let config = Config {
            duplicate_window: window,
            ..subjects(&["earmark.>"])
        };
        make(&broker, config).await;
        let publisher = broker.publisher();
        deliver(&*publisher, &Log::of(10), 10).await;
        broker.kill();
        tokio::time::sleep(2 * window).await;
        broker.start_again();
        assert_eq!(publisher.last_published(&log.books).await, Ok(place(10)));
        publisher.publish(&log.events[10..]).await.expect("it is published");
        assert_eq!(broker.stored().await, log.stored());
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_full_has_a_beginning() {
    in_time(async {
        let broker = NatsServer::start(
            "accounts {\n shop {\n jetstream { max_file: 60000 }\n users: [ { user: a, password: a } ]\n }\n}\n\
             no_auth_user: a",
        );
        let log = Log::with_large(200, 99, 40_000);
        let publisher = broker.publisher();
        publisher.last_published(&log.books).await.expect("it answers");
        // The hundredth has no room, and those behind it would have.
        let refused = publisher.publish(&log.events).await;
        assert!(matches!(refused, Err(PublishError::OutOfStep(_))), "{refused:?}");
        // The server has counted the one that it did not store.
        let end = publisher.last_published(&log.books).await;
        let there = log.books.position_of(99);
        assert!(
            [Ok(LastPublished::Event(there)), Ok(LastPublished::AtLeast(there))].contains(&end),
            "{end:?}"
        );
        let refused = publisher.publish(&log.events[99..]).await;
        assert!(matches!(refused, Err(PublishError::Unavailable { .. })), "{refused:?}");
        assert_eq!(broker.stored().await, stored(&log.events[..99]));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_published_again_twice_is_there_once() {
    in_time(async {
        let (broker, log) = (NatsServer::start(""), Log::of(3));
        let publisher = broker.publisher();
        publisher.last_published(&log.books).await.expect("it answers");
        publisher.publish(&log.events[1..2]).await.expect("it is published");
        for _ in 0..2 {
            let place = log.events[1].id.position;
            publisher.replay(&log.events[0], place).await.expect("it is there");
        }
        publisher.publish(&log.events[2..]).await.expect("it is published");
        let order = [1, 0, 2].map(|index| log.events[index].clone());
        assert_eq!(broker.stored().await, stored(&order));
    })
    .await;
}

/// The server that leads the stream, by its place in the cluster.
async fn leader(port: u16) -> Option<usize> {
    let stream = context(port).await.get_stream("EVENTS").await.ok()?;
    let name = stream.cached_info().cluster.as_ref()?.leader.clone()?;
    name.strip_prefix('n')?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_leader_is_killed_amid_calls_loses_nothing() {
    in_time(async {
        let (mut cluster, log) = (NatsServer::cluster(3), Log::of(30_000));
        let hosts: Vec<String> = cluster
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port()))
            .collect();
        let publisher = nats_publisher(&format!("nats://{}/EVENTS?replicas=3", hosts.join(",")));
        let killed = AtomicUsize::new(0);
        // A fast machine waits for the next kill before the log has come to its end.
        let pace = async |delivered: usize| {
            while delivered > 9_000 * (killed.load(Ordering::Relaxed) + 1) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let killing = async {
            while killed.load(Ordering::Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let Some(leading) = leader(cluster[0].port()).await else {
                    continue;
                };
                cluster[leading].kill();
                tokio::time::sleep(Duration::from_millis(200)).await;
                cluster[leading].start_again();
                killed.fetch_add(1, Ordering::Relaxed);
            }
        };
        let delivering = deliver_at_a_pace(&publisher, &log, 400, pace);
        let (failures, ()) = tokio::join!(delivering, killing);
        assert!(failures > 0, "nobody noticed that the leader was killed");
        // Each server in turn tells what it has.
        for (member, server) in cluster.iter().enumerate() {
            while leader(server.port()).await != Some(member) {
                step_down(server).await;
            }
            assert_eq!(server.stored().await, log.stored(), "server {member}");
        }
    })
    .await;
}

/// Asks the leader of the stream to leave that to another.
async fn step_down(server: &NatsServer) {
    let client = context(server.port()).await.client();
    let asked = client.request("$JS.API.STREAM.LEADER.STEPDOWN.EVENTS", "".into()).await;
    asked.expect("it answers");
    tokio::time::sleep(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn who_may_not_publish_is_told_so_soon() {
    in_time(async {
        let broker = NatsServer::start(
            "authorization {\n users: [\n  { user: till, password: \"s@fe\",\n    \
             permissions: { publish: [\"$JS.API.>\"] } }\n ]\n}",
        );
        let log = Log::of(1);
        let at = broker.port();
        let started = Instant::now();
        let publisher = nats_publisher(&format!("nats://till:s%40fe@127.0.0.1:{at}/EVENTS"));
        publisher.last_published(&log.books).await.expect("it answers");
        let refused = publisher
            .publish(&log.events)
            .await
            .expect_err("it may not")
            .to_string();
        assert!(refused.to_lowercase().contains("permissions violation"), "{refused}");

        let publisher = nats_publisher(&format!("nats://till:secret@127.0.0.1:{at}/EVENTS"));
        let refused = publisher.last_published(&log.books).await;
        assert!(matches!(refused, Err(PublishError::Unavailable { .. })), "{refused:?}");
        assert!(!format!("{refused:?} {publisher:?}").contains("secret"));
        assert!(started.elapsed() < Duration::from_secs(4), "nothing waited for a bound");
    })
    .await;
}
