//! The schema of each event's `data`, from the types that it is read as.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// A schema under its name.
pub type Named = (String, RefOr<Schema>);

/// The schema of the `data` of one type of event.
#[derive(Clone)]
pub struct DataSchema {
    /// The type of event.
    pub event_type: &'static str,
    /// The schema of its `data`.
    pub schema: RefOr<Schema>,
    /// The schemas that this one refers to.
    pub others: Vec<Named>,
}

impl DataSchema {
    /// The schema of a type of event whose `data` is read as `T`.
    pub(super) fn of<T: ToSchema + PartialSchema>(event_type: &'static str) -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self {
            event_type,
            schema: T::schema(),
            others,
        }
    }
}
