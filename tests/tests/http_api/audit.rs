//! The log of access decisions: who was refused what, and who has changed who may do what.

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{administrator, key};

/// All entries with this outcome, once there are as many decisions.
async fn decisions(admin: &Client, outcome: &str, count: u64) -> Vec<Value> {
    until("the decisions are in the log", async || {
        let page = admin.get("/v1/audit?limit=500").await.answers(200);
        assert_eq!(page["next"], Value::Null);
        let items = page["items"].as_array().expect("a list").iter();
        let found: Vec<Value> = items.filter(|entry| entry["outcome"] == outcome).cloned().collect();
        let counted: u64 = found.iter().filter_map(|entry| entry["count"].as_u64()).sum();
        (counted >= count).then_some(found)
    })
    .await
}

/// What tells entries apart, without their instants and numbers.
fn told(entry: &Value) -> Value {
    let mut told = entry.clone();
    for member in ["number", "at", "until", "correlation_id", "count"] {
        let _ = told.as_object_mut().expect("an object").remove(member);
    }
    told
}

/// An entry of somebody at this machine.
fn expected(who: Option<&str>, what: &str, outcome: &str) -> Value {
    json!({
        "who": who, "address": "127.0.0.1", "what": what, "about": null, "outcome": outcome, "needs": null,
    })
}

async fn who_shows_no_good_key_is_recorded_with_the_call_and_the_name_of_the_key(desk: Desk) {
    let admin = administrator(&desk).await;
    let shop = key(&admin, &desk, "shop", &["sales"]).await;
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    let expiring = json!({"name": "brief", "roles": ["viewer"], "expires_at": "2126-01-01T00:00:00Z"});
    let _ = admin.post("/v1/keys", &expiring).await.answers(201);
    for _ in 0..3 {
        let _ = desk.get("/v1/orders/o-1?secret=1").await.refuses(401, "unauthorized");
    }
    let _ = shop.allocate("o-1", "LAMP", 1).await.refuses(401, "unauthorized");
    let unknown = desk.with_key(&format!("earmark_{}", "0".repeat(72)));
    let _ = unknown.get("/nothing/of/the/kind").await.refuses(401, "unauthorized");
    let _ = unknown.get("/docs/").await.refuses(401, "unauthorized");
    let none: Vec<Value> = decisions(&admin, "no_key", 3).await;
    assert!(
        none.iter()
            .all(|entry| told(entry) == expected(None, "show_order", "no_key")),
        "{none:?}"
    );
    assert!(none.iter().all(|entry| entry["correlation_id"].is_string()), "{none:?}");
    let revoked = decisions(&admin, "revoked_key", 1).await;
    assert_eq!(told(&revoked[0]), expected(Some("shop"), "allocate", "revoked_key"));
    let unknown = decisions(&admin, "unknown_key", 2).await;
    let mut calls: Vec<&str> = unknown.iter().filter_map(|entry| entry["what"].as_str()).collect();
    calls.sort_unstable();
    assert_eq!(calls, ["docs", "unmatched"]);
    // Nothing of what was sent.
    let page = admin.get("/v1/audit").await;
    for sent in ["o-1", "secret=1", "LAMP", "000000"] {
        assert!(!page.text().contains(sent), "{}", page.text());
    }
}

/// By a call, a line of a stream, and what is no command.
async fn who_may_not_is_recorded_with_the_role_that_is_needed(desk: Desk) {
    let admin = administrator(&desk).await;
    let shop = key(&admin, &desk, "shop", &["sales"]).await;
    let batch = json!({"reference": "PO-1", "sku": "LAMP", "quantity": 1});
    let headers = [("content-type", "application/json"), ("x-request-id", "request-17")];
    let refused = shop
        .send(Method::POST, "/v1/batches", &headers, batch.to_string())
        .await;
    let _ = refused.refuses(403, "forbidden");
    let lines = shop.bulk(&[json!({"create_batch": batch})]).await;
    assert_eq!(lines[0]["status"], 403);
    let _ = shop.get("/v1/keys").await.refuses(403, "forbidden");
    let _ = shop.get("/v1/audit").await.refuses(403, "forbidden");
    let entries = decisions(&admin, "forbidden", 4).await;
    let of = |what: &str| entries.iter().filter(|entry| entry["what"] == what).collect::<Vec<_>>();
    let commands = of("create_batch");
    assert!(
        commands
            .iter()
            .all(|entry| entry["who"] == "shop" && entry["needs"] == "planner"),
        "{commands:?}"
    );
    let count: u64 = commands.iter().filter_map(|entry| entry["count"].as_u64()).sum();
    assert_eq!(count, 2);
    assert_eq!(commands[0]["correlation_id"], "request-17");
    for what in ["list_keys", "list_audit"] {
        let entries = of(what);
        assert_eq!(entries.len(), 1, "{what}");
        assert_eq!(
            (&entries[0]["who"], &entries[0]["needs"]),
            (&json!("shop"), &json!("admin"))
        );
        assert_eq!(entries[0]["address"], "127.0.0.1");
    }
}

async fn who_changes_keys_is_in_the_log_at_once(desk: Desk) {
    let admin = administrator(&desk).await;
    let _ = key(&admin, &desk, "shop", &["sales"]).await;
    let _ = admin
        .post("/v1/keys/shop/rotation?preview=true", &json!({}))
        .await
        .answers(200);
    let _ = admin.post("/v1/keys/shop/rotation", &json!({})).await.answers(200);
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    let _ = admin.delete("/v1/keys/shop").await.answers(200);
    let page = admin.get("/v1/audit").await.answers(200);
    let items = page["items"].as_array().expect("a list");
    let changes: Vec<[&str; 4]> = items
        .iter()
        .map(|entry| ["who", "what", "about", "outcome"].map(|member| entry[member].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        changes,
        [
            // The first key is made by somebody who needs none.
            ["http", "create_key", "root", "done"],
            ["root", "create_key", "shop", "done"],
            ["root", "rotate_key", "shop", "done"],
            ["root", "revoke_key", "shop", "done"],
        ]
    );
    let mut seen = Vec::new();
    let mut path = "/v1/audit?limit=1".to_owned();
    loop {
        let page = admin.get(&path).await.answers(200);
        seen.extend(page["items"].as_array().expect("a list").iter().cloned());
        let Some(next) = page["next"].as_u64() else { break };
        path = format!("/v1/audit?limit=1&after={next}");
    }
    assert_eq!(&seen, items);
    for wrong in ["limit=0", "limit=501", "after=-1", "after=x", "before=1"] {
        let refused = admin.get(&format!("/v1/audit?{wrong}")).await;
        assert_eq!(refused.fields_at_fault(), [wrong.split('=').next().expect("a name")]);
    }
}

/// A thousand calls without a key are a handful of entries, and each call is counted.
async fn a_rush_of_refusals_is_a_few_entries_with_counts(desk: Desk) {
    const CALLS: u64 = 1_000;
    let admin = administrator(&desk).await;
    // Whose key was never seen is held to the rate of strangers, who are about to use it up.
    let _ = admin.get("/v1/keys").await.answers(200);
    let calls: Vec<_> = (0..CALLS)
        .map(|_| async { desk.get("/v1/products").await.status })
        .collect();
    let statuses = futures::future::join_all(calls).await;
    let mut entries = Vec::new();
    // Beyond the limit of an address they are told so, and that is recorded, too.
    for (status, outcome) in [(401, "no_key"), (429, "too_many")] {
        let refused = statuses.iter().filter(|answered| **answered == status).count() as u64;
        let of_outcome = decisions(&admin, outcome, refused).await;
        let counted: u64 = of_outcome.iter().filter_map(|entry| entry["count"].as_u64()).sum();
        assert_eq!(counted, refused, "{outcome}");
        // One a minute.
        assert!(of_outcome.len() <= 5, "{}", of_outcome.len());
        entries.extend(of_outcome);
    }
    assert_eq!(
        entries.iter().filter_map(|entry| entry["count"].as_u64()).sum::<u64>(),
        CALLS
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry["at"].as_str() <= entry["until"].as_str()),
        "{entries:?}"
    );
}

async fn the_log_is_one_for_all_instances_and_outlasts_them(desk: Desk) {
    let admin = administrator(&desk).await;
    let mut other = Desk::open(desk.db.clone()).await;
    let _ = other.get("/v1/products").await.refuses(401, "unauthorized");
    let _ = desk.get("/v1/orders").await.refuses(401, "unauthorized");
    let entries = decisions(&admin, "no_key", 2).await;
    let mut calls: Vec<&str> = entries.iter().filter_map(|entry| entry["what"].as_str()).collect();
    calls.sort_unstable();
    assert_eq!(calls, ["list_orders", "list_products"]);
    other.service.kill();
    let after = decisions(&admin, "no_key", 2).await;
    assert_eq!(after, entries);
}

/// The page at an address.
async fn shown(admin: &Client, address: &str) -> String {
    let page = admin.get(address).await;
    assert_eq!(page.status, 200, "{address}");
    String::from_utf8(page.body).expect("text")
}

/// The rows of the page, each as the texts of its cells.
fn rows(page: &str) -> Vec<Vec<String>> {
    let cells = |row: &str| -> Vec<String> {
        let cells = row.split("<td").skip(1).filter_map(|cell| cell.split_once('>'));
        cells
            .map(|(_, text)| text.split("</td>").next().unwrap_or_default().to_owned())
            .collect()
    };
    page.split("<tr>").skip(2).map(cells).collect()
}

async fn the_page_shows_what_was_done_and_what_was_refused_the_newest_first(desk: Desk) {
    let admin = administrator(&desk).await;
    let shop = key(&admin, &desk, "shop", &["sales"]).await;
    let planner = key(&admin, &desk, "planner", &["planner"]).await;
    let batch = json!({"reference": "<B1>", "sku": "<LAMP>", "quantity": 500});
    let _ = planner.post("/v1/batches", &batch).await.answers(201);
    let _ = shop.post("/v1/batches", &batch).await.refuses(403, "forbidden");
    let _ = decisions(&admin, "forbidden", 1).await;
    let page = shown(&admin, "/audit").await;
    let who_what = |row: &Vec<String>| (row[1].clone(), row[2].clone(), row[3].clone(), row[4].clone());
    let told = |who: &str, what: &str, about: &str, outcome: &str| {
        (who.to_owned(), what.to_owned(), about.to_owned(), outcome.to_owned())
    };
    let newest: Vec<_> = rows(&page).iter().take(2).map(who_what).collect();
    let refused = told("shop", "create_batch", "", "forbidden, needs planner");
    assert_eq!(newest[0], refused);
    assert_eq!(newest[1].0, "planner");
    assert!(newest[1].2.contains("&lt;LAMP&gt;"), "{newest:?}");
    assert!(!page.contains("<LAMP>"), "text from outside is escaped");
    let only = shown(&admin, "/audit?only=decisions").await;
    assert!(rows(&only).iter().all(|row| row[2] != "BatchCreated"));
    assert_eq!(rows(&only).first().map(who_what), Some(refused));

    let _ = shop.get("/audit").await.refuses(403, "forbidden");
    assert_eq!(admin.get("/audit?only=everything").await.fields_at_fault(), ["only"]);
}

async fn older_pages_go_on_where_the_one_before_ended(desk: Desk) {
    let admin = administrator(&desk).await;
    let planner = key(&admin, &desk, "planner", &["planner", "admin"]).await;
    let lines: Vec<Value> = (0..230)
        .map(|at| json!({"create_batch": {"reference": format!("B{at}"), "sku": "LAMP", "quantity": 1}}))
        .collect();
    let _ = planner.bulk(&lines).await;
    let all = planner.get("/v1/events?limit=1000").await.answers(200);
    let all = all["items"].as_array().expect("a list").len();
    let (mut address, mut events) = ("/audit".to_owned(), 0);
    loop {
        let page = shown(&admin, &address).await;
        events += rows(&page)
            .iter()
            .filter(|row| !row[7].is_empty() && row[6].is_empty())
            .count();
        let Some((_, link)) = page.split_once("rel=\"next\" href=\"") else {
            break;
        };
        address = link.split('"').next().unwrap_or_default().replace("&amp;", "&");
    }
    assert_eq!(events, all, "each event is on one page");
}

on_each_database! {
    who_shows_no_good_key_is_recorded_with_the_call_and_the_name_of_the_key,
    who_may_not_is_recorded_with_the_role_that_is_needed,
    who_changes_keys_is_in_the_log_at_once,
    a_rush_of_refusals_is_a_few_entries_with_counts,
    the_log_is_one_for_all_instances_and_outlasts_them,
    the_page_shows_what_was_done_and_what_was_refused_the_newest_first,
    older_pages_go_on_where_the_one_before_ended,
}
