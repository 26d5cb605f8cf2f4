//! Digests: the buyers hear of shortages, broken promises and overdue batches, in one mail an interval.
//!
//! A [`DigestRelay`] is a subscription like the others: it holds a lease, has a place in the log, and is listed, disabled
//! and enabled with them. It reads those events that buyers want to hear of, and at the end of the interval tells of them
//! as things stand then: a line that has got its units meanwhile does not wait any more. Where nothing is left to tell,
//! no mail is sent.
//!
//! The bounds of a digest are stored before it is sent, with the instant by which it has arrived if it was taken. So a
//! repeat after a crash is known as one by its id, which is made of the books and the bounds, and comes in another interval.
//! Bounds that were certainly not taken are drawn anew, and the next interval's events join them. Intervals are those of
//! the clock, counted from midnight UTC; how long a digest is waited for is measured by the monotonic clock.

mod active;
mod attempts;
mod compose;
mod content;
mod interval;
mod ports;
mod relay;
mod tally;

pub use content::{BrokenPromise, Digest, Inbound, OverdueBatch, Section, ShortProduct, Waiter, Worst};
pub use ports::{DigestPorts, RenderDigest};
pub use relay::DigestRelay;
