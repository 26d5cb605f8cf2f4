//! The schemas of events: one for each type, made from what its `data` is read as, and their union.

use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Components, Discriminator, OneOfBuilder, Schema};

use crate::wire::EventJson;
use crate::wire::events::data_schemas;

/// The member that says which event it is.
const TYPE: &str = "type";

/// Replaces the schema of events, in which `type` and `data` are anything, by the union of all types.
pub(crate) fn describe_events(components: &mut Components) {
    let event = EventJson::<'static>::name().into_owned();
    let mut union = OneOfBuilder::new().description(Some("An event. Its `type` says what its `data` has."));
    let mut discriminator = Discriminator::new(TYPE);
    for data in data_schemas() {
        let name = format!("{}{event}", data.event_type);
        let reference = Ref::from_schema_name(&name);
        discriminator
            .mapping
            .insert(data.event_type.to_owned(), reference.ref_location.clone());
        union = union.item(reference);
        components.schemas.insert(name, Schema::Object(data.event()).into());
        components.schemas.insert(data.name(), data.schema);
        components.schemas.extend(data.others);
    }
    let union = union.discriminator(Some(discriminator)).build();
    components.schemas.insert(event, Schema::OneOf(union).into());
}
