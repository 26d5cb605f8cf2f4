//! From the schemas of OpenAPI to JSON Schema without references, so that each is whole by itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// With what a reference to a schema begins.
const SCHEMAS: &str = "#/components/schemas/";

/// The keywords whose value is a list of schemas.
pub(super) const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// The formats of OpenAPI that JSON Schema does not have. They tell less than `minimum` and `maximum` do.
const WIDTHS: [&str; 2] = ["int32", "int64"];

/// Schemas by name.
pub(super) struct Components(BTreeMap<String, Value>);

impl Components {
    pub(super) fn of<'s>(schemas: impl Iterator<Item = (&'s String, &'s RefOr<Schema>)>) -> Self {
        Self(schemas.map(|(name, schema)| (name.clone(), json!(schema))).collect())
    }

    /// A schema as JSON Schema: what it refers to is in it, and its objects have no further members.
    pub(super) fn whole(&self, schema: Value) -> Value {
        let mut schema = self.followed(schema);
        if schema.contains_key("allOf") {
            schema = self.merged(schema);
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for property in properties.values_mut() {
                *property = self.whole(property.take());
            }
        }
        if let Some(items) = schema.get_mut("items") {
            *items = self.whole(items.take());
        }
        for list in LISTS {
            for variant in schema.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                *variant = self.whole(variant.take());
            }
        }
        if schema.get("type") == Some(&json!("object")) {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        if schema
            .get("format")
            .is_some_and(|format| WIDTHS.iter().any(|width| format == width))
        {
            schema.remove("format");
        }
        if let Some(example) = schema.remove("example") {
            schema.insert("examples".to_owned(), json!([example]));
        }
        if let Some(Value::String(description)) = schema.get_mut("description") {
            // The line ends are those of the source.
            *description = description.replace('\n', " ");
        }
        Value::Object(schema)
    }

    /// The schema that a reference leads to, with what stands beside the reference.
    fn followed(&self, schema: Value) -> Map<String, Value> {
        let Value::Object(mut schema) = schema else {
            unreachable!("the schemas of events are objects")
        };
        let Some(Value::String(reference)) = schema.remove("$ref") else {
            return schema;
        };
        let target = reference.strip_prefix(SCHEMAS).and_then(|name| self.0.get(name));
        let mut target = self.followed(target.expect("a reference leads to a schema").clone());
        target.extend(schema);
        target
    }

    /// The one object that has the members of all parts of a schema.
    fn merged(&self, mut schema: Map<String, Value>) -> Map<String, Value> {
        let Some(Value::Array(parts)) = schema.remove("allOf") else {
            return schema;
        };
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for part in parts {
            let mut part = self.followed(part);
            if part.contains_key("allOf") {
                part = self.merged(part);
            }
            if let Some(Value::Object(more)) = part.remove("properties") {
                properties.extend(more);
            }
            if let Some(Value::Array(more)) = part.remove("required") {
                required.extend(more);
            }
        }
        schema.extend([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), properties.into()),
            ("required".to_owned(), required.into()),
        ]);
        schema
    }
}
