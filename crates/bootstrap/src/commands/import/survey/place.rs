//! Places: what the survey says of each row.

/// The numbers of a [`RowPlace`].
pub(super) const PLACE_NUMBERS: usize = 4;

/// Where a row is, and what the survey found out about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    /// The group it belongs to. Rows of a group come one after the other.
    pub(in crate::commands::import) group: u64,
    /// The byte that it begins at.
    pub(in crate::commands::import) offset: u64,
    /// The line that it begins on.
    pub(in crate::commands::import) line: u64,
    /// What it has to know of other rows: depends on the grouping, and is explained where rows are planned.
    pub(in crate::commands::import) note: u64,
}
