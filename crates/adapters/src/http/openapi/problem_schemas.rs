//! The schemas of problems: one for each kind, made from the table of the kinds, and their union.

use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Components, Discriminator, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, Type,
};
use utoipa::openapi::{Ref, RefOr};

use super::components::{add_schema, reference};
use crate::wire::answers::kinds::{self, Kind};
use crate::wire::answers::members::{Member, Shape};
use crate::wire::events::constant;
use crate::wire::reading::faults::Fault;
use crate::wire::views::shortages::{RemedyJson, ShortageJson};
use crate::wire::words::LineStatusJson;

/// With what the names of their components end.
const PROBLEM: &str = "Problem";

/// The member that says which problem it is.
const CODE: &str = "code";

/// The schema of each kind, with those it refers to.
pub(crate) fn each() -> Vec<(String, RefOr<Schema>)> {
    let mut components = Components::new();
    add_schema::<ShortageJson<'static>>(&mut components);
    add_schema::<RemedyJson<'static>>(&mut components);
    add_schema::<Fault>(&mut components);
    add_schema::<LineStatusJson>(&mut components);
    let kinds = kinds::ALL.iter().map(|kind| (component(kind), schema(kind)));
    components.schemas.into_iter().chain(kinds).collect()
}

/// The schema of any problem.
pub(crate) fn any() -> RefOr<Schema> {
    let mut any = union(kinds::ALL);
    any.description = Some("What went wrong (RFC 9457). Its `code` says which members it has.".to_owned());
    Schema::OneOf(any).into()
}

/// The schema of an answer that has one of these problems.
pub(crate) fn one_of(kinds: &[&Kind]) -> RefOr<Schema> {
    match kinds {
        [only] => RefOr::Ref(Ref::from_schema_name(component(only))),
        several => Schema::OneOf(union(several)).into(),
    }
}

/// The name of a kind's component: `UnknownSkuProblem`.
pub(crate) fn component(kind: &Kind) -> String {
    let words = kind.code.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + PROBLEM
}

fn union(kinds: &[&Kind]) -> utoipa::openapi::schema::OneOf {
    let mut union = OneOfBuilder::new();
    let mut discriminator = Discriminator::new(CODE);
    for kind in kinds {
        let reference = Ref::from_schema_name(component(kind));
        discriminator
            .mapping
            .insert(kind.code.to_owned(), reference.ref_location.clone());
        union = union.item(reference);
    }
    union.discriminator(Some(discriminator)).build()
}

fn schema(kind: &Kind) -> RefOr<Schema> {
    let status = kind.status;
    let text = |description: &str, example: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
            .examples([Value::from(example)])
    };
    let mut problem = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(kind.meaning))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .property(
            "type",
            text(
                "The path of a page that explains it.",
                &format!("/problems/{}", kind.code),
            )
            .format(Some(SchemaFormat::Custom("uri-reference".to_owned()))),
        )
        .property("title", text("The same for every problem of the kind.", kind.title))
        .property(
            "status",
            constant(Type::Integer, &json!(status), "The status of the response."),
        )
        .property("detail", text("What went wrong this time, for people.", kind.title))
        .property(
            CODE,
            constant(Type::String, &json!(kind.code), "What went wrong, for machines."),
        );
    for name in ["type", "title", "status", "detail", CODE] {
        problem = problem.required(name);
    }
    for member in kind.members {
        problem = problem.property(member.name, value(member));
        if member.always {
            problem = problem.required(member.name);
        }
    }
    problem.into()
}

fn value(member: &Member) -> RefOr<Schema> {
    let example = || -> Value { serde_json::from_str(member.example).expect("an example is JSON") };
    let list = |items: RefOr<Schema>| ArrayBuilder::new().items(items).description(Some(member.meaning));
    let described = |mut reference: Ref| {
        reference.description = member.meaning.to_owned();
        RefOr::Ref(reference)
    };
    match member.shape {
        Shape::Name => ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(member.meaning))
            .examples([example()])
            .into(),
        Shape::Names => list(ObjectBuilder::new().schema_type(Type::String).into())
            .examples([example()])
            .into(),
        Shape::Number => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .description(Some(member.meaning))
            .examples([example()])
            .into(),
        Shape::LineStatus => described(reference::<LineStatusJson>()),
        Shape::Remedy => described(reference::<RemedyJson<'static>>()),
        Shape::Shortages => list(RefOr::Ref(reference::<ShortageJson<'static>>())).into(),
        Shape::Faults => list(RefOr::Ref(reference::<Fault>())).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_of_a_kind_is_named_after_its_code() {
        assert_eq!(component(&kinds::UNKNOWN_SKU), "UnknownSkuProblem");
        assert_eq!(component(&kinds::INTERNAL), "InternalProblem");
    }
}
