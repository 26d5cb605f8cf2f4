//! Delivery: what subscribers get, whatever fails. Time is that of the tests: a minute takes no longer than its events.

mod failures;
mod places;
mod support;
mod tail;
