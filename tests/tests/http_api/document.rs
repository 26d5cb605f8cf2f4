//! The OpenAPI document, against the service that it describes.

use std::collections::BTreeSet;

use earmark_application::{
    AccessEntry, Caller, DeadMessage, EntryId, Person, PersonName, Roles, SESSION_LIFETIME, Session, SessionHash,
    SessionHolder, SourceName,
};
use earmark_tests::identity_provider::clock;
use earmark_tests::on_each_database;
use earmark_tests::service::{Desk, Documented, Operation, until, values_of};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

/// Every operation, in the order of a story: each call finds what the examples of the calls before it have made.
const STORY: [&str; 65] = [
    "live",
    "ready",
    "openapi",
    "asyncapi",
    "page",
    "favicon",
    "problem",
    "create_batch",
    "show_batch",
    "put_product",
    "list_batches",
    "list_orders",
    "show_product",
    "list_products",
    "show_availability",
    "quote",
    "allocate",
    "place_order",
    "bulk",
    "replace_order",
    "show_order",
    "confirm_order",
    "change_order",
    "change_line",
    "dispatch_order",
    "undo_dispatch",
    "show_backlog",
    "show_product_in_time",
    "list_lines_at_risk",
    "list_late_batches",
    "list_lines_of_batch",
    "count_waiting_lines",
    "list_waiting_lines",
    "list_changes",
    "list_ending_holds",
    "reallocate",
    "change_batch",
    "receive_batch",
    "undo_receipt",
    "book_add_batch",
    "book_allocate",
    "book_allocations",
    "cancel_line",
    "cancel_order",
    "cancel_batch",
    "list_events",
    "follow_events",
    "metrics",
    "list_subscriptions",
    "list_dead_letters",
    "replay_dead_letters",
    "skip_dead_letters",
    "change_subscription",
    "list_sources",
    "list_dead_messages",
    "replay_dead_messages",
    "skip_dead_messages",
    // From here on the service wants a key.
    "create_key",
    "list_keys",
    "rotate_key",
    "list_sessions",
    "end_session",
    "list_audit",
    "audit_page",
    "revoke_key",
];

/// The value of a parameter that the explorer fills in, as text.
fn filled_in(parameter: &Value) -> Option<String> {
    match &parameter["example"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The request that the explorer sends for an operation: its path with query, its headers, its body.
pub(crate) fn request(operation: &Operation, description: &Value) -> (String, Vec<(String, String)>, String) {
    let (mut path, mut query, mut headers) = (operation.path.clone(), Vec::new(), Vec::new());
    for parameter in description["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        let value = filled_in(parameter);
        match (parameter["in"].as_str(), value) {
            (Some("path"), Some(value)) => path = path.replace(&format!("{{{name}}}"), &value),
            (Some("query"), Some(value)) => query.push(format!("{name}={value}")),
            (Some("header"), Some(value)) => headers.push((name.to_owned(), value)),
            _ => {}
        }
    }
    assert!(!path.contains('{'), "{path} has no example");
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let content = description["requestBody"]["content"].as_object();
    let Some((media_type, content)) = content.and_then(|content| content.iter().next()) else {
        return (path, headers, String::new());
    };
    headers.push(("content-type".to_owned(), media_type.clone()));
    let body = match &content["example"] {
        Value::Null => unreachable!("{} has no example of a body", operation.id),
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    (path, headers, body)
}

async fn every_example_is_answered_as_documented(mut desk: Desk) {
    // The subscription of the examples.
    desk.service.kill();
    // And the source.
    let message = DeadMessage {
        number: 0,
        source: SourceName::new("orders"),
        id: "ORDERS-1".to_owned(),
        correlation_id: None,
        body: b"{".to_vec(),
        bytes: 1,
        is_whole: true,
        reason: "malformed_json: it ends too early".to_owned(),
        attempts: 1,
        since: Timestamp::UNIX_EPOCH,
        replayed: false,
    };
    let inbox = desk.db.open().await.inbox;
    let buried = inbox.bury(&message.source, std::slice::from_ref(&message)).await;
    assert!(buried.expect("an outcome"));
    drop(inbox);
    // And the session.
    let mut hash = [0; 32];
    hash[..6].copy_from_slice(&[0x6f, 0x1c, 0x09, 0xd2, 0xa4, 0xe7]);
    let now = clock();
    let session = Session {
        hash: SessionHash(hash),
        holder: SessionHolder::Person(Person {
            name: PersonName::of("anna@shop.example").expect("a name"),
            roles: Roles::OF_THE_SHOP,
        }),
        began_at: now,
        ends_at: now + SESSION_LIFETIME,
    };
    let log = AccessEntry::done(EntryId([7; 16]), now, Caller::default(), "sign_in", "anna");
    let begun = desk.db.open().await.sessions.begin_session(&session, &log).await;
    begun.expect("it begins");
    let variables = vec![("EARMARK__EVENTS__URLS".to_owned(), "log:".to_owned())];
    let mut desk = Desk::open_with(desk.db.clone(), variables).await;
    desk.client = desk.client.clone().as_documented();
    until("the subscription is there", async || {
        let listed = desk.get("/v1/subscriptions").await.answers(200);
        (listed["items"][0]["name"] == "log").then_some(())
    })
    .await;
    let documented = Documented::service();
    let known: BTreeSet<&str> = documented
        .operations()
        .iter()
        .map(|operation| operation.id.as_str())
        .collect();
    assert_eq!(BTreeSet::from(STORY), known, "the story has every call");
    // The stock that was there before.
    desk.buy("PO-1", "LAMP-RED", 100).await;
    let _ = desk.buy_inbound("PO-1043", "LAMP-RED", 100, "2036-03-31").await;
    desk.buy("batch-0", "SMALL-TABLE", 100).await;
    let open = desk.client.clone();
    for id in STORY {
        let mut operations = documented.operations().iter();
        let operation = operations.find(|operation| operation.id == id).expect("an operation");
        let (path, headers, body) = request(operation, documented.description(operation));
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let method: Method = operation.method.parse().expect("a method");
        if id == "follow_events" {
            // It does not end.
            let reply = desk.request(method, &path).send().await.expect("a reply");
            assert_eq!(reply.status(), 200);
            continue;
        }
        let reply = desk.send(method, &path, &headers, body.clone()).await;
        assert!(
            (200..300).contains(&reply.status),
            "{id}: {} {}",
            reply.status,
            reply.text()
        );
        if ["create_key", "rotate_key"].contains(&id) {
            let secret = reply.json()["secret"].as_str().expect("a secret").to_owned();
            desk.client = open.with_key(&secret);
        }
        if id == "bulk" {
            each_line_is_answered_as_the_call_it_stands_for(&body, reply.text());
        }
    }
}

fn each_line_is_answered_as_the_call_it_stands_for(sent: &str, answered: &str) {
    let documented = Documented::service();
    assert_eq!(sent.lines().count(), answered.lines().count());
    for (line, answer) in sent.lines().zip(answered.lines()) {
        let line: Value = serde_json::from_str(line).expect("one command a line");
        let command = line.as_object().and_then(|line| line.keys().next()).expect("a command");
        let answer: Value = serde_json::from_str(answer).expect("one answer a line");
        let status = answer["status"].as_u64().expect("a status");
        assert!((200..300).contains(&status), "{line}: {answer}");
        // A command has the name of its call.
        let mut operations = documented.operations().iter();
        let call = operations.find(|operation| operation.id == *command).expect("a call");
        let place = format!(
            "/paths/{}/{}/responses/{status}/content/application~1json/schema",
            call.path.replace('/', "~1"),
            call.method.to_lowercase()
        );
        documented.check_value(&place, &answer["body"]).expect("as documented");
    }
}

on_each_database! {
    every_example_is_answered_as_documented,
}

/// Every schema and every content of a value of the document, with its place.
fn each_member(place: &str, value: &Value, found: &mut impl FnMut(&str, &Value)) {
    found(place, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                each_member(&format!("{place}/{name}"), member, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                each_member(&format!("{place}/{at}"), item, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    let documented = Documented::service();
    let document = documented.document();
    let mut checked = 0;
    let mut check = |place: &str, example: &Value| {
        let checked_value = documented.check_value(place, example);
        assert_eq!(checked_value, Ok(()), "{place}");
        checked += 1;
    };
    let mut of_schemas = |place: &str, schema: &Value| {
        let is_schema = !schema["type"].is_null() || schema["oneOf"].is_array();
        if !schema.is_object() || !is_schema || place.ends_with("/properties") {
            return;
        }
        let examples = schema["examples"].as_array().into_iter().flatten();
        for example in examples.chain(schema.get("example")) {
            check(place, example);
        }
    };
    each_member(
        "/components/schemas",
        &document["components"]["schemas"],
        &mut of_schemas,
    );
    let mut of_contents = |place: &str, content: &Value| {
        if !content.is_object() || content["schema"].is_null() {
            return;
        }
        let schema = format!("{place}/schema");
        if let Some(example) = content.get("example") {
            check(&schema, example);
            if content["schema"]["contentSchema"].is_object() {
                let text = example.as_str().expect("a stream is a text");
                let media_type = content["schema"]["contentMediaType"].as_str().expect("a media type");
                let mut values = 0;
                for value in values_of(media_type, text) {
                    check(
                        &format!("{schema}/contentSchema"),
                        &serde_json::from_str(value).expect("JSON"),
                    );
                    values += 1;
                }
                assert!(values > 0, "{place}");
            }
        }
        for example in content["examples"]
            .as_object()
            .into_iter()
            .flat_map(|examples| examples.values())
        {
            let reference = example["$ref"].as_str().expect("a component").trim_start_matches('#');
            check(&schema, &document.pointer(reference).expect("an example")["value"]);
        }
    };
    each_member("/paths", &document["paths"], &mut of_contents);
    assert!(checked > 500, "{checked}");
}

#[test]
fn the_explorer_fills_in_nothing_that_has_a_meaning_once_only() {
    let documented = Documented::service();
    let mut seen = BTreeSet::new();
    for operation in documented.operations() {
        let description = documented.description(operation);
        for parameter in description["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "path" {
                seen.insert(parameter["name"].as_str().expect("a name"));
                assert_eq!(filled_in(parameter), None, "{}: {}", operation.id, parameter["name"]);
                assert!(parameter["schema"]["default"].is_null(), "{}", operation.id);
            }
        }
    }
    for name in ["Idempotency-Key", "If-Match", "Last-Event-ID", "preview"] {
        assert!(seen.contains(name), "{name}");
    }
}

#[test]
fn every_object_says_that_nothing_else_can_appear() {
    let documented = Documented::service();
    let schemas = &documented.document()["components"]["schemas"];
    let mut objects = 0;
    each_member("", schemas, &mut |place, schema| {
        if schema["type"] == "object" && !place.ends_with("/properties") {
            assert_eq!(schema["additionalProperties"], json!(false), "{place}");
            objects += 1;
        }
    });
    assert!(objects > 100, "{objects}");
}

#[test]
fn every_problem_has_a_schema_with_its_code() {
    let documented = Documented::service();
    let schemas = documented.document()["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mapping = schemas["Problem"]["discriminator"]["mapping"]
        .as_object()
        .expect("a mapping");
    for (code, reference) in mapping {
        let name = reference.as_str().and_then(|reference| reference.rsplit('/').next());
        let schema = &schemas[name.expect("a reference")];
        assert_eq!(schema["properties"]["code"]["const"], json!(code));
    }
    assert!(mapping.len() > 30);
}
