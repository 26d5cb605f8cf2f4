//! Reads: the ports that lock nothing and read the tables as they stand.

mod audit;
mod event_feed;
mod expired_holds;
mod exports;
mod health;
mod lists;
mod outlook;
mod page;
mod summaries;
mod views;
mod worklist;
