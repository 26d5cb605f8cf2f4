//! The problem document.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::http::openapi::problem_schemas;

/// What went wrong (RFC 9457): one of the kinds, each with members of its own. It has a schema and no values: the
/// service makes its problems from the table of the kinds, as the schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Problem {}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        problem_schemas::any()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend(problem_schemas::each());
    }
}
