//! The OpenAPI document: made from the routes, their types, and the kinds of problem each of them can answer with.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::App;
use earmark_application::MAX_IDEMPOTENCY_KEY_CHARS;
use serde_json::json;
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{Components, ObjectBuilder, Type},
    tag::TagBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;

use super::kinds::{self, Kind};
use super::problem::PROBLEM_JSON;
use super::{routes, schema, writes};

/// What every operation under `/v1` and of the book can answer with.
const ALWAYS: &[&Kind] = &[&kinds::INVALID_REQUEST, &kinds::INTERNAL, &kinds::UNAVAILABLE];

/// What an operation with a JSON body can answer with besides.
const WITH_BODY: &[&Kind] = &[
    &kinds::MALFORMED_JSON,
    &kinds::BROKEN_BODY,
    &kinds::REQUEST_TIMEOUT,
    &kinds::PAYLOAD_TOO_LARGE,
    &kinds::UNSUPPORTED_MEDIA_TYPE,
];

/// What an operation that gives the engine a command can answer with besides.
const COMMAND: &[&Kind] = &[&kinds::BUSY, &kinds::SHUTTING_DOWN];

/// What a write that looks at `If-Match` can answer with besides.
const CONDITIONAL: &[&Kind] = &[&kinds::MALFORMED_CONDITION, &kinds::STALE_VERSION];
/// What an operation that takes an `Idempotency-Key` can answer with besides.
const WITH_KEY: &[&Kind] = &[
    &kinds::INVALID_IDEMPOTENCY_KEY,
    &kinds::IDEMPOTENCY_KEY_IN_USE,
    &kinds::IDEMPOTENCY_KEY_REUSED,
    // Its body is read before anybody looks whether it should have one.
    &kinds::BROKEN_BODY,
    &kinds::REQUEST_TIMEOUT,
    &kinds::PAYLOAD_TOO_LARGE,
];

/// What each operation can answer with for reasons of its own.
const OWN: &[(&str, &[&Kind])] = &[
    ("create_batch", &[&kinds::BATCH_EXISTS]),
    ("show_batch", &[&kinds::UNKNOWN_BATCH]),
    (
        "change_batch",
        &[&kinds::UNKNOWN_BATCH, &kinds::BELOW_DISPATCHED, &kinds::BATCH_CLOSED],
    ),
    (
        "receive_batch",
        &[&kinds::UNKNOWN_BATCH, &kinds::BELOW_DISPATCHED, &kinds::BATCH_CLOSED],
    ),
    ("cancel_batch", &[&kinds::UNKNOWN_BATCH]),
    (
        "allocate",
        &[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS],
    ),
    (
        "place_order",
        &[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::ORDER_EXISTS],
    ),
    (
        "replace_order",
        &[
            &kinds::UNKNOWN_SKU,
            &kinds::OUT_OF_STOCK,
            &kinds::NOT_HELD,
            &kinds::HOLD_EXPIRED,
            &kinds::LINE_EXISTS,
            &kinds::ORDER_EXISTS,
        ],
    ),
    ("show_order", &[&kinds::UNKNOWN_ORDER]),
    (
        "confirm_order",
        &[
            &kinds::UNKNOWN_ORDER,
            &kinds::UNKNOWN_LINE,
            &kinds::HOLD_EXPIRED,
            &kinds::EXCEEDS_HOLD,
            &kinds::NOT_HELD,
            &kinds::LINE_ENDED,
        ],
    ),
    (
        "dispatch_order",
        &[
            &kinds::UNKNOWN_ORDER,
            &kinds::UNKNOWN_LINE,
            &kinds::NOT_IN_WAREHOUSE,
            &kinds::NOT_FIRM,
            &kinds::NOT_ALLOCATED,
        ],
    ),
    (
        "undo_dispatch",
        &[
            &kinds::UNKNOWN_ORDER,
            &kinds::UNKNOWN_LINE,
            &kinds::NOT_ALLOCATED,
            &kinds::BATCH_CLOSED,
        ],
    ),
    (
        "change_line",
        &[
            &kinds::UNKNOWN_ORDER,
            &kinds::UNKNOWN_LINE,
            &kinds::OUT_OF_STOCK,
            &kinds::ALREADY_DISPATCHED,
            &kinds::LINE_ENDED,
        ],
    ),
    ("cancel_order", &[&kinds::UNKNOWN_ORDER, &kinds::ALREADY_DISPATCHED]),
    (
        "cancel_line",
        &[&kinds::UNKNOWN_ORDER, &kinds::UNKNOWN_LINE, &kinds::ALREADY_DISPATCHED],
    ),
    ("quote", &[&kinds::UNKNOWN_SKU]),
    ("show_product", &[&kinds::UNKNOWN_SKU]),
    ("show_availability", &[&kinds::UNKNOWN_SKU]),
    ("show_backlog", &[&kinds::UNKNOWN_SKU]),
    ("follow_events", &[&kinds::BUSY, &kinds::SHUTTING_DOWN]),
    (
        "bulk",
        &[
            &kinds::UNSUPPORTED_MEDIA_TYPE,
            &kinds::INVALID_IDEMPOTENCY_KEY,
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
        ],
    ),
    ("book_add_batch", &[&kinds::BATCH_EXISTS]),
    ("book_allocate", &[&kinds::LINE_EXISTS]),
    ("book_allocations", &[&kinds::NO_ALLOCATIONS]),
    ("ready", &[&kinds::SHUTTING_DOWN, &kinds::UNAVAILABLE]),
    ("problem", &[&kinds::NOT_FOUND]),
];

/// The groups of calls, in the order they are read.
const TAGS: [&str; 7] = [
    "Batches",
    "Orders",
    "Products",
    "Events",
    "Bulk",
    "The book's API",
    "Operations",
];

/// The document.
pub(super) fn document() -> &'static OpenApi {
    static DOCUMENT: OnceLock<OpenApi> = OnceLock::new();
    DOCUMENT.get_or_init(made)
}

/// The document as JSON.
pub(super) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = document().to_pretty_json().expect("a document is always JSON");
        text.push('\n');
        text
    })
}

/// The methods that a path has.
pub(super) fn methods(item: &PathItem) -> Vec<&'static str> {
    operations(item).into_iter().map(|(method, _)| method).collect()
}

fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    [
        ("DELETE", &item.delete),
        ("GET", &item.get),
        ("PATCH", &item.patch),
        ("POST", &item.post),
        ("PUT", &item.put),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
    .collect()
}

fn made() -> OpenApi {
    let (_, mut document) = App::new().into_utoipa_app().configure(routes).split_for_parts();
    document.info = InfoBuilder::new()
        .title("Earmark")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Promises orders against stock, in the warehouse and on its way, and never promises the same unit twice.\n\n\
             Every command is idempotent by its natural key: sent again, it changes nothing and answers as it \
             stands. With an `Idempotency-Key` it is answered as it was the first time, to the letter, for a day. \
             Errors are `application/problem+json`; `code` is for machines, `detail` for people. Every response bears \
             `x-request-id`, the caller's if it sent one of 1 to 64 visible ASCII characters: it is the \
             `correlation_id` of the events that the request caused.",
        ))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    document.tags = Some(TAGS.map(|name| TagBuilder::new().name(name).build()).to_vec());
    let components = document.components.get_or_insert_with(Components::new);
    add_schema::<schema::Problem>(components);
    writes::describe(&mut document);
    for (path, item) in &mut document.paths.paths {
        for (changes, operation) in [
            (true, &mut item.delete),
            (false, &mut item.get),
            (true, &mut item.patch),
            (true, &mut item.post),
            (true, &mut item.put),
        ] {
            let Some(operation) = operation else { continue };
            let takes_key = changes && path.starts_with("/v1/") && operation.operation_id.as_deref() != Some("bulk");
            if takes_key {
                operation
                    .parameters
                    .get_or_insert_default()
                    .push(RefOr::T(key_parameter()));
            }
            tell_problems(operation, takes_key);
        }
    }
    document
}

fn add_schema<T: ToSchema + PartialSchema>(components: &mut Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    components.schemas.extend(schemas);
}

/// The header that names a call.
fn key_parameter() -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_IDEMPOTENCY_KEY_CHARS));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "A key of the client's own making that names this request, of visible ASCII characters, bare or in double \
             quotes. The same request sent again with it within a day is answered as it was the first time, to the \
             letter; while the first is under way it waits for that answer. An answer of 500 and more is not kept.",
        ))
        .schema(Some(key))
        .example(Some(json!("8e03978e-40d5-43dd-bc93-6894a57f9324")))
        .build()
}

/// Adds the problems that an operation can answer with, those of one status under one response.
fn tell_problems(operation: &mut Operation, takes_key: bool) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let in_shop = !operation.tags.iter().flatten().any(|tag| tag == "Operations");
    let own = OWN
        .iter()
        .filter(|(operation, _)| *operation == id)
        .flat_map(|(_, kinds)| *kinds);
    let mut told: Vec<&Kind> = own.copied().collect();
    if in_shop {
        told.extend(ALWAYS);
    }
    let has_body = operation.request_body.is_some();
    if has_body && id != "bulk" {
        told.extend(WITH_BODY);
    }
    if (has_body && id != "bulk") || id.starts_with("cancel_") {
        told.extend(COMMAND);
    }
    if writes::is_conditional(&id) {
        told.extend(CONDITIONAL);
    }
    if takes_key {
        told.extend(WITH_KEY);
    }
    let mut by_status: BTreeMap<u16, Vec<&Kind>> = BTreeMap::new();
    for kind in told {
        let kinds = by_status.entry(kind.status.as_u16()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for (status, kinds) in by_status {
        let response = operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().build()));
        let RefOr::T(response) = response else { continue };
        let told: Vec<String> = kinds
            .iter()
            .map(|kind| format!("`{}`: {}", kind.code, kind.title))
            .collect();
        if !response.description.is_empty() {
            response.description.push_str("; ");
        }
        response.description.push_str(&told.join("; "));
        response
            .content
            .insert(PROBLEM_JSON.to_owned(), RefOr::T(content(kinds[0])));
    }
}

fn content(kind: &Kind) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema::Problem::name())))
        .example(Some(json!({
            "type": format!("/problems/{}", kind.code),
            "title": kind.title,
            "status": kind.status.as_u16(),
            "detail": kind.meaning,
            "code": kind.code,
        })))
        .build()
}
