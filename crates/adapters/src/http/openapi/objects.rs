//! Objects without further members. The readers of requests refuse what they do not know, and an answer has what its
//! type has: so the schemas say that nothing else can appear.

use std::collections::BTreeMap;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Components, Object, ObjectBuilder, Schema, Type};

use super::components::resolved;

/// Closes the objects of all schemas. What a type takes in from another (`#[serde(flatten)]`) becomes part of the same
/// object: each part by itself would refuse the members of the others.
pub(crate) fn close(components: &mut Components) {
    let merged: BTreeMap<String, RefOr<Schema>> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| match schema {
            RefOr::T(all @ Schema::AllOf(_)) => Some((name.clone(), Schema::Object(merged(components, all)).into())),
            _ => None,
        })
        .collect();
    components.schemas.extend(merged);
    for schema in components.schemas.values_mut() {
        close_within(schema);
    }
}

/// The object that has the members of all parts of a schema.
fn merged(components: &Components, schema: &Schema) -> Object {
    match schema {
        Schema::Object(object) => object.clone(),
        Schema::AllOf(all) => {
            let mut together = ObjectBuilder::new()
                .schema_type(Type::Object)
                .description(all.description.clone())
                .build();
            for part in &all.items {
                let part = resolved(components, part).map(|part| merged(components, part));
                let part = part.expect("what a type takes in has a schema");
                together.properties.extend(part.properties);
                together.required.extend(part.required);
            }
            together
        }
        _ => unreachable!("a type takes in the members of objects only"),
    }
}

fn close_within(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            if object.schema_type == Type::Object.into() {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
            for property in object.properties.values_mut() {
                close_within(property);
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                close_within(items);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(close_within),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(close_within),
        _ => {}
    }
}
