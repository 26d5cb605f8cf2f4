//! Requests of web pages, of other hosts, and through a proxy.

use actix_web::test::TestRequest;
use earmark_adapters::http::{Site, openapi};
use serde_json::{Value, json};

use super::shop::Shop;

/// Every call that changes something: its method, and its path with names in it.
fn changes() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&openapi()).expect("JSON");
    let mut changes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, _) in item.as_object().expect("a path") {
            if method != "get" {
                changes.push((method.to_uppercase(), path.replace(['{', '}'], "")));
            }
        }
    }
    assert!(changes.len() >= 18, "{changes:?}");
    changes
}

fn from(shop: &Shop, method: &str, path: &str, headers: &[(&'static str, &str)]) -> TestRequest {
    let request = shop.request(method, path).insert_header(("host", "localhost:8080"));
    let request = if path == "/v1/bulk" {
        request.insert_header(("content-type", "application/x-ndjson"))
    } else {
        request
    };
    headers
        .iter()
        .fold(request, |request, header| request.insert_header(*header))
}

#[actix_web::test]
async fn no_form_of_a_page_can_change_anything_with_a_body_or_without() {
    let shop = Shop::open().await;
    shop.stock("B1", "LAMP", 1).await;
    let before = shop.events().await;
    for (method, path) in changes() {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
        ] {
            for body in ["", "{}", "{\"reference\": \"B2\", \"sku\": \"LAMP\", \"quantity\": 1}"] {
                let request = shop.bare_request(&method, &path).set_payload(body);
                let request = match kind {
                    Some(kind) => request.insert_header(("content-type", kind)),
                    None => request,
                };
                let answer = shop.send(request).await;
                let given = format!("{method} {path} as {kind:?}");
                assert_eq!(
                    (answer.status.as_u16(), answer.code().as_str()),
                    (415, "unsupported_media_type"),
                    "{given}"
                );
            }
        }
    }
    assert_eq!(shop.events().await, before);
}

#[actix_web::test]
async fn a_page_of_another_site_can_change_nothing_and_one_of_the_service_can() {
    let shop = Shop::open().await;
    for (method, path) in changes() {
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = shop.send(from(&shop, &method, &path, &[foreign])).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "foreign_origin"),
                "{method} {path} {foreign:?}"
            );
        }
        let own = [("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")];
        let answer = shop.send(from(&shop, &method, &path, &own)).await;
        assert!(![403, 415, 421].contains(&answer.status.as_u16()), "{method} {path}");
    }
}

#[actix_web::test]
async fn a_name_that_is_not_the_services_is_refused_for_reads_too_but_not_for_probes() {
    let shop = Shop::open().await;
    let site = Site {
        hosts: "shop.example".parse().expect("hosts"),
        ..Site::default()
    };
    let named = Shop::at(site).await;
    let get = |path: &str, host: &'static str| TestRequest::get().uri(path).insert_header(("host", host));
    for path in [
        "/",
        "/v1/products",
        "/v1/events",
        "/docs/",
        "/openapi.json",
        "/metrics",
        "/nowhere",
    ] {
        let refused = shop.send(get(path, "evil.example:8080")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (421, "unknown_host"),
            "{path}"
        );
        assert!(
            refused.json()["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("http.hosts"))
        );
        for known in ["localhost:8080", "127.0.0.1", "[::1]:8080"] {
            assert_ne!(shop.send(get(path, known)).await.status.as_u16(), 421, "{path} {known}");
        }
        assert_ne!(named.send(get(path, "shop.example")).await.status.as_u16(), 421);
        assert_eq!(named.send(get(path, "evil.example")).await.status.as_u16(), 421);
    }
    assert_eq!(
        shop.send(get("/health/ready", "any.example")).await.status.as_u16(),
        200
    );
}

#[actix_web::test]
async fn behind_a_proxys_path_every_link_leads_through_the_proxy() {
    let site = Site {
        base_path: "/shop/stock".parse().expect("a path"),
        ..Site::default()
    };
    let shop = Shop::at(site).await;
    let batch = json!({"reference": "B1", "sku": "LAMP", "quantity": 1});
    let made = shop.post("/shop/stock/v1/batches", &batch).await;
    assert_eq!(made.status.as_u16(), 201);
    assert_eq!(made.header("location"), Some("/shop/stock/v1/batches/B1"));
    // The proxy may take its path away.
    assert_eq!(
        shop.get("/v1/batches/B1").await.json(),
        shop.get("/shop/stock/v1/batches/B1").await.json()
    );
    assert_eq!(
        shop.get("/shop/stock/v1/products?limit=1").await.json()["items"][0]["sku"],
        "LAMP"
    );

    let unknown = shop.get("/shop/stock/v1/batches/none").await.json();
    assert_eq!(unknown["type"], "/shop/stock/problems/unknown_batch");
    assert_eq!(
        shop.get(unknown["type"].as_str().expect("a path"))
            .await
            .status
            .as_u16(),
        200
    );
    let line = shop
        .request("POST", "/shop/stock/v1/bulk")
        .insert_header(("content-type", "application/x-ndjson"))
        .set_payload("{}");
    let line: Value = serde_json::from_str(shop.send(line).await.text()).expect("JSON");
    assert_eq!(line["body"]["type"], "/shop/stock/problems/invalid_request");

    let redirect = shop.get("/shop/stock/docs").await;
    assert_eq!(redirect.header("location"), Some("/shop/stock/docs/"));
    let document = shop.get("/shop/stock/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{"url": "/shop/stock"}]));
    for root in ["/shop/stock", "/shop/stock/"] {
        let page = shop.get(root).await;
        assert_eq!(page.status.as_u16(), 200);
        for link in page.text().split("href=\"").skip(1) {
            let link = link.split('"').next().expect("a link");
            assert!(link.starts_with("/shop/stock/"), "{link}");
        }
    }
}

#[actix_web::test]
async fn a_stored_answer_has_the_links_of_the_proxy_it_is_asked_through() {
    let site = Site {
        base_path: "/shop".parse().expect("a path"),
        ..Site::default()
    };
    let shop = Shop::at(site).await;
    let batch = json!({"reference": "B1", "sku": "LAMP", "quantity": 1});
    for path in ["/shop/v1/batches", "/v1/batches"] {
        let answer = shop.with_header("POST", path, ("idempotency-key", "k1"), &batch).await;
        assert_eq!(answer.status.as_u16(), 201);
        assert_eq!(answer.header("location"), Some("/shop/v1/batches/B1"));
    }
}

#[actix_web::test]
async fn an_encrypted_service_tells_browsers_to_stay_with_it_under_names_of_its_own() {
    let site = |is_encrypted| Site {
        hosts: "shop.example".parse().expect("hosts"),
        is_encrypted,
        ..Site::default()
    };
    let get = |host: &'static str| TestRequest::get().uri("/v1/products").insert_header(("host", host));
    let (encrypted, plain) = (Shop::at(site(true)).await, Shop::at(site(false)).await);
    for (host, told) in [
        ("shop.example", Some("max-age=31536000")),
        ("localhost:8443", None),
        ("127.0.0.1", None),
    ] {
        let answer = encrypted.send(get(host)).await;
        assert_eq!(answer.header("strict-transport-security"), told, "{host}");
        assert_eq!(plain.send(get(host)).await.header("strict-transport-security"), None);
    }
}

#[actix_web::test]
async fn a_page_of_the_same_name_that_came_unencrypted_changes_nothing_where_the_service_is_known_to_be_encrypted() {
    let behind = Site {
        proxies: "10.0.0.5".parse().expect("proxies"),
        ..Site::default()
    };
    let encrypted = Site {
        is_encrypted: true,
        ..Site::default()
    };
    let (behind, encrypted) = (Shop::at(behind).await, Shop::at(encrypted).await);
    let batch = r#"{"reference": "B1", "sku": "LAMP", "quantity": 1}"#;
    let from = |shop: &Shop, origin: &'static str, peer: &str| {
        shop.request("POST", "/v1/batches")
            .insert_header(("host", "localhost:8080"))
            .insert_header(("origin", origin))
            .insert_header(("x-forwarded-proto", "https"))
            .peer_addr(format!("{peer}:4711").parse().expect("an address"))
            .set_payload(batch)
    };
    for (origin, peer, status) in [
        ("https://localhost:8080", "10.0.0.5", 201),
        ("http://localhost:8080", "10.0.0.5", 403),
        ("http://localhost:8080", "10.0.0.6", 200),
    ] {
        let answer = behind.send(from(&behind, origin, peer)).await;
        assert_eq!(answer.status.as_u16(), status, "{origin} {peer}");
    }
    for (origin, status) in [("https://localhost:8080", 201), ("http://localhost:8080", 403)] {
        let answer = encrypted.send(from(&encrypted, origin, "10.0.0.6")).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}");
    }
}
