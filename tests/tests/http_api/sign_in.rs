//! Signing in with a key, as a browser does it.

use std::time::{Duration, Instant};

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, earmark, in_time, until};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, redirect};
use serde_json::{Value, json};

use crate::access::administrator;

/// A browser: it keeps its cookie, and says of what it sends from which page it is.
#[derive(Clone)]
struct Browser {
    http: reqwest::Client,
    base: String,
    cookie: Option<String>,
    headers: HeaderMap,
}

impl Browser {
    fn at(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .expect("a client");
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.insert("origin", HeaderValue::from_str(base).expect("a value"));
        Self {
            http,
            base: base.to_owned(),
            cookie: None,
            headers,
        }
    }

    /// The same, which says another thing in a header, or nothing.
    fn saying(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut other = self.clone();
        let name = HeaderName::from_static(name);
        match value {
            Some(value) => drop(
                other
                    .headers
                    .insert(name, HeaderValue::from_str(value).expect("a value")),
            ),
            None => drop(other.headers.remove(name)),
        }
        other
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let is_safe = method == Method::GET;
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        if is_safe {
            request
        } else {
            request.headers(self.headers.clone())
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("a reply")
    }

    async fn form(&self, path: &str, body: String) -> Response {
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.expect("a reply")
    }

    async fn json(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.request(method, path).header("content-type", "application/json");
        request.body(body.to_string()).send().await.expect("a reply")
    }

    /// Signs in, and keeps the cookie.
    async fn sign_in(&mut self, key: &str) -> Response {
        let reply = self.form("/sign-in", format!("key={key}")).await;
        if let Some(cookie) = reply.headers().get("set-cookie") {
            let cookie = cookie.to_str().expect("text").split(';').next().expect("a pair");
            self.cookie = Some(cookie.to_owned());
        }
        reply
    }
}

fn location(reply: &Response) -> &str {
    reply.headers()["location"].to_str().expect("a path")
}

/// A key with these roles, as text.
async fn secret(admin: &Client, name: &str, roles: &[&str]) -> String {
    let made = admin.post("/v1/keys", &json!({"name": name, "roles": roles})).await;
    made.answers(201)["secret"].as_str().expect("a secret").to_owned()
}

async fn whoever_has_a_key_signs_in_with_it_and_out_again(desk: Desk) {
    let mut browser = Browser::at(desk.base());
    // As long as there is no key there is nothing to sign in with.
    assert_eq!(browser.get("/").await.status(), 200);
    assert_eq!(location(&browser.get("/sign-in").await), "/");
    let admin = administrator(&desk).await;
    let key = secret(&admin, "anna", &["planner"]).await;
    let home = browser.get("/").await;
    assert_eq!((home.status().as_u16(), location(&home)), (303, "/sign-in"));
    let page = browser.get("/sign-in").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
    assert!(page.text().await.expect("text").contains("action=\"/sign-in\""));

    let reply = browser.sign_in(&key).await;
    assert_eq!((reply.status().as_u16(), location(&reply)), (303, "/"));
    let cookie = reply.headers()["set-cookie"].to_str().expect("text").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|given| given == part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the connection is not encrypted");
    let home = browser.get("/").await;
    assert_eq!(home.status(), 200);
    let text = home.text().await.expect("text");
    assert!(text.contains("Signed in as <strong>anna</strong>"), "{text}");
    // The calls of its pages are those of its key.
    assert_eq!(browser.get("/v1/products").await.status(), 200);
    let batch = json!({"reference": "PO-1", "sku": "LAMP", "quantity": 10});
    let made = browser.json(Method::POST, "/v1/batches", &batch).await;
    assert_eq!(made.status(), 201);
    let order = json!({"order_id": "o-1", "sku": "LAMP", "quantity": 1});
    let placed = browser.json(Method::POST, "/v1/allocations", &order).await;
    assert_eq!(placed.status(), 403);
    assert_eq!(admin.events().await[0]["actor"], "anna");

    let old = browser.clone();
    let reply = browser.form("/sign-out", String::new()).await;
    assert_eq!((reply.status().as_u16(), location(&reply)), (303, "/sign-in"));
    let taken = reply.headers()["set-cookie"].to_str().expect("text");
    assert!(
        taken.starts_with("earmark_session=; ") && taken.contains("Max-Age=0"),
        "{taken}"
    );
    // The cookie alone is worth nothing, whoever has a copy of it.
    assert_eq!(old.get("/v1/products").await.status(), 401);
    let log = admin.get("/v1/audit?limit=500").await;
    assert!(!log.text().contains(&key[..20]));
    let log = log.answers(200);
    let entries = log["items"].as_array().expect("a list").iter();
    let mine = entries.filter(|entry| entry["who"] == "anna" && entry["outcome"] == "done");
    let what: Vec<&str> = mine.map(|entry| entry["what"].as_str().expect("what")).collect();
    assert_eq!(what, ["sign_in", "sign_out"]);
    let id = old
        .cookie
        .as_deref()
        .and_then(|cookie| cookie.split_once('='))
        .expect("a pair")
        .1;
    let logged = desk.service.log();
    assert!(!logged.contains(&key) && !logged.contains(id));
}

async fn what_opens_nothing_begins_no_session_and_is_recorded(desk: Desk) {
    let admin = administrator(&desk).await;
    let key = secret(&admin, "anna", &["viewer"]).await;
    let mut browser = Browser::at(desk.base());
    let unknown = format!("earmark_{}", "0".repeat(72));
    for wrong in [unknown.as_str(), "", "anna", &key[..79]] {
        let reply = browser.sign_in(wrong).await;
        assert_eq!(reply.status(), 401, "{wrong}");
        assert!(reply.headers().get("set-cookie").is_none(), "{wrong}");
        assert!(
            reply
                .text()
                .await
                .expect("text")
                .contains("unknown, revoked or expired")
        );
    }
    // A key does not belong into a URL.
    assert_eq!(browser.get(&format!("/sign-in?key={key}")).await.status(), 422);
    let form = browser.form(&format!("/sign-in?key={key}"), String::new()).await;
    assert_eq!(form.status(), 422);
    let json = browser.json(Method::POST, "/sign-in", &json!({"key": key})).await;
    assert_eq!(json.status(), 415);
    let _ = admin.delete("/v1/keys/anna").await.answers(200);
    assert_eq!(browser.sign_in(&key).await.status(), 401);
    let recorded = until("it is recorded", async || {
        let log = admin.get("/v1/audit?limit=500").await.answers(200);
        let entries = log["items"].as_array().expect("a list").iter();
        let refused = entries.filter(|entry| entry["what"] == "sign_in");
        let mut refused: Vec<(Value, Value, u64)> = refused
            .map(|entry| {
                let count = entry["count"].as_u64().expect("a number");
                (entry["who"].clone(), entry["outcome"].clone(), count)
            })
            .collect();
        refused.sort_by_key(|(who, ..)| who.to_string());
        (refused.len() == 2).then_some(refused)
    });
    let expected = [
        (json!("anna"), json!("revoked_key"), 1),
        (Value::Null, json!("unknown_key"), 4),
    ];
    assert_eq!(recorded.await, expected);
}

/// No page of another site signs anybody in or out, or changes anything with the cookie of whoever looks at it.
async fn a_page_of_another_site_can_do_nothing_with_a_session(desk: Desk) {
    let admin = administrator(&desk).await;
    let key = secret(&admin, "anna", &["planner"]).await;
    let mut browser = Browser::at(desk.base());
    let foreign = [
        browser.saying("sec-fetch-site", Some("cross-site")),
        browser.saying("sec-fetch-site", Some("same-site")),
        browser.saying("origin", Some("https://evil.example")),
        browser.saying("origin", Some("null")),
        browser.saying("origin", None).saying("sec-fetch-site", None),
    ];
    for page in &foreign {
        let reply = page.form("/sign-in", format!("key={key}")).await;
        assert_eq!(reply.status(), 403);
        assert!(reply.headers().get("set-cookie").is_none());
    }
    assert_eq!(browser.sign_in(&key).await.status(), 303);
    let batch = json!({"reference": "PO-1", "sku": "LAMP", "quantity": 10});
    for page in foreign {
        let page = Browser {
            cookie: browser.cookie.clone(),
            ..page
        };
        assert_eq!(page.json(Method::POST, "/v1/batches", &batch).await.status(), 403);
        assert_eq!(page.form("/v1/batches", batch.to_string()).await.status(), 403);
        assert_eq!(page.form("/sign-out", String::new()).await.status(), 403);
    }
    let made = browser.json(Method::POST, "/v1/batches", &batch).await;
    assert_eq!(made.status(), 201, "it is signed in, and only its own page can do so");
    // A key that is shown counts, and not the cookie beside it.
    let other = secret(&admin, "bert", &["sales"]).await;
    let both = browser.request(Method::POST, "/v1/batches").bearer_auth(&other);
    let both = both.header("content-type", "application/json").body(batch.to_string());
    assert_eq!(both.send().await.expect("a reply").status(), 403);
}

/// An id that somebody has put into a browser before does not become that of who signs in there.
async fn a_session_gets_another_id_each_time_and_ends_the_one_before(desk: Desk) {
    let admin = administrator(&desk).await;
    let (anna, bert) = (
        secret(&admin, "anna", &["viewer"]).await,
        secret(&admin, "bert", &["viewer"]).await,
    );
    let mut browser = Browser::at(desk.base());
    let planted = format!("earmark_session={}", "a".repeat(64));
    browser.cookie = Some(planted.clone());
    assert_eq!(browser.get("/v1/products").await.status(), 401);
    assert_eq!(browser.sign_in(&anna).await.status(), 303);
    assert_ne!(browser.cookie, Some(planted));
    let before = browser.clone();
    assert_eq!(browser.sign_in(&bert).await.status(), 303);
    assert_ne!(browser.cookie, before.cookie);
    assert_eq!(before.get("/v1/products").await.status(), 401);
    assert_eq!(browser.get("/v1/products").await.status(), 200);
    // Two of one name: one of them was put there by somebody else.
    let own = browser.cookie.clone().expect("a cookie");
    browser.cookie = Some(format!("{own}; earmark_session={}", "b".repeat(64)));
    assert_eq!(browser.get("/v1/products").await.status(), 401);
}

/// Also at other instances, and what has begun ends, too.
async fn a_session_ends_with_its_key_or_the_secret_of_it(desk: Desk) {
    let admin = administrator(&desk).await;
    let other = Desk::open(desk.db.clone()).await;
    for end in ["revoke", "rotate", "sign out"] {
        let name = end.replace(' ', "-");
        let key = secret(&admin, &name, &["viewer"]).await;
        let mut browser = Browser::at(desk.base());
        assert_eq!(browser.sign_in(&key).await.status(), 303);
        let mut elsewhere = browser.clone();
        elsewhere.base = other.base().to_owned();
        until("it is let in elsewhere", async || {
            (elsewhere.get("/v1/products").await.status() == 200).then_some(())
        })
        .await;
        let mut stream = elsewhere.get("/v1/events/stream?after=now").await;
        assert_eq!(stream.status(), 200);
        match end {
            "revoke" => drop(admin.delete(&format!("/v1/keys/{name}")).await.answers(200)),
            "rotate" => {
                let rotated = admin.post(&format!("/v1/keys/{name}/rotation"), &json!({})).await;
                drop(rotated.answers(200));
            }
            _ => assert_eq!(browser.form("/sign-out", String::new()).await.status(), 303),
        }
        assert_eq!(browser.get("/v1/products").await.status(), 401, "{end}");
        let ended = Instant::now();
        let (mut last, mut sent) = (ended, Instant::now());
        while elsewhere.get("/v1/products").await.status() == 200 {
            (last, sent) = (sent, Instant::now());
        }
        let took = last.saturating_duration_since(ended);
        assert!(took < Duration::from_secs(1), "{end}: let in for {took:?}");
        // The next thing that happens shows the stream that it is over.
        let planner = secret(&admin, &format!("{name}-planner"), &["planner"]).await;
        let _ = desk.with_key(&planner).buy(&format!("PO-{name}"), "LAMP", 1).await;
        while let Some(chunk) = in_time("the stream ends", stream.chunk()).await.expect("text") {
            assert!(
                !String::from_utf8_lossy(&chunk).contains(&format!("PO-{name}")),
                "{end}"
            );
        }
    }
}

async fn the_operator_sees_who_is_signed_in_and_signs_them_out(desk: Desk) {
    let admin = administrator(&desk).await;
    let key = secret(&admin, "anna", &["viewer"]).await;
    let (mut one, mut other) = (Browser::at(desk.base()), Browser::at(desk.base()));
    assert_eq!(one.sign_in(&key).await.status(), 303);
    assert_eq!(other.sign_in(&key).await.status(), 303);
    let url = desk.db.url();
    let listed = earmark(&url, &["keys", "sessions"]).await.succeeded();
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(ids.len(), 2, "{listed}");
    assert!(
        listed.lines().all(|line| line.split('\t').nth(1) == Some("anna")),
        "{listed}"
    );
    let _ = earmark(&url, &["keys", "sign-out", ids[0]]).await.succeeded();
    assert_eq!(earmark(&url, &["keys", "sign-out", ids[0]]).await.code, Some(1));
    let let_in = async || {
        let mut count = 0;
        for browser in [&one, &other] {
            count += usize::from(browser.get("/v1/products").await.status() == 200);
        }
        count
    };
    until("one is out", async || (let_in().await == 1).then_some(())).await;
    let _ = earmark(&url, &["keys", "sign-out", "--key", "anna"]).await.succeeded();
    until("both are out", async || (let_in().await == 0).then_some(())).await;
    assert!(earmark(&url, &["keys", "sessions"]).await.succeeded().is_empty());
}

/// They cost no more than guesses at other calls.
async fn ways_in_are_limited_as_guesses_are(desk: Desk) {
    let few = ("EARMARK__LIMITS__UNKNOWN_PER_SECOND".to_owned(), "5".to_owned());
    let desk = Desk::open_with(desk.db.clone(), vec![few]).await;
    let admin = administrator(&desk).await;
    let key = secret(&admin, "anna", &["viewer"]).await;
    let browser = Browser::at(desk.base());
    let tries = (0..50).map(|_| browser.form("/sign-in", format!("key=earmark_{}", "0".repeat(72))));
    let statuses: Vec<u16> = futures::future::join_all(tries)
        .await
        .iter()
        .map(|reply| reply.status().as_u16())
        .collect();
    assert!(
        statuses.iter().all(|status| [401, 429].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");
    let mut browser = browser;
    until("there is room again", async || {
        (admin.get("/v1/products").await.status == 200).then_some(())
    })
    .await;
    let signed_in = in_time("it is let in", async {
        while browser.sign_in(&key).await.status() != 303 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    signed_in.await;
}

on_each_database! {
    whoever_has_a_key_signs_in_with_it_and_out_again,
    what_opens_nothing_begins_no_session_and_is_recorded,
    a_page_of_another_site_can_do_nothing_with_a_session,
    a_session_gets_another_id_each_time_and_ends_the_one_before,
    a_session_ends_with_its_key_or_the_secret_of_it,
    the_operator_sees_who_is_signed_in_and_signs_them_out,
    ways_in_are_limited_as_guesses_are,
}
