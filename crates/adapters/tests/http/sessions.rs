//! The cookie of a session, by how the client has come.

use earmark_adapters::http::Site;
use serde_json::json;

use super::shop::{Answer, Shop};

/// Makes the first key, and signs in with it from behind a proxy.
async fn sign_in(shop: &Shop, path: &str, proto: &'static str) -> (Answer, String) {
    let made = shop
        .post("/v1/keys", &json!({"name": "anna", "roles": ["admin"]}))
        .await;
    let key = made.json()["secret"].as_str().expect("a secret").to_owned();
    let form = shop
        .bare_request("POST", path)
        .insert_header(("host", "localhost:8080"))
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("x-forwarded-proto", proto))
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .peer_addr("10.0.0.5:4711".parse().expect("an address"))
        .set_payload(format!("key={key}"));
    (shop.send(form).await, key)
}

fn behind(base_path: &str) -> Site {
    Site {
        proxies: "10.0.0.5".parse().expect("proxies"),
        base_path: base_path.parse().expect("a path"),
        ..Site::default()
    }
}

#[actix_web::test]
async fn a_cookie_goes_only_where_it_belongs_and_encrypted_where_it_came_so() {
    for (base, proto, expected) in [
        ("/", "http", "earmark_session=; Path=/; "),
        ("/", "https", "__Host-earmark_session=; Path=/; "),
        ("/stock", "http", "earmark_session=; Path=/stock; "),
        ("/stock", "https", "earmark_session=; Path=/stock; "),
    ] {
        let shop = Shop::at(behind(base)).await;
        let path = format!("{}/sign-in", base.trim_end_matches('/'));
        let (answer, _) = sign_in(&shop, &path, proto).await;
        let given = format!("{base} {proto}");
        assert_eq!(answer.status.as_u16(), 303, "{given}: {}", answer.text());
        let home = if base == "/" { "/" } else { "/stock/" };
        assert_eq!(answer.header("location"), Some(home), "{given}");
        let cookie = answer.header("set-cookie").expect("a cookie");
        let (name, rest) = cookie.split_once('=').expect("a name");
        let (id, attributes) = rest.split_once(';').expect("attributes");
        assert_eq!(id.len(), 64, "{cookie}");
        assert!(format!("{name}=;{attributes}").starts_with(expected), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), proto == "https", "{cookie}");
        // Somebody who has come unencrypted can't use what was given to who has not.
        for (other, status) in [
            ("http", if name.starts_with("__Host-") { 401 } else { 200 }),
            (proto, 200),
        ] {
            let get = shop
                .bare_request("GET", "/v1/products")
                .insert_header(("host", "localhost:8080"))
                .insert_header(("x-forwarded-proto", other))
                .insert_header(("cookie", format!("{name}={id}")))
                .peer_addr("10.0.0.5:4711".parse().expect("an address"));
            assert_eq!(shop.send(get).await.status.as_u16(), status, "{given} {other}");
        }
    }
}

#[actix_web::test]
async fn the_page_is_shown_to_who_wants_it_and_an_answer_to_every_other_call() {
    let shop = Shop::at(behind("/stock")).await;
    let (_, key) = sign_in(&shop, "/stock/sign-in", "https").await;
    let get = |path: &str| shop.bare_request("GET", path).insert_header(("host", "localhost:8080"));
    let home = shop.send(get("/stock")).await;
    assert_eq!(
        (home.status.as_u16(), home.header("location")),
        (303, Some("/stock/sign-in"))
    );
    let page = shop.send(get("/stock/sign-in")).await;
    assert!(page.text().contains("action=\"/stock/sign-in\""), "{}", page.text());
    for path in ["/stock/v1/products", "/stock/docs/", "/stock/metrics", "/stock/nothing"] {
        assert_eq!(shop.send(get(path)).await.status.as_u16(), 401, "{path}");
    }
    // Whoever shows a key that opens nothing hears so.
    let wrong = get("/stock/").insert_header(("authorization", format!("Bearer {key}0")));
    assert_eq!(shop.send(wrong).await.status.as_u16(), 401);
    let right = get("/stock/").insert_header(("authorization", format!("Bearer {key}")));
    let shown = shop.send(right).await;
    assert_eq!(shown.status.as_u16(), 200);
    assert!(
        shown.text().contains("sign-out\" hidden"),
        "who shows a key has not signed in"
    );
}
