//! The shop's words as values: names, quantities, precedence, reasons, and the terms of a line. A value that exists is
//! valid.

pub(crate) mod asked;
pub(crate) mod digest;
pub(crate) mod line_terms;
pub(crate) mod locations;
pub(crate) mod message;
pub(crate) mod name;
pub(crate) mod order_terms;
pub(crate) mod precedence;
pub(crate) mod promise;
pub(crate) mod quantity;
pub(crate) mod reason;
pub(crate) mod receipt;
pub(crate) mod term;
pub(crate) mod terms_change;
