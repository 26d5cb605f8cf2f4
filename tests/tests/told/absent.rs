//! Brokers that are away, and servers of a cluster that fail.

use earmark_tests::databases::{Db, SqliteDatabase, on_fresh};
use earmark_tests::servers::{NatsServer, RedisServer};
use earmark_tests::service::until;

use crate::sinks::{STREAM, in_nats, in_redis, nats_url, redis_url};
use crate::{Load, a_while, any_of, desk_of, has_all, ids, log_of, rounds, subscriptions};

/// A broker that is away delays no command and no other subscriber, says why in the list, and gets everything when it is
/// back.
async fn a_broker_that_is_away_delays_nobody(db: Db) {
    let (mut nats, redis) = (NatsServer::start(""), RedisServer::start("appendonly yes"));
    let (to_nats, to_redis) = (nats_url(&nats), redis_url(&redis));
    let desk = desk_of(db, &[&to_nats, &to_redis, "log:"]).await;
    nats.kill();
    let load = Load::start("away", || desk.service.client());
    until("the list says that it fails", async || {
        let all = subscriptions(&desk).await;
        let of_nats = all.iter().find(|one| one["name"] == to_nats.as_str())?;
        of_nats["failing"]["reason"].as_str().map(|_| ())
    })
    .await;
    load.stop().await;
    let log = ids(&log_of(&desk).await);
    has_all("Redis has all events although NATS is away", &log, || in_redis(&redis)).await;
    nats.start_again();
    has_all("NATS has all events when it is back", &log, || in_nats(&nats)).await;
    until("nothing fails any more", async || {
        let all = subscriptions(&desk).await;
        all.iter().all(|one| one["failing"].is_null()).then_some(())
    })
    .await;
}

/// Of three servers one is killed after the other, whichever leads: every event arrives once, in the order of the log.
async fn a_cluster_that_loses_its_leader_loses_no_event(db: Db) {
    let mut cluster = NatsServer::cluster(3);
    let hosts: Vec<String> = cluster
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port()))
        .collect();
    let url = format!("nats://{}/{STREAM}?replicas=3", hosts.join(","));
    let desk = desk_of(db, &[&url]).await;
    until("the cluster takes events", async || {
        (!in_nats(&cluster[0]).await.is_empty()).then_some(())
    })
    .await;
    for round in 0..rounds() {
        let load = Load::start(&format!("r{round}"), || desk.service.client());
        a_while(any_of(100..600)).await;
        let victim = &mut cluster[round as usize % 3];
        victim.kill();
        a_while(any_of(1_000..3_000)).await;
        victim.start_again();
        load.stop().await;
        // Two of three have to be there before the next one goes.
        let log = ids(&log_of(&desk).await);
        has_all("the cluster has all events", &log, || in_nats(&cluster[0])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_delays_nobody_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_broker_that_is_away_delays_nobody).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_its_leader_loses_no_event_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_cluster_that_loses_its_leader_loses_no_event).await;
}
