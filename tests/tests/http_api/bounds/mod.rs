//! Bounds: what somebody knows of who is bounded to some orders or products, and what does not exist for them.

mod calls;

use std::collections::BTreeSet;

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, Documented, Reply, in_time};
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::administrator;
use calls::{ABSENT, Call, Names, SECRET, calls};

async fn make(client: &Client, call: &Call, query: &str, headers: &[(&str, &str)]) -> Reply {
    let joint = if call.path.contains('?') { '&' } else { '?' };
    let path = match query {
        "" => call.path.clone(),
        query => format!("{}{joint}{query}", call.path),
    };
    let (media_type, body) = match &call.body {
        Value::Null => return client.send(call.method.clone(), &path, headers, Vec::new()).await,
        Value::String(lines) => ("application/x-ndjson", lines.clone()),
        body => ("application/json", body.to_string()),
    };
    let mut headers = headers.to_vec();
    headers.push(("content-type", media_type));
    client.send(call.method.clone(), &path, &headers, body).await
}

/// All that is told in an answer, but for the ids of requests, the versions of orders, and how long it took.
fn told(reply: &Reply) -> String {
    // Of these the value differs from request to request, or tells how the body arrived.
    const OTHERS: [&str; 4] = ["x-request-id", "date", "ratelimit", "connection"];
    let headers = reply.headers.iter();
    let shown = headers.filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    let mut shown: Vec<String> = shown.map(|(name, value)| format!("{name}: {value:?}")).collect();
    shown.sort_unstable();
    format!("{} {}\n{}", reply.status, shown.join("\n"), reply.text())
}

/// The stock and the orders of a shop, of which a part is somebody's. It ends with lines of others that wait for a product
/// that is theirs, so that whatever frees stock has effects on others.
async fn shop(desk: &Desk) {
    desk.buy("MINE-PO-1", "MINE-LAMP", 100).await;
    let _ = desk.buy_inbound("MINE-PO-2", "MINE-LAMP", 100, "2199-01-01").await;
    desk.buy("SECRET-PO-1", "SECRET-TABLE", 100).await;
    let _ = desk.buy_inbound("SECRET-PO-2", "SECRET-TABLE", 100, "2199-01-01").await;
    let order = |id: &str, lines: &[(&str, &str, u64)], more: Value| {
        let lines: Vec<Value> = lines
            .iter()
            .map(|(line, sku, quantity)| json!({"line_id": line, "sku": sku, "quantity": quantity}))
            .collect();
        let mut order = json!({"order_id": id, "lines": lines});
        for (name, value) in more.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        order
    };
    let waits = json!({"on_shortage": "backorder"});
    for order in [
        order("MINE-1", &[("1", "MINE-LAMP", 10)], json!({})),
        order(
            "MINE-2",
            &[("1", "MINE-LAMP", 10), ("SECRET-LINE", "SECRET-TABLE", 10)],
            json!({}),
        ),
        order("MINE-3", &[("1", "MINE-LAMP", 5)], json!({"hold_seconds": 600})),
        order("MINE-4", &[("SECRET-LINE", "SECRET-TABLE", 5)], json!({})),
        order("SECRET-1", &[("1", "SECRET-TABLE", 10)], json!({})),
        order("SECRET-2", &[("1", "MINE-LAMP", 60)], json!({})),
        order("SECRET-3", &[("1", "MINE-LAMP", 100)], json!({})),
        order("SECRET-4", &[("1", "MINE-LAMP", 20)], waits.clone()),
        order("SECRET-5", &[("1", "SECRET-TABLE", 1_000)], waits.clone()),
        order("MINE-5", &[("1", "MINE-LAMP", 30)], waits),
    ] {
        let _ = desk.post("/v1/orders", &order).await.answers(201);
    }
}

/// A key with every role of the shop, bounded so.
async fn bounded(admin: &Client, desk: &Desk, name: &str, orders: &[&str], skus: &[&str]) -> Client {
    let mut key = json!({"name": name, "roles": ["viewer", "sales", "warehouse", "planner"]});
    for (field, prefixes) in [("orders_with_prefix", orders), ("skus_with_prefix", skus)] {
        if !prefixes.is_empty() {
            key[field] = json!(prefixes);
        }
    }
    let made = admin.post("/v1/keys", &key).await.answers(201);
    assert_eq!(made["key"]["orders_with_prefix"], json!(orders));
    assert_eq!(made["key"]["skus_with_prefix"], json!(skus));
    desk.with_key(made["secret"].as_str().expect("a secret"))
}

/// The calls about names that are not within the bounds, and of a stream only such lines.
fn secret_calls(names: &Names, mark: &str) -> Vec<Call> {
    let only_secrets = |mut call: Call| {
        if let Value::String(lines) = &mut call.body {
            let secret = lines.lines().filter(|line| line.contains(mark));
            *lines = secret.map(|line| format!("{line}\n")).collect();
        }
        call
    };
    let calls = calls(names).into_iter();
    let naming = calls.filter(|call| call.path.contains(mark) || call.body.to_string().contains(mark));
    naming.map(only_secrets).collect()
}

/// Every call about what is not within the bounds is answered as if it were not there, and changes nothing.
async fn what_is_out_of_bounds_is_not_there(everybody: &Client, client: &Client, secret: &Names) {
    let before = everybody.events().await.len();
    let absent = secret_calls(&secret.absent(), ABSENT);
    for (theirs, none) in secret_calls(secret, SECRET).iter().zip(&absent) {
        for headers in [&[][..], &[("if-match", "*")]] {
            let is_versioned = ["/v1/orders/", "/v1/products/", "/v1/batches/"];
            let changes = theirs.method != Method::GET && is_versioned.iter().any(|path| theirs.path.starts_with(path));
            if !headers.is_empty() && !changes {
                continue;
            }
            let shown = told(&make(client, theirs, "", headers).await).replace(SECRET, ABSENT);
            let expected = told(&make(client, none, "", headers).await);
            assert_eq!(shown, expected, "{} {}", theirs.id, theirs.path);
        }
    }
    assert!(absent.len() > 15, "{}", absent.len());
    assert_eq!(everybody.events().await.len(), before, "nothing was changed");
}

/// No call shows anything of what is not within the bounds, which others are shown.
async fn nothing_out_of_bounds_is_shown(everybody: &Client, client: &Client, marks: &[&str]) {
    let mine = Names::new("MINE-1", "MINE-LAMP", "MINE-PO-1");
    let documented = Documented::service()
        .operations()
        .iter()
        .map(|operation| operation.id.as_str());
    let mut known: BTreeSet<&str> = documented.collect();
    // It does not end, and has a case of its own.
    known.remove("follow_events");
    let made: BTreeSet<&str> = calls(&mine).iter().map(|call| call.id).collect();
    assert_eq!(made, known, "every call is made");
    let mut to_others = String::new();
    for call in calls(&mine).iter().filter(|call| call.method == Method::GET) {
        to_others.push_str(&told(&make(everybody, call, "", &[]).await));
    }
    for mark in marks {
        assert!(to_others.contains(mark), "{mark} is nowhere");
    }
    for round in ["preview=true", ""] {
        for call in calls(&mine) {
            let is_previewed = call.method != Method::GET && call.id != "bulk" && !call.id.starts_with("book_");
            if !round.is_empty() && !is_previewed {
                continue;
            }
            let told = told(&make(client, &call, round, &[]).await);
            for mark in marks {
                assert!(!told.contains(mark), "{} {} {round}: {told}", call.id, call.path);
            }
        }
    }
}

/// Somebody who sees everything, and changes nothing.
async fn viewer(admin: &Client, desk: &Desk) -> Client {
    crate::access::key(admin, desk, "everybody", &["viewer"]).await
}

fn ids(list: &Value, member: &str) -> Vec<String> {
    let items = list.as_array().expect("a list").iter();
    items
        .map(|item| item[member].as_str().expect("a name").to_owned())
        .collect()
}

async fn who_is_bounded_to_orders_knows_of_no_other(desk: Desk) {
    shop(&desk).await;
    let admin = administrator(&desk).await;
    let everybody = viewer(&admin, &desk).await;
    let client = bounded(&admin, &desk, "market", &["MINE-"], &[]).await;
    let listed = client.get("/v1/orders").await.answers(200);
    let mine = ["MINE-1", "MINE-2", "MINE-3", "MINE-4", "MINE-5"];
    assert_eq!(ids(&listed["items"], "order_id"), mine);
    let more = client
        .patch("/v1/batches/MINE-PO-1?preview=true", &json!({"quantity": 1_000}))
        .await;
    assert!(!more.text().contains(SECRET), "{}", more.text());
    let effects = more.answers(200)["effects"].clone();
    assert_eq!(
        ids(&effects["allocated"], "order_id"),
        ["MINE-5"],
        "SECRET-4 gets units, too"
    );
    let _ = client
        .get("/v1/products/MINE-LAMP/backlog")
        .await
        .refuses(403, "out_of_bounds");
    let secret = Names::new("SECRET-2", "MINE-LAMP", "MINE-PO-1");
    what_is_out_of_bounds_is_not_there(&everybody, &client, &secret).await;
    let marks = ["SECRET-1", "SECRET-2", "SECRET-3", "SECRET-4", "SECRET-5"];
    nothing_out_of_bounds_is_shown(&everybody, &client, &marks).await;
}

async fn who_is_bounded_to_products_knows_of_no_other(desk: Desk) {
    shop(&desk).await;
    let admin = administrator(&desk).await;
    let everybody = viewer(&admin, &desk).await;
    let client = bounded(&admin, &desk, "maker", &[], &["MINE-"]).await;
    let listed = client.get("/v1/products").await.answers(200);
    assert_eq!(ids(&listed["items"], "sku"), ["MINE-LAMP"]);
    let listed = client.get("/v1/batches?sku=MINE-LAMP").await.answers(200);
    assert_eq!(ids(&listed["items"], "reference"), ["MINE-PO-1", "MINE-PO-2"]);
    // Of an order with other lines, too, these are not shown, and it can't be changed.
    let mixed = client.get("/v1/orders/MINE-2").await.answers(200);
    assert_eq!(ids(&mixed["lines"], "line_id"), ["1"]);
    for path in [
        "/v1/orders/MINE-2",
        "/v1/orders/MINE-2/lines/1",
        "/v1/orders/MINE-2/lines/SECRET-LINE",
    ] {
        let _ = client.delete(path).await.refuses(403, "out_of_bounds");
    }
    let _ = client.get("/v1/orders/MINE-4").await.refuses(404, "unknown_order");
    let _ = client.delete("/v1/orders/MINE-4").await.refuses(404, "unknown_order");
    let secret = Names::new("SECRET-1", "SECRET-TABLE", "SECRET-PO-1");
    what_is_out_of_bounds_is_not_there(&everybody, &client, &secret).await;
    let marks = ["SECRET-TABLE", "SECRET-PO", "SECRET-LINE", "MINE-4", "SECRET-1"];
    nothing_out_of_bounds_is_shown(&everybody, &client, &marks).await;
}

async fn who_is_bounded_to_both_knows_of_what_is_within_both(desk: Desk) {
    shop(&desk).await;
    let admin = administrator(&desk).await;
    let everybody = viewer(&admin, &desk).await;
    let client = bounded(&admin, &desk, "maker", &["MINE-", "OTHER"], &["MINE-", "OTHER"]).await;
    let secret = Names::new("SECRET-1", "SECRET-TABLE", "SECRET-PO-1");
    what_is_out_of_bounds_is_not_there(&everybody, &client, &secret).await;
    nothing_out_of_bounds_is_shown(&everybody, &client, &[SECRET, "MINE-4"]).await;
}

/// Those that are stored, and those that come.
async fn the_stream_of_events_tells_nothing_out_of_bounds(desk: Desk) {
    shop(&desk).await;
    let admin = administrator(&desk).await;
    let client = bounded(&admin, &desk, "market", &["MINE-"], &["MINE-"]).await;
    let sales = crate::access::key(&admin, &desk, "shop", &["sales"]).await;
    let stream = client.request(Method::GET, "/v1/events/stream").send().await;
    let mut stream = stream.expect("a reply");
    assert_eq!(stream.status(), 200);
    let mut told = String::new();
    for number in [7, 8] {
        for order in ["SECRET", "MINE"] {
            let line = json!({"order_id": format!("{order}-{number}"), "sku": "MINE-LAMP", "quantity": 1});
            let mut line = line;
            line["on_shortage"] = "backorder".into();
            let placed = sales.post("/v1/allocations", &line).await;
            assert!([201, 202].contains(&placed.status), "{}", placed.text());
        }
        while !told.contains(&format!("MINE-{number}")) {
            let chunk = in_time("the line is told", stream.chunk()).await.expect("text");
            told.push_str(&String::from_utf8_lossy(&chunk.expect("the stream stands")));
        }
    }
    assert!(
        told.contains("BatchCreated") && told.contains("\"order_id\":\"MINE-1\""),
        "{told}"
    );
    assert!(!told.contains(SECRET), "{told}");
}

/// However few are on a page, each is on one, and no other.
async fn pages_go_from_prefix_to_prefix(desk: Desk) {
    let names = ["A", "A-", "A-1", "A-2", "AB", "B", "B-1", "BA", "C", "a-1", "É", "É1"];
    for name in names {
        desk.buy(&format!("PO-{name}"), name, 10).await;
        let _ = desk
            .post(
                "/v1/allocations",
                &json!({"order_id": name, "sku": name, "quantity": 1}),
            )
            .await
            .answers(201);
    }
    let admin = administrator(&desk).await;
    let prefixes = ["B", "A-", "É", "X"];
    let expected: Vec<&str> = ["A-", "A-1", "A-2", "B", "B-1", "BA", "É", "É1"].to_vec();
    let of_orders = bounded_as_given(&admin, &desk, "orders", "orders_with_prefix", &prefixes).await;
    let of_products = bounded_as_given(&admin, &desk, "products", "skus_with_prefix", &prefixes).await;
    for limit in 1..=9 {
        let orders = walked(&of_orders, &format!("/v1/orders?limit={limit}"), "order_id").await;
        assert_eq!(orders, expected, "{limit}");
        let products = walked(&of_products, &format!("/v1/products?limit={limit}"), "sku").await;
        assert_eq!(products, expected, "{limit}");
        let found = walked(&of_products, &format!("/v1/products?limit={limit}&search=a"), "sku").await;
        assert_eq!(found, ["A-", "A-1", "A-2", "BA"], "{limit}");
        let one = walked(&of_orders, &format!("/v1/orders?limit={limit}&sku=B"), "order_id").await;
        assert_eq!(one, ["B"], "{limit}");
    }
}

/// A key bounded to prefixes that are listed in the order of their names.
async fn bounded_as_given(admin: &Client, desk: &Desk, name: &str, field: &str, prefixes: &[&str]) -> Client {
    let mut key = json!({"name": name, "roles": ["viewer"]});
    key[field] = json!(prefixes);
    let made = admin.post("/v1/keys", &key).await.answers(201);
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable();
    assert_eq!(made["key"][field], json!(sorted));
    desk.with_key(made["secret"].as_str().expect("a secret"))
}

/// All items of a list, page by page.
async fn walked(client: &Client, path: &str, member: &str) -> Vec<String> {
    let (mut items, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = client.get(&next).await.answers(200);
        items.extend(ids(&page["items"], member));
        match page["next"].as_str() {
            Some(after) => next = format!("{path}&after={}", earmark_tests::service::segment(after)),
            None => return items,
        }
    }
}

async fn bounds_are_names_and_not_for_administrators(desk: Desk) {
    let admin = administrator(&desk).await;
    let many: Vec<String> = (0..17).map(|number| format!("P{number}-")).collect();
    for (key, field) in [
        (json!({"roles": ["admin"], "skus_with_prefix": ["A"]}), "roles"),
        (json!({"roles": ["viewer"], "skus_with_prefix": []}), "skus_with_prefix"),
        (
            json!({"roles": ["viewer"], "skus_with_prefix": ["A", ""]}),
            "skus_with_prefix[1]",
        ),
        (
            json!({"roles": ["viewer"], "orders_with_prefix": "A"}),
            "orders_with_prefix",
        ),
        (
            json!({"roles": ["viewer"], "orders_with_prefix": [" A"]}),
            "orders_with_prefix[0]",
        ),
        (
            json!({"roles": ["viewer"], "orders_with_prefix": many}),
            "orders_with_prefix",
        ),
    ] {
        let mut key = key;
        key["name"] = "wrong".into();
        let refused = admin.post("/v1/keys", &key).await;
        assert_eq!(refused.fields_at_fault(), [field]);
    }
}

/// Those who are refused are in the log, and so is what a command names that is not theirs.
async fn what_is_out_of_bounds_is_recorded(desk: Desk) {
    shop(&desk).await;
    let admin = administrator(&desk).await;
    let client = bounded(&admin, &desk, "maker", &[], &["MINE-"]).await;
    let _ = client.get("/metrics").await.refuses(403, "out_of_bounds");
    let _ = client.delete("/v1/orders/SECRET-1").await.refuses(404, "unknown_order");
    let _ = client
        .delete("/v1/batches/SECRET-PO-1")
        .await
        .refuses(404, "unknown_batch");
    let _ = client
        .post("/v1/products/SECRET-TABLE/reallocation", &json!({}))
        .await
        .refuses(404, "unknown_sku");
    let recorded = earmark_tests::service::until("it is recorded", async || {
        let log = admin.get("/v1/audit?limit=500").await.answers(200);
        let entries = log["items"].as_array().expect("a list").iter();
        let of_key = entries.filter(|entry| entry["who"] == "maker" && entry["outcome"] == "out_of_bounds");
        let what: BTreeSet<String> = of_key
            .map(|entry| entry["what"].as_str().expect("what").to_owned())
            .collect();
        (what.len() == 4).then_some(what)
    });
    let expected = ["cancel_batch", "cancel_order", "metrics", "reallocate"];
    assert_eq!(recorded.await.into_iter().collect::<Vec<_>>(), expected);
}

on_each_database! {
    who_is_bounded_to_orders_knows_of_no_other,
    who_is_bounded_to_products_knows_of_no_other,
    who_is_bounded_to_both_knows_of_what_is_within_both,
    the_stream_of_events_tells_nothing_out_of_bounds,
    pages_go_from_prefix_to_prefix,
    bounds_are_names_and_not_for_administrators,
    what_is_out_of_bounds_is_recorded,
}
