//! What writes have in common: a preview, and for products, batches and orders a condition on the version.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HeaderBuilder, OpenApi, RefOr, Required};

use crate::http::response::reply::X_EARMARK_PREVIEW;

/// The writes that check `If-Match`.
const CONDITIONAL: [&str; 14] = [
    "put_product",
    "reallocate",
    "change_batch",
    "receive_batch",
    "undo_receipt",
    "cancel_batch",
    "replace_order",
    "change_order",
    "confirm_order",
    "dispatch_order",
    "undo_dispatch",
    "change_line",
    "cancel_line",
    "cancel_order",
];

/// The writes that check `If-None-Match`: those that may create something.
const CREATING: [&str; 7] = [
    "put_product",
    "create_batch",
    "allocate",
    "place_order",
    "replace_order",
    "book_add_batch",
    "book_allocate",
];

/// The other calls whose answers have an `ETag`.
const VERSIONED: [&str; 5] = [
    "show_product",
    "show_batch",
    "create_batch",
    "show_order",
    "place_order",
];

/// The calls whose body is optional.
const BODY_OPTIONAL: [&str; 16] = [
    "rotate_key",
    "revoke_key",
    "end_session",
    "replay_dead_letters",
    "skip_dead_letters",
    "replay_dead_messages",
    "skip_dead_messages",
    "reallocate",
    "receive_batch",
    "undo_receipt",
    "confirm_order",
    "dispatch_order",
    "undo_dispatch",
    "cancel_batch",
    "cancel_order",
    "cancel_line",
];

/// Whether an operation checks `If-Match`.
pub(crate) fn is_conditional(id: &str) -> bool {
    CONDITIONAL.contains(&id)
}

/// Whether an operation checks `If-None-Match`.
pub(crate) fn may_create(id: &str) -> bool {
    CREATING.contains(&id)
}

/// Adds the parameters and headers that the routes do not declare themselves.
pub(crate) fn describe_writes(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let writes = [&mut item.delete, &mut item.patch, &mut item.post, &mut item.put];
        for operation in writes.into_iter().flatten() {
            let id = operation.operation_id.clone().unwrap_or_default();
            if path.starts_with("/v1/") && id != "bulk" {
                parameters(operation).push(RefOr::T(preview_parameter()));
                add_header(
                    operation,
                    &["200"],
                    X_EARMARK_PREVIEW.as_str(),
                    "`true` in the answer to a preview",
                );
            }
            if is_conditional(&id) {
                parameters(operation).push(RefOr::T(condition_parameter()));
            }
            if may_create(&id) {
                parameters(operation).push(RefOr::T(newness_parameter()));
            }
            if BODY_OPTIONAL.contains(&id.as_str())
                && let Some(RefOr::T(body)) = &mut operation.request_body
            {
                body.required = Some(Required::False);
            }
            add_version(operation, &id);
        }
        if let Some(operation) = &mut item.get {
            let id = operation.operation_id.clone().unwrap_or_default();
            add_version(operation, &id);
        }
    }
}

fn parameters(operation: &mut Operation) -> &mut Vec<RefOr<Parameter>> {
    operation.parameters.get_or_insert_default()
}

fn add_version(operation: &mut Operation, id: &str) {
    if is_conditional(id) || VERSIONED.contains(&id) {
        let description = "The version of the product, which changes with it and with each of its batches, or that of the \
                           order, which changes with it and with its lines; left out in the answer to a preview";
        add_header(operation, &["200", "201"], "etag", description);
    }
}

/// Adds a header to the responses with these statuses.
fn add_header(operation: &mut Operation, statuses: &[&str], name: &str, description: &str) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && statuses.contains(&status.as_str())
        {
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .description(Some(description))
                .build();
            response.headers.insert(name.to_owned(), RefOr::T(header));
        }
    }
}

fn preview_parameter() -> Parameter {
    ParameterBuilder::new()
        .name("preview")
        .parameter_in(ParameterIn::Query)
        .description(Some(
            "`true`: the answer is the same, with status 200, but nothing is stored. Refusals are the same too",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
        .build()
}

fn condition_parameter() -> Parameter {
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Executed only if the ETag is one of these, separated by commas, or with `*` if the resource exists; else \
             412. Weak ETags never match. A resource that is unknown without the header is unknown with it",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn newness_parameter() -> Parameter {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "With `*`: executed only if what it creates does not exist; else 412, also where the content is the same",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
