//! The dashboard at `/`: what runs, links to the interfaces, and the stock. One document that loads nothing from
//! elsewhere.

pub(crate) mod audit;
pub(crate) mod page;
