//! The pages for people: the dashboard at `/`, with what runs, links to the interfaces, and the stock; and the audit at
//! `/audit`. Each is one document that loads nothing from elsewhere.

pub(crate) mod audit;
pub(crate) mod page;
