//! Access: who is let in, and who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use earmark_adapters::access_key::KeyText;
use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Documented, in_time, until};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::document::request;

const ROLES: [&str; 5] = ["viewer", "sales", "warehouse", "planner", "admin"];

/// What everybody may ask, who has any role and who has none.
const PROBES: [&str; 2] = ["live", "ready"];

/// Makes the administrator's key, and closes the service by it.
pub(crate) async fn administrator(desk: &Desk) -> Client {
    let made = desk
        .post("/v1/keys", &json!({"name": "root", "roles": ["admin"]}))
        .await;
    let secret = made.answers(201)["secret"].as_str().expect("a secret").to_owned();
    desk.with_key(&secret)
}

/// A key with these roles.
pub(crate) async fn key(admin: &Client, desk: &Desk, name: &str, roles: &[&str]) -> Client {
    let made = admin.post("/v1/keys", &json!({"name": name, "roles": roles})).await;
    let secret = made.answers(201)["secret"].as_str().expect("a secret").to_owned();
    desk.with_key(&secret)
}

async fn the_first_key_closes_the_service(desk: Desk) {
    desk.buy("PO-1", "LAMP", 10).await;
    let admin = administrator(&desk).await;
    for path in [
        "/v1/products",
        "/metrics",
        "/openapi.json",
        "/docs/",
        "/nothing",
        "/v1/events/stream",
    ] {
        let refused = desk.get(path).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"earmark\""));
    }
    let _ = desk
        .post(
            "/v1/allocations",
            &json!({"order_id": "o1", "sku": "LAMP", "quantity": 1}),
        )
        .await
        .refuses(401, "unauthorized");
    assert_eq!(desk.get("/health/live").await.status, 200);
    assert_eq!(desk.get("/health/ready").await.status, 200);
    let _ = admin.get("/v1/products").await.answers(200);
    let refused = admin
        .post(
            "/v1/allocations",
            &json!({"order_id": "o1", "sku": "LAMP", "quantity": 1}),
        )
        .await
        .refuses(403, "forbidden");
    assert_eq!(refused["needs"], "sales");
    assert_eq!(admin.product("LAMP").await["allocated"], 0);
    // Nor does it open again.
    let _ = admin.delete("/v1/keys/root").await.answers(200);
    let _ = admin.get("/v1/products").await.refuses(401, "unauthorized");
    let _ = desk.get("/v1/products").await.refuses(401, "unauthorized");
}

async fn what_is_no_key_opens_nothing(desk: Desk) {
    let admin = administrator(&desk).await;
    let made = admin
        .post("/v1/keys", &json!({"name": "shop", "roles": ["viewer"]}))
        .await;
    let secret = made.answers(201)["secret"].as_str().expect("a secret").to_owned();
    let mut guessed = secret.clone();
    let other = if guessed.ends_with('0') { "1" } else { "0" };
    guessed.replace_range(guessed.len() - 1.., other);
    let given = [
        "Bearer".to_owned(),
        format!("Basic {secret}"),
        format!("Bearer {guessed}"),
        format!("Bearer {}", secret.to_uppercase()),
        format!("Bearer earmark_{}", "0".repeat(72)),
        format!("Bearer {secret}, Bearer {secret}"),
        secret.clone(),
    ];
    for value in given {
        let refused = desk
            .send(Method::GET, "/v1/products", &[("authorization", &value)], Vec::new())
            .await;
        let _ = refused.refuses(401, "unauthorized");
    }
    let bearer = format!("bearer  {secret}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    let sent = desk.send(Method::GET, "/v1/products", &twice, Vec::new()).await;
    let _ = sent.refuses(401, "unauthorized");
    let sent = desk.send(Method::GET, "/v1/products", &twice[..1], Vec::new()).await;
    let _ = sent.answers(200);
}

async fn events_name_the_key_that_has_caused_them(desk: Desk) {
    let admin = administrator(&desk).await;
    let planner = key(&admin, &desk, "planner-1", &["planner"]).await;
    planner.buy("PO-1", "LAMP", 10).await;
    let events = planner.events().await;
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event["actor"] == "planner-1"), "{events:?}");
}

async fn idempotency_keys_of_different_callers_are_different(desk: Desk) {
    let admin = administrator(&desk).await;
    let shops = [
        key(&admin, &desk, "shop-1", &["sales", "planner"]).await,
        key(&admin, &desk, "shop-2", &["sales"]).await,
    ];
    shops[0].buy("PO-1", "LAMP", 10).await;
    for (number, shop) in shops.iter().enumerate() {
        let order = json!({"order_id": format!("o-{number}"), "sku": "LAMP", "quantity": 1});
        let headers = [("content-type", "application/json"), ("idempotency-key", "1")];
        let placed = shop
            .send(Method::POST, "/v1/allocations", &headers, order.to_string())
            .await;
        assert_eq!(placed.answers(201)["order_id"], format!("o-{number}"));
    }
}

async fn a_key_is_shown_once_and_can_not_be_asked_for_again(desk: Desk) {
    let admin = administrator(&desk).await;
    let body = json!({"name": "shop", "roles": ["sales"], "expires_at": "2126-01-01T00:00:00Z"});
    let preview = admin.post("/v1/keys?preview=true", &body).await.answers(200);
    assert_eq!(preview["secret"], Value::Null);
    let made = admin.post("/v1/keys", &body).await.answers(201);
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let listed = admin.get("/v1/keys").await;
    assert!(!listed.text().contains(&secret));
    let names: Vec<&str> = listed.answers(200)["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|key| key["name"].as_str())
        .map(|name| if name == "shop" { "shop" } else { "root" })
        .collect();
    assert_eq!(names, ["root", "shop"]);
    let _ = admin.post("/v1/keys", &body).await.refuses(409, "key_exists");
    let _ = admin
        .post("/v1/keys?preview=true", &body)
        .await
        .refuses(409, "key_exists");
    let keyed = [("content-type", "application/json"), ("idempotency-key", "1")];
    let body = json!({"name": "other", "roles": ["sales"]}).to_string();
    let refused = admin.send(Method::POST, "/v1/keys", &keyed, body).await;
    let _ = refused.refuses(400, "idempotency_key_not_supported");
    let wrong = json!({"name": "two words", "roles": ["root"], "expires_at": "soon"});
    let refused = admin.post("/v1/keys", &wrong).await;
    assert_eq!(refused.fields_at_fault(), ["name", "roles[0]", "expires_at"]);
    let over = json!({"name": "other", "roles": ["sales"], "expires_at": "2020-01-01T00:00:00Z"});
    let refused = admin.post("/v1/keys", &over).await;
    assert_eq!(refused.fields_at_fault(), ["expires_at"]);
    assert!(!desk.service.log().contains(&secret));
}

async fn the_old_secret_of_a_rotated_key_opens_nothing(desk: Desk) {
    let admin = administrator(&desk).await;
    let shop = key(&admin, &desk, "shop", &["viewer"]).await;
    let _ = shop.get("/v1/products").await.answers(200);
    let rotated = admin.post("/v1/keys/shop/rotation", &json!({})).await.answers(200);
    let secret = rotated["secret"].as_str().expect("a secret");
    let _ = shop.get("/v1/products").await.refuses(401, "unauthorized");
    let _ = desk.with_key(secret).get("/v1/products").await.answers(200);
    let _ = admin
        .post("/v1/keys/nobody/rotation", &json!({}))
        .await
        .refuses(404, "unknown_key");
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    let _ = admin
        .post("/v1/keys/shop/rotation", &json!({}))
        .await
        .refuses(404, "unknown_key");
}

/// The second instance hears of it from the database alone.
async fn a_revoked_key_is_dead_at_every_instance_within_a_second(desk: Desk) {
    let admin = administrator(&desk).await;
    let shop = key(&admin, &desk, "shop", &["viewer"]).await;
    let other = Desk::open(desk.db.clone()).await;
    let elsewhere = shop.clone().at(other.client.base());
    until("it is let in elsewhere", async || {
        (elsewhere.get("/v1/products").await.status == 200).then_some(())
    })
    .await;
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    let revoked = Instant::now();
    let _ = shop.get("/v1/products").await.refuses(401, "unauthorized");
    // Of a request that was let in counts when it was sent: the key may be revoked while it is answered.
    let (mut last, mut sent) = (revoked, Instant::now());
    while elsewhere.get("/v1/products").await.status == 200 {
        (last, sent) = (sent, Instant::now());
    }
    let took = last.saturating_duration_since(revoked);
    assert!(took < Duration::from_secs(1), "let in for {took:?}");
}

async fn each_line_of_a_stream_is_allowed_or_refused_for_itself(desk: Desk) {
    let admin = administrator(&desk).await;
    let sales = key(&admin, &desk, "shop", &["sales"]).await;
    let planner = key(&admin, &desk, "plan", &["planner"]).await;
    planner.buy("PO-1", "LAMP", 10).await;
    let answers = sales
        .bulk(&[
            json!({"allocate": {"order_id": "o1", "sku": "LAMP", "quantity": 1}}),
            json!({"create_batch": {"reference": "PO-2", "sku": "LAMP", "quantity": 1}}),
            json!({"allocate": {"order_id": "o2", "sku": "LAMP", "quantity": 1}}),
        ])
        .await;
    let statuses: Vec<u64> = answers.iter().filter_map(|answer| answer["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 403, 201]);
    assert_eq!(answers[1]["body"]["needs"], "planner");
}

/// Streams last longer than a key may: what has begun ends with it.
async fn a_stream_ends_when_its_key_is_revoked(desk: Desk) {
    let admin = administrator(&desk).await;
    let both = key(&admin, &desk, "shop", &["sales", "planner"]).await;
    both.buy("PO-1", "LAMP", 10).await;
    let mut events = both
        .request(Method::GET, "/v1/events/stream?after=now")
        .send()
        .await
        .expect("a reply");
    assert_eq!(events.status(), 200);
    let (lines, to_send) = futures::channel::mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    let line = |order: &str| {
        let line = json!({"allocate": {"order_id": order, "sku": "LAMP", "quantity": 1}});
        lines
            .unbounded_send(Ok(format!("{line}\n").into_bytes()))
            .expect("the request is open");
    };
    let request = both
        .request(Method::POST, "/v1/bulk")
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(to_send));
    line("o-1");
    let mut answers = request.send().await.expect("a reply");
    let first = answers.chunk().await.expect("an answer").expect("the first");
    assert!(first.starts_with(b"{\"status\":201"), "{first:?}");
    // What was decided before the key was revoked is told only to a stream that was quick enough.
    let mut told = Vec::new();
    while !String::from_utf8_lossy(&told).contains("o-1") {
        let chunk = in_time("the line is told", events.chunk()).await.expect("text");
        told.extend_from_slice(&chunk.expect("the stream stands"));
    }
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    line("o-2");
    let second = answers.chunk().await.expect("an answer").expect("the second");
    assert!(second.starts_with(b"{\"status\":401"), "{second:?}");
    assert_eq!(answers.chunk().await.expect("the end"), None);
    let other = key(&admin, &desk, "other", &["planner"]).await;
    let _ = other.buy("PO-2", "TABLE", 10).await;
    let mut after = Vec::new();
    while let Some(chunk) = in_time("the stream ends", events.chunk()).await.expect("text") {
        after.extend_from_slice(&chunk);
    }
    let after = String::from_utf8(after).expect("text");
    assert!(!after.contains("PO-2"), "{after}");
}

/// Strangers cost the service little, and those who have a key nothing.
async fn ten_thousand_guesses_change_nothing_and_are_limited(desk: Desk) {
    const GUESSES: u64 = 10_000;
    // As many as a slow machine can't look up either.
    let few = ("EARMARK__LIMITS__UNKNOWN_PER_SECOND".to_owned(), "10".to_owned());
    let desk = Desk::open_with(desk.db.clone(), vec![few]).await;
    let admin = administrator(&desk).await;
    let _ = admin.get("/v1/products").await.answers(200);
    let names = async || {
        let keys = admin.get("/v1/keys").await.answers(200)["items"].clone();
        let keys = keys.as_array().expect("keys").iter();
        keys.map(|key| (key["name"].clone(), key["revoked_at"].clone()))
            .collect::<Vec<_>>()
    };
    let before = names().await;
    let guess = |number: u64| {
        // It has the form of a key: what has not is refused at a glance.
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        let stranger = desk.with_key(KeyText::new(secret).expose());
        async move { stranger.get("/v1/products").await.status }
    };
    let guessing = stream::iter((0..GUESSES).map(guess)).buffer_unordered(32);
    let watching = async {
        loop {
            let _ = admin.get("/v1/products").await.answers(200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let statuses: Vec<u16> = tokio::select! {
        statuses = guessing.collect() => statuses,
        never = watching => never,
    };
    let refused = statuses.iter().filter(|status| **status == 401).count();
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(refused + limited, statuses.len());
    assert!(limited > refused, "{refused} were looked up, and {limited} were not");
    assert_eq!(names().await, before);
}

/// What a principal with a role may call, by the table of the manual.
fn table() -> BTreeMap<String, BTreeSet<&'static str>> {
    let manual = include_str!("../../../docs/guide/access.md");
    let rows = manual.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let call = cells.next()?.strip_suffix('`')?.to_owned();
        let allowed: Vec<bool> = cells.take(ROLES.len()).map(|cell| cell == "yes").collect();
        // The table of roles has no such cells.
        let allowed = ROLES.into_iter().zip(allowed);
        Some((call, allowed.filter_map(|(role, yes)| yes.then_some(role)).collect()))
    });
    rows.filter(|(call, _)| !ROLES.contains(&call.as_str())).collect()
}

async fn every_call_is_allowed_or_refused_as_the_table_says(desk: Desk) {
    let documented = Documented::service();
    let table = table();
    let calls = documented.operations().iter().map(|operation| operation.id.clone());
    let calls: BTreeSet<String> = calls.filter(|call| !PROBES.contains(&call.as_str())).collect();
    assert_eq!(
        table.keys().cloned().collect::<BTreeSet<_>>(),
        calls,
        "the table has every call"
    );
    let admin = administrator(&desk).await;
    let mut clients = Vec::new();
    for role in ROLES {
        // What is tried must not take the rights of those who try.
        clients.push((role, key(&admin, &desk, &format!("the-{role}"), &[role]).await));
    }
    for operation in documented.operations() {
        if PROBES.contains(&operation.id.as_str()) {
            continue;
        }
        let (path, headers, body) = request(operation, documented.description(operation));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let method: Method = operation.method.parse().expect("a method");
        let send = async |client: &Client| {
            if operation.id == "follow_events" {
                // It does not end.
                let reply = client.request(method.clone(), &path).send().await.expect("a reply");
                return reply.status().as_u16();
            }
            let reply = client.send(method.clone(), &path, &headers, body.clone()).await;
            reply.status
        };
        if operation.id == "page" || operation.id == "audit_page" {
            let reply = desk
                .client
                .request(method.clone(), &path)
                .send()
                .await
                .expect("a reply");
            assert_eq!(reply.url().path(), "/sign-in", "people are sent to where they sign in");
        } else {
            assert_eq!(send(&desk.client).await, 401, "{}", operation.id);
        }
        for (role, client) in &clients {
            let status = send(client).await;
            let is_allowed = table[&operation.id].contains(role);
            assert_eq!(status != 403, is_allowed, "{} as {role}: {status}", operation.id);
            assert_ne!(status, 401, "{} as {role}", operation.id);
        }
    }
}

on_each_database! {
    the_first_key_closes_the_service,
    what_is_no_key_opens_nothing,
    events_name_the_key_that_has_caused_them,
    idempotency_keys_of_different_callers_are_different,
    a_key_is_shown_once_and_can_not_be_asked_for_again,
    the_old_secret_of_a_rotated_key_opens_nothing,
    each_line_of_a_stream_is_allowed_or_refused_for_itself,
    every_call_is_allowed_or_refused_as_the_table_says,
    a_revoked_key_is_dead_at_every_instance_within_a_second,
    a_stream_ends_when_its_key_is_revoked,
    ten_thousand_guesses_change_nothing_and_are_limited,
}
