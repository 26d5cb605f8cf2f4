//! What one caller may take of the service.

use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::StatusCode;
use earmark_adapters::http::Limits;
use serde_json::json;

use super::shop::{Answer, Shop};

fn a_second(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("more than none")
}

/// The administrator's key, which closes the shop.
async fn close(shop: &Shop) -> String {
    let made = shop
        .post("/v1/keys", &json!({"name": "root", "roles": ["admin"]}))
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    made.json()["secret"].as_str().expect("a secret").to_owned()
}

async fn ask(shop: &Shop, from: &str, key: Option<&str>) -> Answer {
    let request = shop.request("GET", "/v1/products");
    let request = request.peer_addr(format!("{from}:4711").parse().expect("an address"));
    shop.send(match key {
        Some(key) => request.insert_header(("authorization", format!("Bearer {key}"))),
        None => request,
    })
    .await
}

#[actix_web::test]
async fn a_key_may_ask_so_often_a_second_and_is_told_what_is_left() {
    tokio::time::pause();
    let shop = Shop::limited(Limits {
        requests_per_second: Some(a_second(3)),
        ..Limits::default()
    })
    .await;
    let root = close(&shop).await;
    let made = shop
        .with_header(
            "POST",
            "/v1/keys",
            ("authorization", &format!("Bearer {root}")),
            &json!({"name": "shop", "roles": ["viewer"]}),
        )
        .await;
    let key = made.json()["secret"].as_str().expect("a secret").to_owned();
    for left in (0..3).rev() {
        // Wherever it asks from.
        let answer = ask(&shop, &format!("192.0.2.{left}"), Some(&key)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"requests\";r={left};t=1")));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"requests\";q=3;w=1"));
    }
    let refused = ask(&shop, "192.0.2.1", Some(&key)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (429, "too_many_requests")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"requests\";r=0;t=1"));
    assert_eq!(ask(&shop, "192.0.2.1", Some(&root)).await.status, StatusCode::OK);
    let probe = shop.get("/health/live").await;
    assert_eq!((probe.status, probe.header("ratelimit")), (StatusCode::OK, None));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ask(&shop, "192.0.2.1", Some(&key)).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn who_is_not_known_is_held_to_the_limit_of_an_address_and_disturbs_nobody() {
    tokio::time::pause();
    let shop = Shop::limited(Limits {
        unknown_per_second: a_second(5),
        ..Limits::default()
    })
    .await;
    let root = close(&shop).await;
    assert_eq!(ask(&shop, "192.0.2.1", Some(&root)).await.status, StatusCode::OK);
    let guess = format!("earmark_{}", "0".repeat(72));
    let mut refused = Vec::new();
    for number in 0..20 {
        let key = [None, Some("nonsense"), Some(guess.as_str())][number % 3];
        refused.push(ask(&shop, "192.0.2.1", key).await.status.as_u16());
    }
    // A place was taken by the key, before it was known.
    assert_eq!(refused[..4], [401; 4]);
    assert_eq!(refused[10..], [429; 10]);
    let last = ask(&shop, "192.0.2.1", None).await;
    assert_eq!(last.header("ratelimit-policy"), Some("\"unknown\";q=5;w=1"));
    // A key that is known by now, and callers from elsewhere, hear nothing of it.
    assert_eq!(ask(&shop, "192.0.2.1", Some(&root)).await.status, StatusCode::OK);
    assert_eq!(ask(&shop, "192.0.2.2", None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.get("/health/live").await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ask(&shop, "192.0.2.1", None).await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn as_long_as_there_is_no_key_addresses_are_limited() {
    tokio::time::pause();
    let shop = Shop::limited(Limits {
        requests_per_second: Some(a_second(2)),
        unknown_per_second: a_second(1),
        ..Limits::default()
    })
    .await;
    let mut statuses = Vec::new();
    for from in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        statuses.push(ask(&shop, from, None).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}
