//! Replay: the events from the first, compared with the records.
//!
//! The events alone determine every balance. So a change of the tables by another program, or a lost row, shows here.
//!
//! The past of a product has no bound, and it is never held whole. Its events are applied one after the other to the
//! product and its batches ([`ProductProjection`](product::ProductProjection)); its lines are replayed order by order
//! ([`audit_order`](order::audit_order)). What both need of each other are the ETAs of inbound batches
//! ([`EtaHistory`](etas::EtaHistory)).

pub(crate) mod audit;
pub(crate) mod discrepancy;
pub(crate) mod etas;
mod lines;
pub(crate) mod order;
pub(crate) mod product;
