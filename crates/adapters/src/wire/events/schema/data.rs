//! What each type of event is: the type that its `data` is read as, and what it is about.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::about::About;
use super::examples::example;
use crate::wire::events::event_json::EventJson;

/// A schema under its name.
pub type Named = (String, RefOr<Schema>);

/// The schema of the `data` of one type of event.
#[derive(Clone)]
pub struct DataSchema {
    /// The type of event.
    pub event_type: &'static str,
    /// What it is about.
    pub about: About,
    /// The schema of its `data`.
    pub schema: RefOr<Schema>,
    /// The schemas that this one refers to.
    pub others: Vec<Named>,
}

impl DataSchema {
    /// The schema of a type of event whose `data` is read as `T`.
    pub(in crate::wire::events) fn of<T: ToSchema + PartialSchema>(event_type: &'static str, about: About) -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self {
            event_type,
            about,
            schema: T::schema(),
            others,
        }
    }

    /// The name of the schema of its `data` among others.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}Data", self.event_type)
    }

    /// What happened.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        match &self.schema {
            RefOr::T(Schema::Object(object)) => object.description.clone(),
            RefOr::T(Schema::AllOf(parts)) => parts.description.clone(),
            RefOr::T(_) | RefOr::Ref(_) => None,
        }
    }

    /// The schema of the whole event, which refers to that of its `data` by [`name`](Self::name).
    #[must_use]
    pub fn event(&self) -> Object {
        let RefOr::T(Schema::Object(mut event)) = EventJson::<'static>::schema() else {
            unreachable!("an event is an object");
        };
        event.description = self.description();
        event.examples = vec![example(self.event_type, self.about)];
        let mut set = |field: &str, schema: RefOr<Schema>| {
            event.properties.insert(field.to_owned(), schema);
        };
        set(
            "type",
            constant(Type::String, &json!(self.event_type), "The event type.").into(),
        );
        set("data", Ref::from_schema_name(self.name()).into());
        let null = |meaning: &str| ObjectBuilder::new().schema_type(Type::Null).description(Some(meaning));
        match self.about {
            About::Product | About::Line => {
                set("sku", name("The SKU of the product it is about.", "LAMP-RED"));
                let version = ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(1))
                    .description(Some(
                        "The version it raised the product to: 1, 2, 3, … without a gap among the events of a product.",
                    ))
                    .examples([json!(4)]);
                set("version", version.into());
            }
            About::Order => {
                set("sku", null("An event of a whole order has none.").into());
                set("version", null("An event of a whole order has none.").into());
            }
        }
        match self.about {
            About::Product => drop(event.properties.remove("order_id")),
            About::Line | About::Order => {
                set("order_id", name("The order it concerns.", "order-7"));
                event.required.push("order_id".to_owned());
            }
        }
        event
    }
}

fn name(meaning: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(64))
        .description(Some(meaning))
        .examples([json!(example)])
        .into()
}

/// The schema of the one value that is possible.
pub(crate) fn constant(of: Type, value: &Value, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(of)
        .description(Some(description))
        // The library has no word for it.
        .extensions(Some(Extensions::from_iter([("const", value.clone())])))
}
