//! Several instances deliver for one subscription, one at a time.

use earmark_tests::databases::{Db, PostgresDatabase, on_fresh};
use earmark_tests::servers::NatsServer;
use earmark_tests::service::{Service, signal, until};

use crate::sinks::{in_nats, nats_url};
use crate::{Load, a_while, desk_of, has_all, ids, log_of, rounds, subscriptions};

/// For how long the holder of a lease is stopped: longer than the lease.
const STOPPED_MILLISECONDS: u64 = 9_000;

/// The instance that delivers is stopped for longer than its lease and goes on: another has taken over, and each event
/// arrives once, in the order of the log.
async fn a_holder_that_was_stopped_adds_nothing(db: Db) {
    let nats = NatsServer::start("");
    let url = nats_url(&nats);
    let desk = desk_of(db.clone(), &[&url]).await;
    let second = Service::start_with(&db.url(), &[("EARMARK__EVENTS__URLS", &url)]).await;
    for round in 0..rounds() {
        let (stopped, other) = if round % 2 == 0 {
            (&desk.service, &second)
        } else {
            (&second, &desk.service)
        };
        let load = Load::start(&format!("r{round}"), || other.client());
        a_while(300).await;
        assert!(signal("STOP", &[stopped.pid()]), "it is stopped");
        a_while(STOPPED_MILLISECONDS).await;
        let before = in_nats(&nats).await.len();
        until("the other instance has taken over", async || {
            (in_nats(&nats).await.len() > before).then_some(())
        })
        .await;
        assert!(signal("CONT", &[stopped.pid()]), "it goes on");
        a_while(500).await;
        load.stop().await;
    }
    let log = ids(&log_of(&desk).await);
    has_all("NATS has all events", &log, || in_nats(&nats)).await;
    let all = subscriptions(&desk).await;
    let of_nats: Vec<_> = all.iter().filter(|one| one["name"] == url.as_str()).collect();
    assert_eq!(of_nats.len(), 1, "{all:?}");
    assert_eq!(of_nats[0]["active"], true);
}

/// An instance that ends gives its lease back, and another goes on at once.
async fn an_instance_that_drains_hands_over(db: Db) {
    let nats = NatsServer::start("");
    let url = nats_url(&nats);
    let mut desk = desk_of(db.clone(), &[&url]).await;
    let second = Service::start_with(&db.url(), &[("EARMARK__EVENTS__URLS", &url)]).await;
    desk.service.terminate();
    let _ = desk.service.ended().await;
    let client = second.client();
    client.buy("late", "LATE", 5).await;
    let mut desk = desk;
    desk.client = client;
    let log = ids(&log_of(&desk).await);
    has_all("NATS has all events", &log, || in_nats(&nats)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_was_stopped_adds_nothing_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_holder_that_was_stopped_adds_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_drains_hands_over_on_postgres() {
    on_fresh::<PostgresDatabase, _>(an_instance_that_drains_hands_over).await;
}
