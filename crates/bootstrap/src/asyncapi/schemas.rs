//! What messages say: events by the schemas of their contract, commands and answers as in the OpenAPI document.

use std::collections::BTreeSet;

use earmark_adapters::http::openapi;
use earmark_adapters::wire::events::{any_event_schema, event_schema};
use earmark_domain::EVENT_TYPES;
use serde_json::{Map, Value, json};

use super::parts::reference;

/// Where references to schemas lead, here as in the OpenAPI document.
const SCHEMAS: &str = "components/schemas";

/// The commands and the answers, as the OpenAPI document calls them.
const OF_COMMANDS: [&str; 2] = ["BulkCommand", "BulkAnswer"];

/// A reference to a schema.
pub(super) fn schema(name: &str) -> Value {
    reference(SCHEMAS, name)
}

/// The name of the schema of a type of event. Without the last word some were names of schemas of commands.
pub(super) fn event_name(event_type: &str) -> String {
    format!("{event_type}Event")
}

/// The schema of a type of event.
pub(super) fn event(event_type: &str) -> Value {
    event_schema(event_type).expect("every type has a schema")
}

/// All schemas.
pub(super) fn all() -> Map<String, Value> {
    let mut all = of_commands();
    for event_type in EVENT_TYPES {
        let mut schema = event(event_type);
        if let Some(schema) = schema.as_object_mut() {
            // The dialect is that of the document, and so is the base of references.
            schema.remove("$schema");
            let id = schema.remove("$id");
            schema.insert("x-dataschema".to_owned(), id.unwrap_or_default());
        }
        all.insert(event_name(event_type), schema);
    }
    all.insert("Event".to_owned(), any_event());
    all.insert("CloudEvent".to_owned(), cloud_event());
    all
}

/// Any event: what all have in common, and what each known type has by its own schema. One of a type that is not known
/// here passes, since a later release may have added it.
fn any_event() -> Value {
    let mut any = any_event_schema();
    if let Some(any) = any.as_object_mut() {
        for of_a_document in ["$schema", "$id", "$defs"] {
            any.remove(of_a_document);
        }
        let by_type = EVENT_TYPES.iter().map(|name| {
            let of_this_type = json!({"properties": {"type": {"const": name}}, "required": ["type"]});
            json!({"if": of_this_type, "then": schema(&event_name(name))})
        });
        any.insert("allOf".to_owned(), by_type.collect());
    }
    any
}

/// An event in a batch of CloudEvents.
fn cloud_event() -> Value {
    let text = |meaning: &str| json!({"type": "string", "description": meaning});
    json!({
        "description": "An event with the attributes of CloudEvents 1.0.",
        "type": "object",
        "required": [
            "id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", "data"
        ],
        "properties": {
            "id": text("The `id` of the event: repeats are recognised by it."),
            "source": {
                "type": "string",
                "format": "uri",
                "description": "The books that the event is of: `urn:earmark:` and their id.",
            },
            "specversion": {"type": "string", "const": "1.0", "description": "The version of CloudEvents."},
            "type": text("`earmark.` and the type of the event."),
            "datacontenttype": {
                "type": "string", "const": "application/json", "description": "The media type of `data`.",
            },
            "dataschema": {
                "type": "string",
                "format": "uri",
                "description": "The `$id` of the schema of `data`, with the version of the format.",
            },
            "subject": text("The SKU of the product, or the order where an event is about a whole order."),
            "time": {"type": "string", "format": "date-time", "description": "`occurred_at` of the event."},
            "traceparent": text(
                "The context of the trace that caused the event (W3C Trace Context), if whoever caused it has told it.",
            ),
            "data": schema("Event"),
        },
    })
}

/// The schemas of commands and answers, with those they refer to.
fn of_commands() -> Map<String, Value> {
    let document: Value = serde_json::from_str(&openapi()).expect("the OpenAPI document is JSON");
    let known = &document["components"]["schemas"];
    let (mut all, mut met) = (Map::new(), BTreeSet::new());
    let mut open: Vec<String> = OF_COMMANDS.map(str::to_owned).to_vec();
    while let Some(name) = open.pop() {
        if met.insert(name.clone()) {
            let mut schema = known[&name].clone();
            adapt(&mut schema, &mut open);
            all.insert(name, schema);
        }
    }
    all
}

/// Makes a schema of OpenAPI one of AsyncAPI, and collects the names that it refers to.
fn adapt(value: &mut Value, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                names.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            // There it is an object, here the name of a member; `oneOf` says enough.
            if members.get("discriminator").is_some_and(Value::is_object) {
                members.remove("discriminator");
            }
            let is_schema = ["type", "oneOf", "anyOf"]
                .iter()
                .any(|keyword| members.contains_key(*keyword));
            if is_schema && let Some(example) = members.remove("example") {
                members.insert("examples".to_owned(), json!([example]));
            }
            members.values_mut().for_each(|member| adapt(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
