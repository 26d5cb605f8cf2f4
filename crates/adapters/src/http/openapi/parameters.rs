//! What parameters and names look like, so that whoever generates requests from the document generates none that are refused
//! for their form.

use earmark_domain::{EVENT_TYPES, MAX_NAME_CHARS};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{ArrayItems, Components, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, PathItem, RefOr};

/// A name has no control character, and no space at either end.
const NAME: &str = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$";

/// The parameters that are names of things of the shop.
const NAMES: [&str; 6] = ["line_id", "location", "order_id", "orderid", "reference", "sku"];

/// The lists that go on behind a name.
const LISTS_BY_NAME: [&str; 3] = ["/v1/batches", "/v1/orders", "/v1/products"];

/// The parameters that are other texts, with what each looks like.
const TEXTS: [(&str, &str); 5] = [
    // Quoted, it may have quotes within; without, it begins with none.
    ("Idempotency-Key", r#"^([!#-~][!-~]*|"([!#-\[\]-~]|\\["\\])+")$"#),
    ("If-Match", r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#),
    ("If-None-Match", r"^\*$"),
    ("only", "^decisions$"),
    ("search", r"^[^\x00-\x1f\x7f-\x9f]*$"),
];

/// The paths that are for everybody.
const FOR_EVERYBODY: [&str; 2] = ["/health/live", "/health/ready"];

/// The pages: who shows nothing sees where to sign in.
const PAGES: [&str; 2] = ["/", "/audit"];

/// Describes names wherever they are, the texts of parameters, and which calls want no key.
pub(crate) fn describe_parameters(document: &mut OpenApi) {
    if let Some(components) = &mut document.components {
        describe_names(components);
    }
    for (path, item) in &mut document.paths.paths {
        let is_for_everybody = FOR_EVERYBODY.contains(&path.as_str());
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    describe(path, parameter);
                }
            }
            if is_for_everybody {
                operation.security = Some(Vec::new());
            } else if PAGES.contains(&path.as_str()) {
                operation
                    .security
                    .get_or_insert_default()
                    .push(SecurityRequirement::default());
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.delete,
        &mut item.get,
        &mut item.patch,
        &mut item.post,
        &mut item.put,
    ]
    .into_iter()
    .flatten()
}

fn describe(path: &str, parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else {
        return;
    };
    let name = parameter.name.as_str();
    if NAMES.contains(&name) || name == "after" && LISTS_BY_NAME.contains(&path) {
        *schema = name_schema();
    } else if name == "type" {
        let types = EVENT_TYPES.join("|");
        schema.pattern = Some(format!("^({types})(,({types}))*$"));
    } else if let Some((_, pattern)) = TEXTS.iter().find(|(text, _)| *text == name) {
        schema.pattern = Some((*pattern).to_owned());
    }
}

fn name_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_NAME_CHARS))
        .pattern(Some(NAME))
        .build()
}

/// Of texts as long as a name.
fn describe_names(components: &mut Components) {
    for schema in components.schemas.values_mut() {
        describe_within(schema);
    }
}

fn describe_within(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            if is_name(object) {
                object.pattern = Some(NAME.to_owned());
            }
            for (name, property) in &mut object.properties {
                match property {
                    RefOr::T(Schema::Array(prefixes)) if name.ends_with("_with_prefix") => {
                        prefixes.items = ArrayItems::RefOrSchema(Box::new(name_schema().into()));
                    }
                    other => describe_within(other),
                }
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                describe_within(items);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(describe_within),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(describe_within),
        _ => {}
    }
}

fn is_name(object: &Object) -> bool {
    (object.min_length, object.max_length) == (Some(1), Some(MAX_NAME_CHARS)) && object.pattern.is_none()
}
