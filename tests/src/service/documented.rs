//! The OpenAPI document, as what every answer is held to.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use earmark_adapters::http::openapi;
use jsonschema::{Registry, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::reply::Reply;

/// What the document is called where schemas are compiled.
const BASE: &str = "urn:earmark:openapi";

/// The component of all problems.
const PROBLEM: &str = "/components/schemas/Problem";

/// The explorer, which shows the document and is not part of it.
const EXPLORER: &str = "/docs";

static DOCUMENT: LazyLock<Documented> = LazyLock::new(Documented::read);

/// The document of the service, with the schemas that have been needed so far.
pub struct Documented {
    document: Value,
    registry: Registry<'static>,
    operations: Vec<Operation>,
    /// By their place in the document.
    schemas: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// Its method, in upper case.
    pub method: String,
    /// Its path, with names in braces.
    pub path: String,
    /// Where it stands in the document.
    place: String,
}

impl Operation {
    fn is_at(&self, path: &str) -> bool {
        let own = self.path.split('/');
        let given = path.split('/');
        own.clone().count() == given.clone().count()
            && own.zip(given).all(|(own, given)| match own.starts_with('{') {
                true => !given.is_empty(),
                // As in the service, a name may be written with escapes.
                false => percent_decode_str(given).eq(own.bytes()),
            })
    }
}

/// A key as a part of a JSON pointer.
fn part(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The values in a text that is a stream of them.
pub fn values_of<'t>(media_type: &str, text: &'t str) -> impl Iterator<Item = &'t str> {
    let prefix = match media_type {
        "text/event-stream" => "data: ",
        _ => "",
    };
    text.lines().filter_map(move |line| line.strip_prefix(prefix))
}

impl Documented {
    /// The document of the service.
    #[must_use]
    pub fn service() -> &'static Self {
        &DOCUMENT
    }

    fn read() -> Self {
        let document: Value = serde_json::from_str(&openapi()).expect("the document is JSON");
        let registry = Registry::new()
            .add(BASE, document.clone())
            .and_then(jsonschema::RegistryBuilder::prepare)
            .expect("the document can be referred to");
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path") {
                operations.push(Operation {
                    id: operation["operationId"].as_str().expect("an id").to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    place: format!("/paths/{}/{method}", part(path)),
                });
            }
        }
        // A path without names comes before one that matches it too.
        operations.sort_by_key(|operation| operation.path.matches('{').count());
        Self {
            document,
            registry,
            operations,
            schemas: Mutex::default(),
        }
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// An operation in the document.
    ///
    /// # Panics
    /// When it is not in this document.
    #[must_use]
    pub fn description(&self, operation: &Operation) -> &Value {
        self.document.pointer(&operation.place).expect("the operation")
    }

    /// Checks the answer to a request: its status is documented, and so are its media type and its body.
    ///
    /// # Errors
    /// What is not as documented.
    pub fn check(&self, method: &str, path: &str, reply: &Reply) -> Result<(), String> {
        let path = path.split('?').next().unwrap_or_default();
        // A HEAD is answered as a GET is, without the body.
        let is_head = method == "HEAD";
        let method = if is_head { "GET" } else { method };
        let operation = self
            .operations
            .iter()
            .find(|operation| operation.method == method && operation.is_at(path));
        let media_type = reply.media_type();
        let Some(operation) = operation else {
            let is_explorer = path.starts_with(EXPLORER);
            if is_head || (is_explorer && reply.status < 400) {
                return Ok(());
            }
            // There is no such call: that is all that can be said.
            return if media_type == "application/problem+json" {
                self.check_json(PROBLEM, reply.text())
            } else {
                Err(format!(
                    "{method} {path} is no documented call, and the answer no problem"
                ))
            };
        };
        let response = format!("{}/responses/{}", operation.place, reply.status);
        if self.document.pointer(&response).is_none() {
            return Err(format!("{} is not documented to answer {}", operation.id, reply.status));
        }
        if is_head {
            return Ok(());
        }
        let content = format!("{response}/content/{}", part(media_type));
        let Some(documented) = self.document.pointer(&content) else {
            return Err(format!(
                "{} is not documented to answer {} as {media_type}",
                operation.id, reply.status
            ));
        };
        let schema = format!("{content}/schema");
        if documented["schema"]["contentSchema"].is_object() {
            let values = format!("{schema}/contentSchema");
            return values_of(media_type, reply.text()).try_for_each(|value| self.check_json(&values, value));
        }
        if media_type.ends_with("json") {
            return self.check_json(&schema, reply.text());
        }
        Ok(())
    }

    /// Checks a text against the schema at a place of the document.
    ///
    /// # Errors
    /// It is not JSON, or not as the schema says.
    pub fn check_json(&self, place: &str, text: &str) -> Result<(), String> {
        let value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        self.check_value(place, &value)
    }

    /// Checks a value against the schema at a place of the document.
    ///
    /// # Errors
    /// It is not as the schema says.
    pub fn check_value(&self, place: &str, value: &Value) -> Result<(), String> {
        let schema = self.schema(place);
        if schema.is_valid(value) {
            return Ok(());
        }
        let faults: Vec<String> = schema
            .iter_errors(value)
            .map(|error| format!("at {:?}: {error}", error.instance_path().to_string()))
            .collect();
        Err(format!("not as {place} says: {}\n{value:#}", faults.join("; ")))
    }

    /// The compiled schema at a place.
    fn schema(&self, place: &str) -> Arc<Validator> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = schemas.get(place) {
            return Arc::clone(schema);
        }
        let schema = jsonschema::options()
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .build(&json!({"$ref": format!("{BASE}#{}", place.replace('{', "%7B").replace('}', "%7D"))}))
            .unwrap_or_else(|error| panic!("{place} is no schema: {error}"));
        let schema = Arc::new(schema);
        schemas.insert(place.to_owned(), Arc::clone(&schema));
        schema
    }
}
