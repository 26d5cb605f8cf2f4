//! The problem document.

use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::reading::faults::Fault;
use crate::wire::views::shortages::ShortageJson;

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `/problems/` and the code: a page that explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_request")]
    pub kind: String,
    /// The same for every problem of the kind.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The status of the response.
    #[schema(example = 422)]
    pub status: u16,
    /// What went wrong this time, for people.
    #[schema(example = "lines[2].quantity must be a whole number from 1 to 1000000000, is 0")]
    pub detail: String,
    /// What went wrong, for machines.
    #[schema(example = "invalid_request")]
    pub code: String,
    /// `invalid_request`: every field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Fault>>,
    /// `out_of_stock` of an order, and `hold_expired` where the lines could not be allocated again: every line that
    /// does not fit. For a single line these are members of the problem itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<ShortageJson<'static>>>)]
    pub shortages: Option<serde_json::Value>,
    /// `unknown_sku`: the SKUs that are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<String>>,
}
