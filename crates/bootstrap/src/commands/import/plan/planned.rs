//! What rows become: commands to send, or reports.

use earmark_domain::{Command, OnShortage};

/// How the lines of a file are placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What happens to a line that lacks stock.
    pub(crate) on_shortage: OnShortage,
    /// Whether a line may be split over several batches.
    pub(crate) split: bool,
}

/// A command to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::import) struct PlannedCommand {
    /// The line of the file on which its first row begins.
    pub(in crate::commands::import) line: u64,
    /// The number of rows that it comes from.
    pub(in crate::commands::import) rows: u64,
    /// How many of them say more about the same as an earlier one.
    pub(in crate::commands::import) added: u64,
    /// The command.
    pub(in crate::commands::import) command: Command,
    /// The JSON that it was read from, if it was.
    pub(in crate::commands::import) text: Option<String>,
}

impl PlannedCommand {
    /// The number of rows that are something of their own.
    pub(in crate::commands::import) const fn own_rows(&self) -> u64 {
        self.rows - self.added
    }
}

/// Rows that become no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::import) struct BadRows {
    /// The line of the file on which the first of them begins.
    pub(in crate::commands::import) line: u64,
    /// How many rows.
    pub(in crate::commands::import) rows: u64,
    /// The reason.
    pub(in crate::commands::import) why: String,
}

pub(in crate::commands::import) type Planned = Result<PlannedCommand, BadRows>;
