//! What messages may do, by the URL of their source.

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::servers::NatsServer;
use earmark_tests::service::{Service, segment, until};
use serde_json::{Value, json};

use crate::senders::{NatsSender, nats_url};
use crate::{allocate, cancel, events, sources};

/// What a source may not do is put aside with the reason, and changes nothing; the rest is done.
async fn a_source_does_what_its_url_lets_it(db: Db) {
    let nats = NatsServer::start("");
    let url = format!(
        "{}&roles=sales&orders_with_prefix=MKT-&skus_with_prefix=LAMP",
        nats_url(&nats)
    );
    let service = Service::start_with(&db.url(), &[("EARMARK__COMMANDS__URLS", &url)]).await;
    let client = service.client();
    client.buy("b-1", "LAMP", 100).await;
    client.buy("b-2", "TABLE", 100).await;
    let _ = client.allocate("OWN-1", "LAMP", 1).await.answers(201);
    let sender = NatsSender::to(&nats).await;
    until("the stream is there", async || sender.left().await).await;
    let sent = [
        allocate("MKT-1", "LAMP"),
        json!({"change_batch": {"reference": "b-1", "quantity": 5}}).to_string(),
        allocate("OTHER-1", "LAMP"),
        allocate("MKT-2", "TABLE"),
        cancel("OWN-1"),
        allocate("MKT-3", "LAMP"),
    ];
    sender.send(sent.into_iter().map(|message| ("", message))).await;
    until("all is done", async || (sender.left().await? == 0).then_some(())).await;
    assert_eq!(
        events(&client).await["Allocated"],
        3,
        "that of the desk, and two of the market"
    );
    let source = sources(&client).await.remove(0)["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let path = format!("/v1/sources/{}/dead-messages", segment(&source));
    let page = client.get(&path).await.answers(200);
    let reasons: Vec<&str> = page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|message| {
            message["reason"]
                .as_str()
                .and_then(|reason| reason.split(':').next())
                .expect("a reason")
        })
        .collect();
    assert_eq!(reasons, ["forbidden", "out_of_bounds", "unknown_sku", "unknown_order"]);
    let own = client.get("/v1/orders/OWN-1").await.answers(200);
    assert_eq!(own["status"], Value::from("firm"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_does_what_its_url_lets_it_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_source_does_what_its_url_lets_it).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_does_what_its_url_lets_it_on_postgres() {
    on_fresh::<PostgresDatabase, _>(a_source_does_what_its_url_lets_it).await;
}
