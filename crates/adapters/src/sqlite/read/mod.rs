//! The read side: pages by key and single records, read from the tables as they are.

mod audit;
pub(super) mod dispatches;
mod event_feed;
mod exports;
mod health;
mod holds;
mod line_reads;
mod lists;
mod outlook;
mod stock;
mod views;
mod worklist;
