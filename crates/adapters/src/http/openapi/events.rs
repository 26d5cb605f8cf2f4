//! The schemas of events: one for each type, made from what its `data` is read as, and their union.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Components, Discriminator, Object, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use super::problem_schemas::constant;
use crate::wire::EventJson;
use crate::wire::events::{DataSchema, data_schemas};

/// The member that says which event it is.
const TYPE: &str = "type";

/// Replaces the schema of events, in which `type` and `data` are anything, by the union of all types.
pub(crate) fn describe_events(components: &mut Components) {
    let event = EventJson::<'static>::name().into_owned();
    let Some(RefOr::T(Schema::Object(any))) = components.schemas.remove(&event) else {
        unreachable!("the routes show events");
    };
    let mut union = OneOfBuilder::new().description(Some("An event. Its `type` says what its `data` has."));
    let mut discriminator = Discriminator::new(TYPE);
    for data in data_schemas() {
        let name = format!("{}{event}", data.event_type);
        let reference = Ref::from_schema_name(&name);
        discriminator
            .mapping
            .insert(data.event_type.to_owned(), reference.ref_location.clone());
        union = union.item(reference);
        let of_type = of_type(&any, &data);
        components.schemas.insert(name, Schema::Object(of_type).into());
        components.schemas.extend(data.others);
        components.schemas.insert(data_name(data.event_type), data.schema);
    }
    let union = union.discriminator(Some(discriminator)).build();
    components.schemas.insert(event, Schema::OneOf(union).into());
}

fn data_name(event_type: &str) -> String {
    format!("{event_type}Data")
}

/// The schema of the events of one type.
fn of_type(any: &Object, data: &DataSchema) -> Object {
    let mut event = any.clone();
    event.description = description(data);
    event.properties.insert(
        TYPE.to_owned(),
        constant(Type::String, &json!(data.event_type), "The event type.").into(),
    );
    event.properties.insert(
        "data".to_owned(),
        RefOr::Ref(Ref::from_schema_name(data_name(data.event_type))),
    );
    event
}

/// What happened.
fn description(data: &DataSchema) -> Option<String> {
    match &data.schema {
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::AllOf(parts)) => parts.description.clone(),
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
}
