//! Bodies that are streams: of lines, or of server-sent events. As an object, one command over many lines would be an
//! example, and clients that are made from the document would send one: so such a body is a text, of values with a schema.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Components, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, OpenApi, RefOr};

use super::components::resolved;
use super::examples::sample;

/// The media type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// The media type of server-sent events.
const EVENT_STREAM: &str = "text/event-stream";

/// Describes each body of lines as a text, with an example that has a line for each alternative of its schema; and each
/// stream of server-sent events, with an example of one.
pub(crate) fn describe_lines(document: &mut OpenApi) {
    let Some(components) = &document.components else {
        return;
    };
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content
                    .iter_mut()
                    .for_each(|(media_type, content)| as_text(components, media_type, content));
            }
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response
                        .content
                        .iter_mut()
                        .for_each(|(media_type, content)| as_text(components, media_type, content));
                }
            }
        }
    }
}

fn as_text(components: &Components, media_type: &str, content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    if ![NDJSON, EVENT_STREAM].contains(&media_type) {
        return;
    }
    let Some(value) = content.schema.take() else { return };
    let samples: Vec<Value> = match resolved(components, &value) {
        Some(Schema::OneOf(one)) => one.items.iter().map(|item| sample(components, item)).collect(),
        _ => vec![sample(components, &value)],
    };
    let (meaning, example) = match media_type {
        NDJSON => (
            "Values of `contentSchema`, one a line.",
            samples.iter().map(|sample| format!("{sample}\n")).collect(),
        ),
        _ => (
            "Server-sent events: the `data` of each is a value of `contentSchema`.",
            samples.first().map(frame).unwrap_or_default(),
        ),
    };
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(meaning))
        .content_media_type(media_type)
        // The library has no word for it.
        .extensions(Some(Extensions::from_iter([("contentSchema", json!(value))])))
        .build();
    content.schema = Some(Schema::Object(text).into());
    content.example = Some(json!(example));
}

/// An event as the stream sends it.
fn frame(event: &Value) -> String {
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    // The cursor behind it: its id without that of the books.
    let cursor = text("id").split_once('-').map_or("", |(_, cursor)| cursor);
    format!("id: {cursor}\nevent: {}\ndata: {event}\n\n", text("type"))
}
