//! What the SQL stores share.
//!
//! - [`rank`]: precedence and release rank as one sortable number each.
//! - [`decode`]: values of a row as the domain's values.
//! - [`new_lines`]: what the row of a new line stores beside the line.
//! - [`pending_change`]: the change of a batch that a product has pending, as one column.
//! - [`product_cache`]: an optimisation that can be taken out.

pub(crate) mod decode;
pub(crate) mod new_lines;
pub(crate) mod pending_change;
pub(crate) mod product_cache;
pub(crate) mod rank;
