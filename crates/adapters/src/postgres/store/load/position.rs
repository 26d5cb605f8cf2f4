//! Positions in the order of service, as columns.

use earmark_domain::ServicePosition;

use crate::sql::decode::counter;
use crate::sql::rank;

/// The line before a page, as the columns of the index have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct After<'a> {
    pub(super) rank: i64,
    pub(super) placed_version: i64,
    pub(super) order: &'a str,
    pub(super) line: &'a str,
}

impl<'a> After<'a> {
    /// `None`: the page is the first.
    pub(super) fn of(position: Option<&'a ServicePosition>) -> Self {
        position.map_or(
            Self {
                rank: i64::MIN,
                placed_version: i64::MIN,
                order: "",
                line: "",
            },
            |position| Self {
                rank: rank::rank(position.precedence),
                placed_version: counter(position.placed_version),
                order: position.key.order.as_str(),
                line: position.key.line.as_str(),
            },
        )
    }
}
