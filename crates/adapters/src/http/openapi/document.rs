//! The OpenAPI document, made from the routes, their types and their problems.

use actix_web::App;
use earmark_application::MAX_IDEMPOTENCY_KEY_CHARS;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Components, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr, ServerBuilder};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::components::{add_schema, leave_out_unused};
use super::events::describe_events;
use super::examples::add_examples;
use super::lines::describe_lines;
use super::objects::close;
use super::parameters::describe_parameters;
use super::problems::add_problems;
use super::schema::Problem;
use super::write_operations::describe_writes;

/// The groups of operations, in the order shown, with their descriptions.
const TAGS: [(&str, &str); 12] = [
    (
        "Batches",
        "Stock that has been bought: in the warehouse, or on its way.",
    ),
    (
        "Orders",
        "Orders and their lines, from a quote over a hold to the dispatch.",
    ),
    (
        "Products",
        "The stock of a product, what can be promised of it, and who waits for it.",
    ),
    (
        "Outlook",
        "What planners ask every morning, of all products: promises at risk, late batches, who waits, what has changed.",
    ),
    ("Events", "What has happened, in the order of commits."),
    ("Subscriptions", "Who is told of events, and what they have not taken."),
    (
        "Sources",
        "Who sends commands as messages, and which of these were put aside.",
    ),
    ("Keys", "By what callers are known, and what they may do."),
    ("Audit", "Who was refused what, and who has changed who may do what."),
    ("Bulk", "Many commands in one stream."),
    (
        "The book's API",
        "The allocation API of \"Architecture Patterns with Python\", in the book's words.",
    ),
    ("Operations", "Pages, probes and metrics."),
];

/// The document of the routes that `register` registers.
pub(crate) fn document(register: fn(&mut ServiceConfig<'_>)) -> OpenApi {
    let (_, mut document) = App::new().into_utoipa_app().configure(register).split_for_parts();
    document.info = InfoBuilder::new()
        .title("Earmark")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Promises orders against stock, in the warehouse and inbound, and never promises the same unit twice.\n\n\
             Every command is idempotent by its natural key: sent again, it changes nothing and shows the present \
             state. With an `Idempotency-Key` a repeated request gets the first answer, byte for byte, for a day. \
             Errors are `application/problem+json`; `code` is for machines, `detail` for people. Every response has \
             `x-request-id`, the caller's if it sent one of 1 to 64 visible ASCII characters, else its `traceparent` if it \
             sent one: the `correlation_id` of the events that the request caused.\n\n\
             This document describes this version exactly: a later one may add calls, members and words.",
        ))
        .contact(Some(
            ContactBuilder::new().name(Some("The maintainers of Earmark")).build(),
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    document.tags = Some(
        TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
            .to_vec(),
    );
    describe_security(&mut document);
    let components = document.components.get_or_insert_with(Components::new);
    add_schema::<Problem>(components);
    describe_events(components);
    close(components);
    describe_writes(&mut document);
    for (path, item) in &mut document.paths.paths {
        for (changes, operation) in [
            (true, &mut item.delete),
            (false, &mut item.get),
            (true, &mut item.patch),
            (true, &mut item.post),
            (true, &mut item.put),
        ] {
            let Some(operation) = operation else { continue };
            let takes_key = changes
                && path.starts_with("/v1/")
                && !path.starts_with("/v1/keys")
                && operation.operation_id.as_deref() != Some("bulk");
            if takes_key {
                operation
                    .parameters
                    .get_or_insert_default()
                    .push(RefOr::T(key_parameter()));
            }
            add_problems(operation, changes, takes_key);
        }
    }
    describe_parameters(&mut document);
    describe_lines(&mut document);
    add_examples(&mut document);
    leave_out_unused(&mut document);
    document
}

/// The name of the scheme of access keys.
const KEY_SCHEME: &str = "access_key";

/// The scheme knows no scopes: what a key may do follows from its roles.
const NO_SCOPES: [&str; 0] = [];

/// Says who may call. A scheme is a component (`components.security_schemes`), and a requirement that names it.
fn describe_security(document: &mut OpenApi) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An access key: `earmark_` and 72 hexadecimal digits; or an access token of the identity provider, where there \
             is one. As long as no key was ever made and there is no provider, the service wants none",
        ))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(KEY_SCHEME, SecurityScheme::Http(scheme));
    document.security = Some(vec![SecurityRequirement::new(KEY_SCHEME, NO_SCOPES)]);
}

/// The `Idempotency-Key` header.
fn key_parameter() -> Parameter {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_IDEMPOTENCY_KEY_CHARS));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "A key that the client makes for this request, of visible ASCII characters, with or without double quotes. \
             The same request sent again with it within a day gets the first answer, byte for byte; while the first is \
             in progress it waits for that answer. An answer of 500 and more is not stored.",
        ))
        .schema(Some(key))
        .build()
}
