//! The rules of the shop: one sentence a test.

mod allocating;
mod arrivals;
mod audit;
mod backlog;
mod batches;
mod changed_orders;
mod changes_in_steps;
mod deliveries_in_parts;
mod dispatch;
mod holds;
mod improvement;
mod orders;
mod overdue;
mod planning;
mod precondition;
mod promises;
mod quantity;
mod remedies;
mod same_request;
mod support;
