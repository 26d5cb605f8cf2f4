//! Delivery: what subscribers get, whatever fails, and what the buyers hear of. Time is that of the tests: a minute takes
//! no longer than its events.

mod digest_contents;
mod digest_failures;
mod digest_support;
mod digests;
mod failures;
mod leases;
mod outages;
mod places;
mod searches;
mod support;
mod tail;
