//! What the SQL stores share: the product cache, what a new line's row holds, how rows are decoded, and how precedence
//! is encoded as one sortable number.

pub(crate) mod decode;
pub(crate) mod new_lines;
pub(crate) mod product_cache;
pub(crate) mod rank;
