//! Bodies that are streams of lines. As an object, one command over many lines would be an example, and clients that are
//! made from the document would send one: so such a body is a text, of lines with a schema.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Components, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, OpenApi, RefOr};

use super::components::resolved;
use super::examples::sample;

/// The media type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// Describes each body of lines as a text, with an example that has a line for each alternative of its schema.
pub(crate) fn describe_lines(document: &mut OpenApi) {
    let Some(components) = &document.components else {
        return;
    };
    for item in document.paths.paths.values_mut() {
        let Some(operation) = &mut item.post else { continue };
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.content
                .iter_mut()
                .for_each(|(media_type, content)| as_lines(components, media_type, content));
        }
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response
                    .content
                    .iter_mut()
                    .for_each(|(media_type, content)| as_lines(components, media_type, content));
            }
        }
    }
}

fn as_lines(components: &Components, media_type: &str, content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    if media_type != NDJSON {
        return;
    }
    let Some(line) = content.schema.take() else { return };
    let samples: Vec<Value> = match resolved(components, &line) {
        Some(Schema::OneOf(one)) => one.items.iter().map(|item| sample(components, item)).collect(),
        _ => vec![sample(components, &line)],
    };
    let example: String = samples.iter().map(|sample| format!("{sample}\n")).collect();
    let lines = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Values of `contentSchema`, one a line."))
        .content_media_type(NDJSON)
        // The library has no word for it.
        .extensions(Some(Extensions::from_iter([("contentSchema", json!(line))])))
        .build();
    content.schema = Some(Schema::Object(lines).into());
    content.example = Some(json!(example));
}
