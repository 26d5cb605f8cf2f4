//! What is decided on lines and orders, from a quote to their end.

mod cancel;
mod change_order;
mod change_quantity;
mod confirm;
mod dispatch;
mod draft_order;
mod expire;
mod join_order;
mod place;
mod quote;
mod replace;
mod same_request;
