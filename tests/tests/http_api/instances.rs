//! Several services on one database: no unit is promised twice, and readers miss no event.

use std::collections::BTreeMap;

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Service, until};
use serde_json::{Value, json};

/// Orders one unit of each of two products, again while the service is busy. Returns whether the order was placed.
async fn order(client: Client, id: String, skus: [&str; 2]) -> bool {
    let lines = skus.map(|sku| json!({"sku": sku, "quantity": 1}));
    let order = json!({"order_id": id, "lines": lines});
    until("the order is answered", async || {
        let reply = client.post("/v1/orders", &order).await;
        match reply.status {
            503 => None,
            409 => Some(false),
            _ => {
                assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
                Some(true)
            }
        }
    })
    .await
}

async fn two_services_never_promise_the_same_unit(desk: Desk) {
    let other = Service::start(&desk.db.url()).await;
    desk.buy("B1", "LAMP", 60).await;
    other.client().buy("B2", "CHAIR", 60).await;
    let clients = [desk.service.client(), other.client()];
    let buyers: Vec<_> = (0..200)
        .map(|at| {
            let skus = if at % 4 < 2 {
                ["LAMP", "CHAIR"]
            } else {
                ["CHAIR", "LAMP"]
            };
            tokio::spawn(order(clients[at % 2].clone(), format!("o{at}"), skus))
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        sold += usize::from(buyer.await.expect("a buyer is answered"));
    }
    assert_eq!(sold, 60);
    for client in &clients {
        for sku in ["LAMP", "CHAIR"] {
            assert_eq!(client.product(sku).await["available"], 0, "both show the same state");
        }
    }
    desk.verify().await;
}

async fn the_same_order_sent_to_two_services_is_placed_once(desk: Desk) {
    let other = Service::start(&desk.db.url()).await;
    desk.buy("B1", "LAMP", 100).await;
    for at in 0..20 {
        let id = format!("o{at}");
        let line = json!({"order_id": id, "sku": "LAMP", "quantity": 1});
        let (here, there) = (desk.service.client(), other.client());
        let (here, there) = tokio::join!(
            here.post("/v1/allocations", &line),
            there.post("/v1/allocations", &line)
        );
        let mut statuses = [here.status, there.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} {}", here.text(), there.text());
    }
    assert_eq!(desk.product("LAMP").await["available"], 80);
}

async fn a_reader_of_one_service_misses_nothing_that_others_write(desk: Desk) {
    /// Commands of each service.
    const COMMANDS: usize = 80;

    let other = Service::start(&desk.db.url()).await;
    let clients = [desk.service.client(), other.client()];
    let writers: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(writer, client)| {
            let client = client.clone();
            tokio::spawn(async move {
                for at in 0..COMMANDS {
                    client
                        .buy(&format!("B{writer}-{at}"), &format!("SKU{writer}-{}", at % 3), 1)
                        .await;
                }
            })
        })
        .collect();
    // Each read continues where the last one ended.
    let mut read: Vec<Value> = Vec::new();
    while read.len() < 2 * COMMANDS {
        let after = read.last().and_then(|event| event["sequence"].as_u64()).unwrap_or(0);
        let news = until("there is a new event", async || {
            let news = desk.events_after(after, "").await;
            (!news.is_empty()).then_some(news)
        });
        read.extend(news.await);
    }
    for writer in writers {
        writer.await.expect("a writer is served");
    }
    assert_eq!(
        read,
        desk.events().await,
        "an event that was committed late was skipped"
    );
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for event in &read {
        let version = versions.entry(event["sku"].as_str().expect("a SKU")).or_default();
        *version += 1;
        assert_eq!(event["version"], *version);
    }
}

on_each_database! {
    two_services_never_promise_the_same_unit,
    the_same_order_sent_to_two_services_is_placed_once,
    a_reader_of_one_service_misses_nothing_that_others_write,
}
