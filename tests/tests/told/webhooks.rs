//! Webhooks of a running service: kills, slow receivers beside several instances, and events that are not taken.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::service::{Desk, Service, until};
use serde_json::Value;

use crate::receiver::{Receiver, Reply};
use crate::{Load, a_while, any_of, log_of, rounds, subscriptions};

/// What a service needs to know to tell a receiver on this machine.
fn settings(url: &str) -> Vec<(String, String)> {
    [
        ("EARMARK__EVENTS__URLS", url),
        (
            "EARMARK__EVENTS__WEBHOOK_SECRETS",
            "whsec_c2lnbmVkIGluIHRoZSB0ZXN0cyBvbmx5",
        ),
        ("EARMARK__EVENTS__WEBHOOK_NETWORKS", "127.0.0.1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn desk_of(db: Db, url: &str) -> Desk {
    let desk = Desk::open_with(db, settings(url)).await;
    for product in 0..crate::PRODUCTS {
        desk.buy(&format!("b-{product}"), &format!("SKU-{product}"), 1_000_000)
            .await;
    }
    desk
}

fn is_of(event: &Value, sku: &str) -> bool {
    event["data"]["sku"] == sku
}

/// Waits until the receiver has taken the events of the log, but for those of a product.
async fn all_arrive(desk: &Desk, receiver: &Receiver, but: Option<&str>) {
    let log = log_of(desk).await;
    let expected: Vec<_> = log
        .iter()
        .filter(|(_, sku)| but.is_none() || sku.as_deref() != but)
        .collect();
    let places = || -> HashMap<String, usize> { receiver.taken().into_iter().zip(0..).collect() };
    until("all events have arrived", async || {
        let places = places();
        expected.iter().all(|(id, _)| places.contains_key(id)).then_some(())
    })
    .await;
    // Each product's in the order of the log.
    let places = places();
    let mut of_products: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (id, sku) in &expected {
        of_products.entry(sku.as_deref()).or_default().push(places[id]);
    }
    for (sku, places) in of_products {
        assert!(places.is_sorted(), "the events of {sku:?} have changed places");
    }
}

/// The service is killed at any moment under load: each event arrives, and what comes again is the same to the byte.
async fn kills_lose_nothing(db: Db) {
    let receiver = Receiver::start(|_| Reply::Late(Duration::from_millis(any_of(0..80)))).await;
    let mut desk = desk_of(db, &receiver.url()).await;
    for round in 0..rounds() {
        let load = Load::start(&format!("r{round}"), || desk.service.client());
        a_while(any_of(100..900)).await;
        desk.service.kill();
        load.stop().await;
        desk.restart().await;
    }
    all_arrive(&desk, &receiver, None).await;
    let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for request in receiver.requests() {
        let first = bodies.entry(request.id.clone()).or_insert_with(|| request.body.clone());
        assert!(
            *first == request.body,
            "delivery {} came again with other bytes",
            request.id
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(kills_lose_nothing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_on_postgres() {
    on_fresh::<PostgresDatabase, _>(kills_lose_nothing).await;
}

/// A receiver that takes longer than a lease lasts is told by one instance.
async fn a_slow_receiver_is_told_once(db: Db) {
    let receiver = Receiver::start(|_| Reply::Late(Duration::from_secs(8))).await;
    let desk = desk_of(db.clone(), &receiver.url()).await;
    let variables = settings(&receiver.url());
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let _second = Service::start_with(&db.url(), &variables).await;
    until("two deliveries were taken", async || {
        (receiver.requests().len() >= 2).then_some(())
    })
    .await;
    desk.buy("late", "SKU-1", 1).await;
    all_arrive(&desk, &receiver, None).await;
    let ids: Vec<String> = receiver.requests().into_iter().map(|request| request.id).collect();
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "no delivery came twice: {ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_receiver_is_told_once_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_slow_receiver_is_told_once).await;
}

/// Receivers that fail on one product's events, each in its way, get all others.
async fn one_product_is_put_aside(db: Db) {
    const BAD: &str = "SKU-7";
    let mut receivers = Vec::new();
    for reply in [Reply::Status(500), Reply::Status(422), Reply::Drops] {
        let script = move |events: &[Value]| {
            if events.iter().any(|event| is_of(event, BAD)) {
                reply
            } else {
                Reply::Status(204)
            }
        };
        receivers.push(Receiver::start(script).await);
    }
    let urls: Vec<String> = receivers.iter().map(Receiver::url).collect();
    let desk = desk_of(db, &urls.join(",")).await;
    let load = Load::start("load", || desk.service.client());
    a_while(400).await;
    load.stop().await;
    for receiver in &receivers {
        all_arrive(&desk, receiver, Some(BAD)).await;
    }
    for url in &urls {
        let all = subscriptions(&desk).await;
        let one = all
            .iter()
            .find(|one| one["name"] == url.as_str())
            .expect("the subscription");
        assert!(one["put_aside"].as_u64() > Some(0), "{one}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_product_is_put_aside_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(one_product_is_put_aside).await;
}
