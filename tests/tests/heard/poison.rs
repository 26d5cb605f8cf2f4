//! Messages that can't be carried out.

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::servers::NatsServer;
use earmark_tests::service::{Service, until};
use serde_json::json;

use crate::senders::{NatsSender, nats_url};
use crate::{allocate, dead, events, messages, sources};

/// Of a stream half of poison every good message is carried out, and every bad one is put aside with its reason; those
/// that can be carried out by now are, when somebody wants it.
async fn poison_is_put_aside_and_the_rest_is_done(db: Db) {
    let nats = NatsServer::start("max_payload: 16777216");
    let url = nats_url(&nats);
    let mut service = Service::start_with(&db.url(), &[("EARMARK__COMMANDS__URLS", &url)]).await;
    let client = service.client();
    client.buy("b-1", "LAMP", 1_000_000).await;
    let sender = NatsSender::to(&nats).await;
    until("the stream is there", async || sender.left().await).await;

    let good = messages() / 2;
    let message = |number: usize| {
        let order = format!("o-{}", number / 2);
        match number % 8 {
            1 => json!({"change_batch": {"reference": "nowhere", "quantity": 5}}).to_string(),
            3 => "{\"allocate\":".to_owned(),
            5 => json!({"allocate": {"order_id": order, "sku": "LAMP", "quantity": -1}}).to_string(),
            7 if number < 24 => "x".repeat(10 * 1024 * 1024),
            7 => json!({"shout": {}}).to_string(),
            _ => allocate(&order, "LAMP"),
        }
    };
    sender.send((0..2 * good).map(|number| ("", message(number)))).await;
    until("all is done", async || (sender.left().await? == 0).then_some(())).await;
    assert_eq!(events(&client).await["Allocated"], good);
    assert_eq!(dead(&client).await, good as u64);

    let source = sources(&client).await.remove(0)["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let encoded = earmark_tests::service::segment(&source);
    let page = client
        .get(&format!("/v1/sources/{encoded}/dead-messages?limit=100"))
        .await
        .answers(200);
    let all = page["items"].as_array().expect("a list");
    let reasons: Vec<&str> = all
        .iter()
        .map(|one| one["reason"].as_str().expect("a reason"))
        .collect();
    for wanted in ["unknown_batch", "malformed_json", "quantity", "10485760 bytes", "shout"] {
        assert!(
            reasons.iter().any(|reason| reason.contains(wanted)),
            "{wanted}: {reasons:?}"
        );
    }

    // The broker moves: it has another address from now on. What it had sent is found by the name of its stream.
    assert_eq!(source, "nats/COMMANDS");
    service.kill();
    let moved = url.replace("127.0.0.1", "localhost");
    assert_ne!(moved, url);
    let service = Service::start_with(&db.url(), &[("EARMARK__COMMANDS__URLS", &moved)]).await;
    let client = service.client();

    // Those that meant this batch are carried out when they are tried again.
    client.buy("nowhere", "LAMP", 9).await;
    let replay = format!("/v1/sources/{encoded}/replay");
    let replayed = client.post(&replay, &json!({})).await.answers(200);
    // What was not kept whole can't be tried again.
    assert_eq!(replayed["messages"], good - 3);
    let unknown = (2 * good).div_ceil(8) as u64;
    until("they are carried out", async || {
        (dead(&client).await == good as u64 - unknown).then_some(())
    })
    .await;
    assert_eq!(client.batch("nowhere").await["quantity"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_put_aside_and_the_rest_is_done_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(poison_is_put_aside_and_the_rest_is_done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_put_aside_and_the_rest_is_done_on_postgres() {
    on_fresh::<PostgresDatabase, _>(poison_is_put_aside_and_the_rest_is_done).await;
}
