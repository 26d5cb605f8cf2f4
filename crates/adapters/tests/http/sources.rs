//! Sources of commands: what is shown of their dead messages, and what can be decided.

use std::sync::Arc;

use actix_web::http::StatusCode;
use earmark_adapters::memory::MemoryStore;
use earmark_application::{DeadMessage, Inbox, SHOWN_DEAD_BODY_BYTES, SourceName};
use serde_json::{Value, json};

use super::shop::{Shop, opening};

/// The path of a source whose name has to be encoded.
const ORDERS: &str = "/v1/sources/nats%2FORDERS";

fn message(id: &str, body: &[u8], bytes: usize) -> DeadMessage {
    DeadMessage {
        number: 0,
        source: SourceName::new("nats/ORDERS"),
        id: id.to_owned(),
        correlation_id: None,
        body: body.to_vec(),
        bytes: bytes as u64,
        is_whole: body.len() == bytes,
        reason: "malformed_json: it ends too early".to_owned(),
        attempts: 1,
        since: opening(),
        replayed: false,
    }
}

/// A shop with dead messages: one that is JSON, one that is no text, a long one, and one that was not kept whole.
async fn shop() -> Shop {
    let store = Arc::new(MemoryStore::new());
    let long = "é".repeat(SHOWN_DEAD_BODY_BYTES);
    let messages = [
        message("m-1", b"{\"x\": 1", 7),
        message("", b"\xff", 1),
        message("m-3", long.as_bytes(), long.len()),
        message("m-4", b"begin", 10 << 20),
    ];
    let buried = store.bury(&messages[0].source, &messages).await;
    assert!(buried.expect("memory answers"));
    Shop::with((*store).clone(), store.clone(), store).await
}

async fn numbers(shop: &Shop) -> Vec<Value> {
    let page = shop.get(&format!("{ORDERS}/dead-messages")).await.json();
    let items = page["items"].as_array().expect("messages").iter();
    items.map(|item| item["number"].clone()).collect()
}

#[actix_web::test]
async fn sources_are_listed_with_their_dead_messages_a_page_at_a_time() {
    let shop = shop().await;
    assert_eq!(
        shop.get("/v1/sources").await.json(),
        json!({"items": [{"name": "nats/ORDERS", "dead": 4, "replayed": 0}], "next": null})
    );
    let first = shop.get(&format!("{ORDERS}/dead-messages?limit=2")).await.json();
    assert_eq!(
        first,
        json!({"items": [
            {"number": 1, "id": "m-1", "reason": "malformed_json: it ends too early", "attempts": 1,
             "since": opening().to_string(), "replayed": false, "body": "{\"x\": 1", "bytes": 7, "whole": true},
            {"number": 2, "id": null, "reason": "malformed_json: it ends too early", "attempts": 1,
             "since": opening().to_string(), "replayed": false, "body": null, "bytes": 1, "whole": true},
        ], "next": 2})
    );
    let second = shop.get(&format!("{ORDERS}/dead-messages?after=2")).await.json();
    let bodies: Vec<usize> = second["items"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|item| item["body"].as_str().map_or(0, str::len))
        .collect();
    assert_eq!(bodies, [SHOWN_DEAD_BODY_BYTES, 5]);
    assert_eq!(
        (&second["items"][1]["whole"], &second["next"]),
        (&json!(false), &Value::Null)
    );
}

#[actix_web::test]
async fn dead_messages_are_replayed_and_skipped_and_a_preview_decides_nothing() {
    let shop = shop().await;
    let decide = async |path: &str, body: &Value| {
        let reply = shop.post(&format!("{ORDERS}/{path}"), body).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.json()["messages"].as_u64().expect("a number")
    };
    assert_eq!(decide("replay?preview=true", &json!({})).await, 3, "the whole ones");
    assert_eq!(decide("replay?preview=true", &json!({"numbers": [1, 4, 9]})).await, 1);
    assert_eq!(decide("replay", &json!({"numbers": [1, 4, 9]})).await, 1);
    assert_eq!(shop.get("/v1/sources").await.json()["items"][0]["replayed"], 1);
    assert_eq!(decide("replay", &json!({})).await, 2);
    assert_eq!(decide("skip?preview=true", &json!({})).await, 4);
    assert_eq!(decide("skip", &json!({"numbers": [2]})).await, 1);
    assert_eq!(numbers(&shop).await, [1, 3, 4]);
    assert_eq!(decide("skip", &json!({})).await, 3);
    assert_eq!(shop.get("/v1/sources").await.json()["items"], json!([]));
}

#[actix_web::test]
async fn a_source_without_dead_messages_is_unknown_and_a_body_at_fault_is_refused() {
    let shop = shop().await;
    for reply in [
        shop.get("/v1/sources/none/dead-messages").await,
        shop.post("/v1/sources/none/replay", &json!({})).await,
        shop.post("/v1/sources/none/skip", &json!({})).await,
    ] {
        let status = reply.status;
        let problem = reply.json();
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("unknown_source"))
        );
    }
    for body in [
        json!({"numbers": []}),
        json!({"numbers": [-1]}),
        json!({"numbers": ["1"]}),
        json!({"all": true}),
    ] {
        let reply = shop.post(&format!("{ORDERS}/skip"), &body).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    assert_eq!(numbers(&shop).await, [1, 2, 3, 4]);
}
