//! Somebody else keeps a transaction open on the database: a report, or a tool that was forgotten.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use earmark_tests::databases::{Db, PostgresDatabase, on_fresh};
use earmark_tests::servers::NatsServer;
use earmark_tests::service::{Desk, Service, until};

use crate::sinks::{in_nats, nats_url};
use crate::{Load, a_while, desk_of, has_all, ids, log_of, rounds, subscriptions};

/// For how long each round allocates through all instances.
const ROUND_MILLISECONDS: u64 = 3_000;

/// What the other one has read and written, and never ends.
const OPEN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; CREATE TABLE elsewhere AS SELECT count(*) FROM events";

/// Three instances write beside a transaction that stays open: the subscriber has every event while it is open still, and
/// none is left out.
async fn a_transaction_that_stays_open_delays_no_event(db: Db) {
    let nats = NatsServer::start("");
    let url = nats_url(&nats);
    let desk = desk_of(db.clone(), &[&url]).await;
    let others = [
        Service::start_with(&db.url(), &[("EARMARK__EVENTS__URLS", &url)]).await,
        Service::start_with(&db.url(), &[("EARMARK__EVENTS__URLS", &url)]).await,
    ];
    let mut other = AsyncPgConnection::establish(&db.url())
        .await
        .expect("the database answers");
    other.batch_execute(OPEN).await.expect("it is begun");
    for round in 0..rounds() {
        let loads = [
            Load::start(&format!("r{round}a"), || desk.service.client()),
            Load::start(&format!("r{round}b"), || others[0].client()),
            Load::start(&format!("r{round}c"), || others[1].client()),
        ];
        a_while(ROUND_MILLISECONDS).await;
        for load in loads {
            load.stop().await;
        }
        let newest = newest_of(&desk).await;
        until("the subscriber has been told of all", async || {
            let place = subscriptions(&desk).await[0]["place"].clone();
            (place == newest.as_str()).then_some(())
        })
        .await;
    }
    let log = ids(&log_of(&desk).await);
    assert!(log.len() > 200 * rounds() as usize, "{} events prove little", log.len());
    has_all("NATS has all events", &log, || in_nats(&nats)).await;
    other.batch_execute("ROLLBACK").await.expect("it was open all the time");
}

/// The cursor behind the newest event.
async fn newest_of(desk: &Desk) -> String {
    let page = desk.get("/v1/events?after=now").await.answers(200);
    page["next"].as_str().expect("a cursor").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_stays_open_delays_no_event_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_transaction_that_stays_open_delays_no_event).await;
}
