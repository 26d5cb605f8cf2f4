//! Pages of other origins, and the headers by which browsers protect those who look at an answer.

use actix_web::http::StatusCode;
use earmark_adapters::http::Site;
use serde_json::json;

use super::shop::Shop;

const DASHBOARD: &str = "https://dashboard.example";

async fn shop() -> Shop {
    Shop::at(Site {
        cors_origins: DASHBOARD.parse().expect("an origin"),
        ..Site::default()
    })
    .await
}

#[actix_web::test]
async fn a_page_of_a_listed_origin_may_read_and_of_another_may_not() {
    let shop = shop().await;
    for path in ["/v1/products", "/v1/batches/none", "/nothing"] {
        let read = async |origin: &str| {
            let request = shop.request("GET", path).insert_header(("origin", origin));
            shop.send(request).await
        };
        let answer = read(DASHBOARD).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(DASHBOARD), "{path}");
        assert_eq!(answer.header("vary"), Some("origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        for foreign in ["https://evil.example", "http://dashboard.example", "null"] {
            let answer = read(foreign).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path} {foreign}");
            assert_eq!(answer.header("vary"), Some("origin"));
        }
    }
    let unlisted = Shop::open().await.get("/v1/products").await;
    assert_eq!(unlisted.header("vary"), None);
    assert_eq!(unlisted.header("access-control-allow-origin"), None);
}

#[actix_web::test]
async fn a_browser_that_asks_first_hears_that_reading_is_allowed_and_nothing_else() {
    let shop = shop().await;
    let made = shop
        .post("/v1/keys", &json!({"name": "root", "roles": ["admin"]}))
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    let asked = async |origin: &str, method: &str| {
        let request = shop.bare_request("OPTIONS", "/v1/orders/o1");
        let request = request
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", method))
            .insert_header(("access-control-request-headers", "authorization"));
        let answer = shop.send(request).await;
        // A browser has no key with this question.
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        answer
    };
    let allowed = asked(DASHBOARD, "GET").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some(DASHBOARD));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("GET, HEAD"));
    let headers = allowed.header("access-control-allow-headers").expect("headers");
    assert!(headers.contains("authorization"), "{headers}");
    for (origin, method) in [
        (DASHBOARD, "POST"),
        (DASHBOARD, "DELETE"),
        ("https://evil.example", "GET"),
    ] {
        let answer = asked(origin, method).await;
        assert_eq!(answer.header("access-control-allow-methods"), None, "{origin} {method}");
        assert_eq!(answer.header("access-control-allow-headers"), None);
    }
    // Without that question it is a call like any other.
    let answer = shop.send(shop.bare_request("OPTIONS", "/v1/orders/o1")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn every_answer_has_the_headers_by_which_browsers_protect_their_users() {
    let shop = Shop::open().await;
    for (method, path) in [
        ("GET", "/v1/products"),
        ("GET", "/v1/batches/none"),
        ("GET", "/nothing"),
        ("DELETE", "/v1/products"),
        ("GET", "/"),
        ("GET", "/health/live"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/docs/"),
        ("GET", "/problems/busy"),
    ] {
        let answer = shop.send(shop.request(method, path)).await;
        // A page with a form says to the service alone from where it is sent.
        let referrer = if path == "/" { "same-origin" } else { "no-referrer" };
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", referrer),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path}: {name}");
        }
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src '"), "{method} {path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{method} {path}: {policy}");
        assert!(answer.header("cache-control").is_some(), "{method} {path}");
    }
    let products = shop.get("/v1/products").await;
    assert_eq!(products.header("cache-control"), Some("no-store"));
}
