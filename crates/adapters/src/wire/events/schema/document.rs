//! The schemas as documents.

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::data::DataSchema;
use super::json::Components;
use super::open::open;
use crate::wire::events::data_schemas;
use crate::wire::events::event_json::EventJson;
use crate::wire::events::version::{EVENT_FORMAT, FORMAT_URI, SchemaUri};

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of the events of one type, as others may rely on it. `None`: there is no such type.
#[must_use]
pub fn event_schema(event_type: &str) -> Option<Value> {
    let data = find(event_type)?;
    Some(document(
        &SchemaUri(data.event_type).to_string(),
        data.event_type,
        open(exact(&data)),
    ))
}

/// The schema of the events of one type as this release writes them: it has no word and no member that is not here.
/// `None`: there is no such type.
#[must_use]
pub fn exact_schema(event_type: &str) -> Option<Value> {
    find(event_type).map(|data| exact(&data))
}

/// The schema of any event: what all have in common, and what each known type has by its own schema. An event of another
/// type passes, since a later release may have added it.
#[must_use]
pub fn any_event_schema() -> Value {
    let RefOr::T(Schema::Object(common)) = EventJson::<'static>::schema() else {
        unreachable!("an event is an object");
    };
    let components = Components::of(std::iter::empty());
    let mut any = open(components.whole(json!(common)));
    let (mut by_type, mut definitions) = (Vec::new(), Map::new());
    for data in data_schemas() {
        let name = data.event_type;
        by_type.push(json!({
            "if": {"properties": {"type": {"const": name}}},
            "then": {"$ref": format!("#/$defs/{name}")},
        }));
        definitions.insert(name.to_owned(), open(exact(&data)));
    }
    any["allOf"] = by_type.into();
    any["$defs"] = definitions.into();
    any["description"] = json!("An event. Its `type` says what its `data` has; pass over types that you do not know.");
    document(&format!("{FORMAT_URI}:{EVENT_FORMAT}"), "Event", any)
}

fn find(event_type: &str) -> Option<DataSchema> {
    data_schemas().into_iter().find(|data| data.event_type == event_type)
}

fn exact(data: &DataSchema) -> Value {
    let (name, schema) = (data.name(), &data.schema);
    let others = data.others.iter().map(|(name, schema)| (name, schema));
    let components = Components::of(others.chain([(&name, schema)]));
    components.whole(json!(data.event()))
}

fn document(id: &str, title: &str, mut schema: Value) -> Value {
    schema["$schema"] = json!(DIALECT);
    schema["$id"] = json!(id);
    schema["title"] = json!(title);
    schema
}
