//! The service is killed, and brokers lose their last files.

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::servers::{NatsServer, RedisServer};
use earmark_tests::service::until;

use crate::sinks::{in_nats, in_redis, nats_url, redis_url};
use crate::{Load, a_while, any_of, desk_of, has_all, ids, log_of, rounds};

/// How many events there are at least in each round, before the service is killed.
const EVENTS_BEFORE_A_KILL: usize = 50;

/// The service is killed at any moment under load, again and again: in the end each broker has every event once, in the
/// order of the log.
async fn kills_lose_and_repeat_nothing(db: Db) {
    let (nats, redis) = (NatsServer::start(""), RedisServer::start("appendonly yes"));
    let (to_nats, to_redis) = (nats_url(&nats), redis_url(&redis));
    let mut desk = desk_of(db, &[&to_nats, &to_redis]).await;
    for round in 0..rounds() {
        let seen = log_of(&desk).await.len();
        let load = Load::start(&format!("r{round}"), || desk.service.client());
        until("there is something to lose", async || {
            (log_of(&desk).await.len() > seen + EVENTS_BEFORE_A_KILL).then_some(())
        })
        .await;
        a_while(any_of(50..900)).await;
        desk.service.kill();
        load.stop().await;
        desk.restart().await;
    }
    let log = ids(&log_of(&desk).await);
    has_all("NATS has all events", &log, || in_nats(&nats)).await;
    has_all("Redis has all events", &log, || in_redis(&redis)).await;
}

/// A broker is killed and gets its files of a while ago back: what it has lost is delivered again.
async fn a_broker_that_forgets_is_made_whole(db: Db) {
    let (mut nats, mut redis) = (NatsServer::start(""), RedisServer::start("appendonly yes"));
    let (to_nats, to_redis) = (nats_url(&nats), redis_url(&redis));
    let desk = desk_of(db, &[&to_nats, &to_redis]).await;
    for round in 0..rounds() {
        let load = Load::start(&format!("r{round}"), || desk.service.client());
        a_while(any_of(100..500)).await;
        nats.kill();
        redis.kill();
        let (nats_then, redis_then) = (nats.copy_files(), redis.copy_files());
        nats.start_again();
        redis.start_again();
        a_while(any_of(500..1_500)).await;
        nats.kill();
        redis.kill();
        nats.put_back(&nats_then);
        redis.put_back(&redis_then);
        nats.start_again();
        redis.start_again();
        a_while(any_of(100..500)).await;
        load.stop().await;
    }
    let log = ids(&log_of(&desk).await);
    has_all("NATS has all events", &log, || in_nats(&nats)).await;
    has_all("Redis has all events", &log, || in_redis(&redis)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_repeat_nothing_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(kills_lose_and_repeat_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_and_repeat_nothing_on_postgres() {
    on_fresh::<PostgresDatabase, _>(kills_lose_and_repeat_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_forgets_is_made_whole_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_broker_that_forgets_is_made_whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_forgets_is_made_whole_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_broker_that_forgets_is_made_whole).await;
}
