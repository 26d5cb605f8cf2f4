//! The components of the document: adding them, and leaving out those that nothing refers to.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{Components, Schema};
use utoipa::openapi::{OpenApi, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// With what a reference to a schema begins.
const SCHEMAS: &str = "#/components/schemas/";

/// With what a reference to an example begins.
const EXAMPLES: &str = "#/components/examples/";

/// Adds the schema of a type, with those it refers to.
pub(crate) fn add_schema<T: ToSchema + PartialSchema>(components: &mut Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    components.schemas.extend(schemas);
}

/// The reference to the schema of a type.
pub(crate) fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

/// The schema that a reference leads to, or the schema itself.
pub(crate) fn resolved<'a>(components: &'a Components, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
    match schema {
        RefOr::T(schema) => Some(schema),
        RefOr::Ref(reference) => {
            let name = reference.ref_location.strip_prefix(SCHEMAS)?;
            resolved(components, components.schemas.get(name)?)
        }
    }
}

fn json_of(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("a part of a document is always JSON")
}

/// Leaves out the schemas and examples that no operation refers to, such as those that were merged into others.
pub(crate) fn leave_out_unused(document: &mut OpenApi) {
    let Some(components) = &mut document.components else {
        return;
    };
    let mut used = BTreeSet::new();
    let mut open = vec![json_of(&document.paths)];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(mut members) => {
                if let Some(Value::String(reference)) = members.remove("$ref")
                    && used.insert(reference.clone())
                    && let Some(schema) = reference
                        .strip_prefix(SCHEMAS)
                        .and_then(|name| components.schemas.get(name))
                {
                    open.push(json_of(schema));
                }
                open.extend(members.into_iter().map(|(_, value)| value));
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    components
        .schemas
        .retain(|name, _| used.contains(&format!("{SCHEMAS}{name}")));
    components
        .examples
        .retain(|name, _| used.contains(&format!("{EXAMPLES}{name}")));
}
