//! The problems that each operation can answer with.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};

use super::problem_schemas::one_of;
use super::write_operations::{is_conditional, may_create};
use crate::http::response::problem::PROBLEM_JSON;
use crate::wire::answers::kinds::{self, Kind};

/// The operations that answer under any name of the host.
const PROBES: [&str; 2] = ["live", "ready"];

/// The problems of every operation under `/v1` and of the book's API.
const ALWAYS: &[&Kind] = &[
    &kinds::INVALID_REQUEST,
    &kinds::INTERNAL,
    &kinds::UNAVAILABLE,
    &kinds::BUSY,
];

/// The problems of every operation that wants a key: it is looked up.
const WITH_ACCESS: &[&Kind] = &[&kinds::UNAUTHORIZED, &kinds::TOO_MANY_REQUESTS, &kinds::UNAVAILABLE];

/// The further problems of an operation that changes something.
const CHANGE: &[&Kind] = &[
    &kinds::FORBIDDEN,
    &kinds::OUT_OF_BOUNDS,
    &kinds::FOREIGN_ORIGIN,
    &kinds::UNSUPPORTED_MEDIA_TYPE,
    &kinds::CONDITION_NOT_SUPPORTED,
];

/// The further problems of an operation with a JSON body.
const WITH_BODY: &[&Kind] = &[
    &kinds::MALFORMED_JSON,
    &kinds::BROKEN_BODY,
    &kinds::REQUEST_TIMEOUT,
    &kinds::PAYLOAD_TOO_LARGE,
];

/// The further problems of an operation that runs a command.
const COMMAND: &[&Kind] = &[&kinds::SHUTTING_DOWN];

/// The further problems of a write with `If-Match`.
const CONDITIONAL: &[&Kind] = &[&kinds::MALFORMED_CONDITION, &kinds::STALE_VERSION];

/// The further problems of an operation that takes an `Idempotency-Key`.
const WITH_KEY: &[&Kind] = &[
    &kinds::INVALID_IDEMPOTENCY_KEY,
    &kinds::IDEMPOTENCY_KEY_IN_USE,
    &kinds::IDEMPOTENCY_KEY_REUSED,
    // The body is read before it is known whether the operation has one.
    &kinds::BROKEN_BODY,
    &kinds::REQUEST_TIMEOUT,
    &kinds::PAYLOAD_TOO_LARGE,
];

/// The problems of single operations.
const OWN: &[(&str, &[&Kind])] = &[
    ("create_batch", &[&kinds::BATCH_EXISTS]),
    ("show_batch", &[&kinds::UNKNOWN_BATCH]),
    (
        "change_batch",
        &[
            &kinds::UNKNOWN_BATCH,
            &kinds::BELOW_DISPATCHED,
            &kinds::ALREADY_RECEIVED,
            &kinds::BATCH_CLOSED,
        ],
    ),
    (
        "receive_batch",
        &[
            &kinds::UNKNOWN_BATCH,
            &kinds::ALREADY_RECEIVED,
            &kinds::BATCH_CLOSED,
            &kinds::BATCH_EXISTS,
            &kinds::NO_REST,
            &kinds::REST_UNNAMED,
        ],
    ),
    (
        "undo_receipt",
        &[
            &kinds::UNKNOWN_BATCH,
            &kinds::ALREADY_DISPATCHED,
            &kinds::NOT_RECEIVED,
            &kinds::BATCH_CLOSED,
        ],
    ),
    ("cancel_batch", &[&kinds::UNKNOWN_BATCH]),
    (
        "allocate",
        &[
            &kinds::UNKNOWN_SKU,
            &kinds::UNKNOWN_LOCATION,
            &kinds::OUT_OF_STOCK,
            &kinds::LINE_EXISTS,
            &kinds::LINE_ENDED,
            &kinds::ORDER_CANCELLED,
            &kinds::HOLD_EXPIRED,
        ],
    ),
    (
        "place_order",
        &[
            &kinds::UNKNOWN_SKU,
            &kinds::UNKNOWN_LOCATION,
            &kinds::OUT_OF_STOCK,
            &kinds::ORDER_EXISTS,
            &kinds::ORDER_CANCELLED,
            &kinds::HOLD_EXPIRED,
        ],
    ),
    (
        "replace_order",
        &[
            &kinds::UNKNOWN_SKU,
            &kinds::UNKNOWN_LOCATION,
            &kinds::OUT_OF_STOCK,
            &kinds::NOT_HELD,
            &kinds::HOLD_EXPIRED,
            &kinds::LINE_EXISTS,
            &kinds::ORDER_EXISTS,
            &kinds::ORDER_CANCELLED,
        ],
    ),
    (
        "change_order",
        &[
            &kinds::UNKNOWN_ORDER,
            &kinds::UNKNOWN_LOCATION,
            &kinds::ORDER_CANCELLED,
            &kinds::HOLD_EXPIRED,
            &kinds::ALREADY_DISPATCHED,
        ],
    ),
    ("list_batches", &[&kinds::OUT_OF_BOUNDS]),
    ("list_orders", &[&kinds::OUT_OF_BOUNDS]),
    ("list_subscriptions", &[&kinds::OUT_OF_BOUNDS]),
    ("list_sources", &[&kinds::OUT_OF_BOUNDS]),
    ("metrics", &[&kinds::OUT_OF_BOUNDS]),
    ("list_keys", &[&kinds::FORBIDDEN, &kinds::OUT_OF_BOUNDS]),
    ("list_sessions", &[&kinds::FORBIDDEN, &kinds::OUT_OF_BOUNDS]),
    ("end_session", &[&kinds::UNKNOWN_SESSION]),
    ("list_audit", &[&kinds::FORBIDDEN, &kinds::OUT_OF_BOUNDS]),
    ("audit_page", &[&kinds::FORBIDDEN, &kinds::OUT_OF_BOUNDS]),
    (
        "create_key",
        &[
            &kinds::KEY_EXISTS,
            &kinds::INVALID_IDEMPOTENCY_KEY,
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
        ],
    ),
    (
        "rotate_key",
        &[
            &kinds::UNKNOWN_KEY,
            &kinds::INVALID_IDEMPOTENCY_KEY,
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
        ],
    ),
    (
        "revoke_key",
        &[
            &kinds::UNKNOWN_KEY,
            &kinds::INVALID_IDEMPOTENCY_KEY,
            &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED,
        ],
    ),
    (
        "list_dead_letters",
        &[&kinds::UNKNOWN_SUBSCRIPTION, &kinds::OUT_OF_BOUNDS],
    ),
    ("replay_dead_letters", &[&kinds::UNKNOWN_SUBSCRIPTION]),
    ("skip_dead_letters", &[&kinds::UNKNOWN_SUBSCRIPTION]),
    ("change_subscription", &[&kinds::UNKNOWN_SUBSCRIPTION]),
    ("list_dead_messages", &[&kinds::UNKNOWN_SOURCE, &kinds::OUT_OF_BOUNDS]),
    ("replay_dead_messages", &[&kinds::UNKNOWN_SOURCE]),
    ("skip_dead_messages", &[&kinds::UNKNOWN_SOURCE]),
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
            &kinds::ALREADY_DISPATCHED,
            &kinds::EXCEEDS_LINE,
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
    ("quote", &[&kinds::UNKNOWN_SKU, &kinds::UNKNOWN_LOCATION]),
    ("show_product", &[&kinds::UNKNOWN_SKU]),
    ("reallocate", &[&kinds::UNKNOWN_SKU]),
    ("show_availability", &[&kinds::UNKNOWN_SKU]),
    ("show_backlog", &[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_BOUNDS]),
    ("list_lines_at_risk", &[&kinds::OUT_OF_BOUNDS]),
    ("list_late_batches", &[&kinds::OUT_OF_BOUNDS]),
    ("list_lines_of_batch", &[&kinds::UNKNOWN_BATCH, &kinds::OUT_OF_BOUNDS]),
    ("count_waiting_lines", &[&kinds::OUT_OF_BOUNDS]),
    ("list_waiting_lines", &[&kinds::OUT_OF_BOUNDS]),
    ("list_changes", &[&kinds::CURSOR_GONE, &kinds::OUT_OF_BOUNDS]),
    ("list_ending_holds", &[&kinds::OUT_OF_BOUNDS]),
    ("show_product_in_time", &[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_BOUNDS]),
    ("list_events", &[&kinds::CURSOR_GONE]),
    (
        "follow_events",
        &[&kinds::CURSOR_GONE, &kinds::BUSY, &kinds::SHUTTING_DOWN],
    ),
    (
        "bulk",
        &[&kinds::INVALID_IDEMPOTENCY_KEY, &kinds::IDEMPOTENCY_KEY_NOT_SUPPORTED],
    ),
    ("book_add_batch", &[&kinds::BATCH_EXISTS]),
    (
        "book_allocate",
        &[
            &kinds::LINE_EXISTS,
            &kinds::LINE_ENDED,
            &kinds::ORDER_CANCELLED,
            &kinds::HOLD_EXPIRED,
        ],
    ),
    ("book_allocations", &[&kinds::NO_ALLOCATIONS]),
    ("ready", &[&kinds::SHUTTING_DOWN, &kinds::UNAVAILABLE]),
    ("problem", &[&kinds::NOT_FOUND]),
];

/// Adds the problems of an operation to its responses: those of one status under one response.
pub(crate) fn add_problems(operation: &mut Operation, changes: bool, takes_key: bool) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let has_common_problems = !operation.tags.iter().flatten().any(|tag| tag == "Operations");
    let own = OWN
        .iter()
        .filter(|(operation, _)| *operation == id)
        .flat_map(|(_, kinds)| *kinds);
    let mut of_operation: Vec<&Kind> = own.copied().collect();
    if has_common_problems {
        of_operation.extend(ALWAYS);
    }
    if PROBES.contains(&id.as_str()) {
        let too_large = ResponseBuilder::new().description("The head of the request is too large; there is no body");
        let responses = &mut operation.responses.responses;
        responses.insert("431".to_owned(), RefOr::T(too_large.build()));
    } else {
        of_operation.push(&kinds::UNKNOWN_HOST);
        of_operation.extend(WITH_ACCESS);
    }
    if changes {
        of_operation.extend(CHANGE);
    }
    let has_body = operation.request_body.is_some();
    if has_body && id != "bulk" {
        of_operation.extend(WITH_BODY);
    }
    if (has_body && id != "bulk") || id.starts_with("cancel_") {
        of_operation.extend(COMMAND);
    }
    if is_conditional(&id) {
        of_operation.extend(CONDITIONAL);
    }
    if may_create(&id) {
        of_operation.push(&kinds::STALE_VERSION);
    }
    if takes_key {
        of_operation.extend(WITH_KEY);
    }
    let mut by_status: BTreeMap<u16, Vec<&Kind>> = BTreeMap::new();
    for kind in of_operation {
        let kinds = by_status.entry(kind.status).or_default();
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
        let descriptions: Vec<String> = kinds
            .iter()
            .map(|kind| format!("`{}`: {}", kind.code, kind.title))
            .collect();
        if !response.description.is_empty() {
            response.description.push_str("; ");
        }
        response.description.push_str(&descriptions.join("; "));
        response
            .content
            .insert(PROBLEM_JSON.to_owned(), RefOr::T(content(&kinds)));
    }
}

/// The body of an answer that has one of these problems.
fn content(kinds: &[&Kind]) -> Content {
    let mut content = Content::new(Some(one_of(kinds)));
    for kind in kinds {
        let example = Ref::new(format!("#/components/examples/{}", kind.code));
        content.examples.insert(kind.code.to_owned(), RefOr::Ref(example));
    }
    content
}
