//! Delivery: events reach everybody who subscribed to them, at least once, each product's in order.
//!
//! The outbox is the event log itself: events are stored with what they tell, and numbered in the order of commits. The
//! [`EventTail`] reads it once for all who follow. Each subscription has a [`Relay`], which delivers to one [`Publisher`]
//! while it holds the subscription's lease. At every take-over, and after every failure, it asks the sink for the last
//! event that it has, and goes on there: so a sink that has lost its tail is made whole again.
//!
//! [`Publisher`]: crate::ports::Publisher

mod active;
mod chunk;
mod failures;
mod held;
mod lag;
mod lease;
mod letters;
mod relay;
mod retries;
mod search;
mod subscription;
mod tail;
mod window;

pub use chunk::Chunk;
pub(crate) use held::{Ended, HeldLease};
pub(crate) use lease::Lease;
pub use letters::AfterRefusal;
pub use relay::Relay;
pub use subscription::RelayPorts;
pub use tail::{Encode, EventTail, Follower, TailError};
