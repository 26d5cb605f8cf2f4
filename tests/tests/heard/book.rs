//! The book's own story: a batch gets smaller by a message on one Redis channel, and another channel says where its line
//! went.

use earmark_tests::databases::{Db, SqliteDatabase, on_fresh};
use earmark_tests::servers::RedisServer;
use earmark_tests::service::{Service, in_time, until};
use futures::StreamExt;
use redis::AsyncCommands;
use serde_json::{Value, json};

use crate::senders::{redis_of, redis_url};

async fn a_smaller_batch_has_its_line_allocated_elsewhere(db: Db) {
    let redis = RedisServer::start("");
    let url = redis_url(&redis);
    let settings = [("EARMARK__COMMANDS__URLS", &*url), ("EARMARK__EVENTS__URLS", &*url)];
    let service = Service::start_with(&db.url(), &settings).await;
    let client = service.client();
    let mut connection = redis_of(&redis).await;
    until("it listens", async || {
        let asked = redis::cmd("PUBSUB")
            .arg(&["NUMSUB", "change_batch_quantity"])
            .to_owned();
        let listeners: (String, usize) = asked.query_async(&mut connection.clone()).await.expect("a number");
        (listeners.1 == 1).then_some(())
    })
    .await;

    for (reference, eta) in [("old", "2030-01-01"), ("newer", "2030-01-02")] {
        let batch = json!({"ref": reference, "sku": "LAMP", "qty": 10, "eta": eta});
        assert_eq!(client.post("/add_batch", &batch).await.text(), "OK");
    }
    let line = json!({"orderid": "order-1", "sku": "LAMP", "qty": 10});
    assert_eq!(client.post("/allocate", &line).await.text(), "OK");
    let allocations = client.get("/allocations/order-1").await.answers(200);
    assert_eq!(allocations, json!([{"sku": "LAMP", "batchref": "old"}]));

    let listener = redis::Client::open(url.as_str()).expect("an address");
    let mut channel = listener.get_async_pubsub().await.expect("a connection");
    channel.subscribe("line_allocated").await.expect("it listens");
    let change = json!({"batchref": "old", "qty": 5}).to_string();
    let heard: usize = connection
        .publish("change_batch_quantity", change)
        .await
        .expect("it is said");
    assert_eq!(heard, 1);

    let mut told = channel.on_message();
    in_time("it is told where the line went", async {
        loop {
            let message = told.next().await.expect("a message");
            let payload: String = message.get_payload().expect("a text");
            let line: Value = serde_json::from_str(&payload).expect("JSON");
            if line["batchref"] == "newer" {
                assert_eq!(
                    line,
                    json!({"orderid": "order-1", "sku": "LAMP", "qty": 10, "batchref": "newer"})
                );
                return;
            }
        }
    })
    .await;
    let allocations = client.get("/allocations/order-1").await.answers(200);
    assert_eq!(allocations, json!([{"sku": "LAMP", "batchref": "newer"}]));
    assert_eq!(client.batch("old").await["quantity"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_batch_has_its_line_allocated_elsewhere_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(a_smaller_batch_has_its_line_allocated_elsewhere).await;
}
