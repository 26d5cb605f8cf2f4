//! The ports that verify reads through.

use crate::ports::{Audit, EventFeed, Exports, Views};

/// How many rows are asked for at once.
pub(super) const PAGE: usize = 1_000;

/// The ports that verify reads through.
#[derive(Clone, Copy)]
pub struct VerifyPorts<'a> {
    /// Products and single orders.
    pub views: &'a dyn Views,
    /// Events.
    pub events: &'a dyn EventFeed,
    /// Headers of orders.
    pub exports: &'a dyn Exports,
    /// Histories, and lines checked against the events.
    pub audit: &'a dyn Audit,
}
