//! Examples of bodies, composed from the examples of their members: what the explorer fills in and shows.

use serde_json::{Map, Value, json};
use utoipa::openapi::example::Example;
use utoipa::openapi::schema::{ArrayItems, Components, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use super::components::resolved;
use super::problem_schemas::component;
use crate::wire::answers::kinds;

/// Adds an example to every JSON body of requests and answers that has none. Problems have theirs as components.
pub(crate) fn add_examples(document: &mut OpenApi) {
    let Some(components) = &mut document.components else {
        return;
    };
    for kind in kinds::ALL {
        let example = sample(components, &RefOr::Ref(Ref::from_schema_name(component(kind))));
        let mut of_kind = Example::new();
        of_kind.summary = kind.title.to_owned();
        of_kind.value = Some(example);
        components.examples.insert(kind.code.to_owned(), RefOr::T(of_kind));
    }
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.delete,
            &mut item.get,
            &mut item.patch,
            &mut item.post,
            &mut item.put,
        ];
        for operation in operations.into_iter().flatten() {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content
                    .iter_mut()
                    .for_each(|(media_type, content)| add_example(components, media_type, content));
            }
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response
                        .content
                        .iter_mut()
                        .for_each(|(media_type, content)| add_example(components, media_type, content));
                }
            }
        }
    }
}

fn add_example(components: &Components, media_type: &str, content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    let has_one = content.example.is_some() || !content.examples.is_empty();
    if media_type == "application/json" && !has_one {
        let schema = content.schema.as_ref();
        content.example = schema.map(|schema| sample(components, schema));
    }
}

/// A value with every member that a schema has.
pub(crate) fn sample(components: &Components, schema: &RefOr<Schema>) -> Value {
    match resolved(components, schema).expect("a reference leads to a schema") {
        Schema::Object(object) => sample_object(components, object),
        Schema::Array(array) => match (array.example.as_ref().or(array.examples.first()), &array.items) {
            (Some(example), _) => example.clone(),
            (None, ArrayItems::RefOrSchema(items)) => json!([sample(components, items)]),
            (None, ArrayItems::False) => json!([]),
        },
        Schema::OneOf(one) => {
            let given = one.items.iter().find(|item| !is_null(item));
            sample(components, given.expect("a schema for what is not null"))
        }
        _ => Value::Null,
    }
}

fn sample_object(components: &Components, object: &Object) -> Value {
    let constant = object.extensions.as_ref().and_then(|more| more.get("const"));
    let words = object.enum_values.as_ref().and_then(|words| words.first());
    let given = object.example.as_ref().or(object.examples.first());
    if let Some(value) = given.or(constant).or(words) {
        return value.clone();
    }
    let kind = match &object.schema_type {
        SchemaType::Type(kind) => Some(kind),
        SchemaType::Array(kinds) => kinds.first(),
        SchemaType::AnyValue => None,
    };
    match kind {
        Some(Type::Object) => {
            let members = object.properties.iter();
            let members = members.map(|(name, schema)| (name.clone(), sample(components, schema)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Some(Type::String) => match &object.format {
            Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => json!("2036-03-31"),
            Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) => json!("2036-03-01T09:30:00Z"),
            _ => json!("text"),
        },
        Some(Type::Integer | Type::Number) => json!(1),
        Some(Type::Boolean) => json!(true),
        Some(Type::Array) => json!([]),
        Some(Type::Null) | None => Value::Null,
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == Type::Null.into())
}
