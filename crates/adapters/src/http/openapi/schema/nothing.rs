//! The body of a call that needs none.

use serde::Serialize;
use utoipa::ToSchema;

/// An object without fields, which may be left out. The media type may not: it shows that no form of a web page sent
/// the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoFields {}
