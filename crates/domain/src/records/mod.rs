//! Records: the plain data that passes between the aggregates and a store. A record says what a row says.
//!
//! A store fills [`Loaded`](loaded::Loaded) for a [`Scope`](crate::Scope), and stores a
//! [`ChangeSet`](change_set::ChangeSet). The fields are public because a record guarantees nothing:
//! [`UnitOfWork::open`](crate::UnitOfWork::open) turns records into aggregates, and refuses corrupt ones.

pub(crate) mod batch;
pub(crate) mod change_set;
pub(crate) mod expiry_step;
pub(crate) mod inbox;
pub(crate) mod loaded;
pub(crate) mod order;
pub(crate) mod pending;
pub(crate) mod precondition;
pub(crate) mod product;
