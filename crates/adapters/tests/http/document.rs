//! The OpenAPI document, checked against the routes and the readers.

use std::collections::BTreeSet;
use std::path::Path;

use actix_web::http::StatusCode;
use earmark_adapters::http::openapi;
use serde_json::{Value, json};

use super::shop::Shop;

fn document() -> Value {
    serde_json::from_str(&openapi()).expect("JSON")
}

/// Every operation: its method, its path and its description.
fn operations() -> Vec<(String, String, Value)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path") {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// The routes as the sources declare them.
fn declared() -> BTreeSet<(String, String)> {
    let mut declared = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("a source").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push(path);
            }
        }
    }
    for path in sources {
        let source = std::fs::read_to_string(&path).expect("a source");
        let by_hand = [".route(", "web::resource", "web::scope"]
            .iter()
            .find(|call| source.contains(**call));
        assert_eq!(
            by_hand,
            None,
            "{} registers a route that the document can't see",
            path.display()
        );
        for method in [
            "get", "post", "put", "patch", "delete", "head", "options", "route", "routes",
        ] {
            let opening = format!("\n#[{method}(\"");
            for declaration in source.split(&opening).skip(1) {
                let (route, _) = declaration.split_once('"').expect("a path");
                declared.insert((method.to_uppercase(), route.to_owned()));
            }
        }
    }
    declared
}

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let documented: BTreeSet<(String, String)> = operations()
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    let mut declared = declared();
    // The explorer shows the document and is not part of it; forms are for people.
    for (method, path) in [
        ("GET", "/docs"),
        ("GET", "/docs/{file:.*}"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/provider"),
        ("GET", "/sign-in/callback"),
        ("POST", "/sign-out"),
    ] {
        assert!(declared.remove(&(method.to_owned(), path.to_owned())), "{path}");
    }
    assert_eq!(documented, declared);
    assert!(documented.len() > 30);
}

#[actix_web::test]
async fn every_documented_path_answers_by_its_methods_and_only_by_those() {
    let shop = Shop::open().await;
    for (method, path, _) in operations() {
        let uri = path.replace(['{', '}'], "");
        let wrong = shop.send(shop.request("TRACE", &uri)).await;
        assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = wrong.header("allow").unwrap_or_default().to_owned();
        assert!(
            allowed.split(", ").any(|allowed| allowed == method),
            "{path}: {allowed}"
        );
        if path == "/v1/events/stream" {
            continue;
        }
        let answer = shop.send(shop.request(&method, &uri)).await;
        assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(!answer.status.is_server_error(), "{method} {path}");
        let routed = answer.status != StatusCode::NOT_FOUND || answer.code() != "not_found" || path.contains("{code}");
        assert!(routed, "{method} {path}");
    }
}

#[actix_web::test]
async fn no_call_ignores_an_unknown_parameter() {
    let shop = Shop::open().await;
    for (method, path, operation) in operations() {
        if operation["tags"] == json!(["Operations"]) {
            continue;
        }
        let uri = format!("{}?preveiw=true", path.replace(['{', '}'], ""));
        let mut request = shop.request(&method, &uri);
        if let Some(body) = operation["requestBody"]["content"].as_object() {
            let kind = body.keys().next().expect("a media type");
            request = request.insert_header(("content-type", kind.as_str())).set_payload("{}");
        }
        let answer = shop.send(request).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}");
        assert!(answer.fields().contains(&"preveiw".to_owned()), "{method} {path}");
    }
}

#[actix_web::test]
async fn exactly_the_documented_writes_can_be_previewed() {
    let shop = Shop::open().await;
    for (method, path, operation) in operations() {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let documented = parameters.iter().any(|parameter| parameter["name"] == "preview");
        let is_write = method != "GET" && path.starts_with("/v1/") && path != "/v1/bulk";
        assert_eq!(documented, is_write, "{method} {path}");
        if path.starts_with("/v1/") {
            let kind = if path == "/v1/bulk" {
                "application/x-ndjson"
            } else {
                "application/json"
            };
            let uri = format!("{}?preview=maybe", path.replace(['{', '}'], ""));
            let request = shop.request(&method, &uri).insert_header(("content-type", kind));
            let body = if method == "GET" { "" } else { "{}" };
            let answer = shop.send(request.set_payload(body)).await.json();
            let errors = answer["errors"].as_array().expect("errors");
            let error = errors
                .iter()
                .find(|error| error["field"] == "preview")
                .expect("a fault");
            let message = error["message"].as_str().expect("a text");
            assert_eq!(
                message.starts_with("must be true or false"),
                is_write,
                "{method} {path}: {message}"
            );
        }
    }
}

#[actix_web::test]
async fn the_writes_that_check_a_condition_are_documented() {
    let shop = Shop::open().await;
    for (method, path, operation) in operations() {
        if method == "GET" {
            continue;
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let documented = parameters.iter().any(|parameter| parameter["name"] == "If-Match");
        let uri = path.replace(['{', '}'], "");
        let answer = shop
            .with_header(&method, &uri, ("if-match", "malformed"), &json!({}))
            .await;
        let code = if documented {
            "malformed_condition"
        } else {
            "condition_not_supported"
        };
        assert_eq!(answer.code(), code, "{method} {path}");
    }
}

#[actix_web::test]
async fn every_write_checks_or_refuses_each_condition() {
    let shop = Shop::open().await;
    for (method, path, operation) in operations() {
        if method == "GET" {
            continue;
        }
        let uri = path.replace(['{', '}'], "");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let documented = parameters.iter().any(|parameter| parameter["name"] == "If-None-Match");
        for (header, is_checked) in [
            (("if-none-match", "*"), documented),
            (("if-unmodified-since", "Sun, 01 Feb 2026 09:00:00 GMT"), false),
            (("if-modified-since", "Sun, 01 Feb 2026 09:00:00 GMT"), false),
            (("if-range", "\"1\""), false),
        ] {
            let answer = shop.with_header(&method, &uri, header, &json!({})).await;
            let is_refused = answer.status == StatusCode::NOT_IMPLEMENTED;
            assert_eq!(is_refused, !is_checked, "{method} {path} {header:?}");
        }
    }
}

#[actix_web::test]
async fn the_reader_of_each_body_has_the_fields_of_the_document() {
    let shop = Shop::open().await;
    let document = document();
    for (method, path, operation) in operations() {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(name) = schema.as_str().and_then(|reference| reference.rsplit('/').next()) else {
            assert!(
                operation["requestBody"].is_null() || path == "/v1/bulk",
                "{path} has a body without a schema"
            );
            continue;
        };
        let properties = document["components"]["schemas"][name]["properties"].as_object();
        let documented: BTreeSet<&str> = properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let uri = path.replace(['{', '}'], "");
        let answer = shop
            .send(shop.request(&method, &uri).set_json(json!({"no such field": 1})))
            .await;
        let body = answer.json();
        let errors = body["errors"].as_array().expect("errors");
        let unknown = errors
            .iter()
            .find(|error| error["field"] == "no such field")
            .expect("a fault");
        let (_, known) = unknown["message"]
            .as_str()
            .and_then(|message| message.split_once("are "))
            .expect("a list");
        let known = known.split(", ").filter(|known| *known != "no fields");
        assert_eq!(known.collect::<BTreeSet<_>>(), documented, "{method} {path}");
    }
}

#[actix_web::test]
async fn a_body_is_optional_where_it_is_documented_so() {
    let shop = Shop::open().await;
    for (method, path, operation) in operations() {
        if operation["requestBody"].is_null() || path == "/v1/bulk" {
            continue;
        }
        let required = operation["requestBody"]["required"] != json!(false);
        let answer = shop.send(shop.request(&method, &path.replace(['{', '}'], ""))).await;
        let refused = answer.status == StatusCode::BAD_REQUEST;
        assert_eq!(refused, required, "{method} {path}");
    }
}

#[test]
fn the_document_is_openapi_3_1_and_complete() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let place = reference.trim_start_matches('#');
                    assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    for (method, path, operation) in operations() {
        let own = operation["tags"].as_array().expect("tags");
        assert!(
            own.iter().all(|tag| tags.contains(&tag)),
            "{method} {path} has a tag of its own"
        );
        for member in ["operationId", "summary", "responses", "tags"] {
            assert!(!operation[member].is_null(), "{method} {path} has no {member}");
        }
        let problems = operation["responses"].as_object().expect("responses");
        let has_problem = problems.keys().any(|status| status.starts_with('4'));
        assert!(
            has_problem || operation["tags"] == json!(["Operations"]),
            "{method} {path} has no problem"
        );
    }
}

#[actix_web::test]
async fn a_bulk_line_takes_exactly_the_documented_commands() {
    let shop = Shop::open().await;
    let document = document();
    let commands = document["components"]["schemas"]["BulkCommand"]["oneOf"].as_array();
    let documented: BTreeSet<&str> = commands
        .expect("one of the commands")
        .iter()
        .filter_map(|command| command["required"][0].as_str())
        .collect();
    let request = shop.request("POST", "/v1/bulk");
    let request = request.insert_header(("content-type", "application/x-ndjson"));
    let answer = shop.send(request.set_payload("[]\n")).await;
    let (_, known) = answer
        .text()
        .split_once("an object with one of ")
        .expect("the known commands");
    let (known, _) = known.split_once(", is").expect("what was given");
    assert_eq!(known.split(", ").collect::<BTreeSet<_>>(), documented);
}

#[test]
fn a_bulk_line_takes_the_command_of_every_call_under_v1() {
    let document = document();
    let commands = document["components"]["schemas"]["BulkCommand"]["oneOf"].as_array();
    let in_bulk: BTreeSet<String> = commands
        .expect("one of the commands")
        .iter()
        .filter_map(|command| command["required"][0].as_str())
        .map(str::to_owned)
        .collect();
    let calls: BTreeSet<String> = operations()
        .into_iter()
        .filter(|(method, path, _)| method != "GET" && path.starts_with("/v1/") && path != "/v1/bulk")
        // Subscriptions, sources, keys and sessions are no stock: nothing about them is a command.
        .filter(|(_, path, _)| {
            !["/v1/subscriptions", "/v1/sources", "/v1/keys", "/v1/sessions"]
                .iter()
                .any(|of| path.starts_with(of))
        })
        .filter_map(|(.., operation)| Some(operation["operationId"].as_str()?.to_owned()))
        .collect();
    assert_eq!(in_bulk, calls);
}

#[actix_web::test]
async fn the_reader_of_each_bulk_command_has_the_fields_of_the_document() {
    let shop = Shop::open().await;
    let document = document();
    let schemas = &document["components"]["schemas"];
    for command in schemas["BulkCommand"]["oneOf"].as_array().expect("one of the commands") {
        let name = command["required"][0].as_str().expect("a name");
        let reference = command["properties"][name]["$ref"].as_str().expect("a schema");
        let schema = reference.rsplit('/').next().expect("a name");
        let properties = schemas[schema]["properties"].as_object().expect("an object");
        let documented: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let request = shop.request("POST", "/v1/bulk");
        let request = request.insert_header(("content-type", "application/x-ndjson"));
        let answer = shop
            .send(request.set_payload(json!({name: {"no such field": 1}}).to_string() + "\n"))
            .await;
        let body: Value = serde_json::from_str(answer.text()).expect("an answer");
        let errors = body["body"]["errors"].as_array().expect("errors");
        let unknown = errors
            .iter()
            .find(|error| error["field"] == format!("{name}.no such field"))
            .expect("a fault");
        let (_, known) = unknown["message"]
            .as_str()
            .and_then(|message| message.split_once("are "))
            .expect("a list");
        assert_eq!(known.split(", ").collect::<BTreeSet<_>>(), documented, "{name}");
    }
}
