//! What the SQL stores share.
//!
//! - [`rank`]: precedence and release rank as one sortable number each.
//! - [`access_keys`]: access keys.
//! - [`access_log`]: the log of access decisions.
//! - [`sessions`]: the sessions of browsers.
//! - [`audited_orders`]: the rows of whole orders, brought together.
//! - [`books`]: which books, and their epochs.
//! - [`decode`]: values of a row as the domain's values.
//! - [`dispatches`]: what has left of lines, beside what is read of every line.
//! - [`inbox`]: processed and dead messages.
//! - [`new_lines`]: what the row of a new line stores beside the line.
//! - [`pending`]: the work that a product has pending, as one column.
//! - [`product_cache`]: an optimisation that can be taken out.
//! - [`subscriptions`]: subscriptions and their dead letters.

pub(crate) mod access_keys;
pub(crate) mod access_log;
pub(crate) mod audited_orders;
pub(crate) mod books;
pub(crate) mod decode;
pub(crate) mod dispatches;
pub(crate) mod inbox;
pub(crate) mod new_lines;
pub(crate) mod pending;
pub(crate) mod product_cache;
pub(crate) mod rank;
pub(crate) mod sessions;
pub(crate) mod subscriptions;
