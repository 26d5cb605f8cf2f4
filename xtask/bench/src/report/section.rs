//! The findings of one scenario.

use crate::report::chart::Chart;
use crate::report::goal::Goal;
use crate::report::table::Table;

/// The section of a scenario in the report.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What was measured, in Markdown.
    pub(crate) method: String,
    pub(crate) tables: Vec<Table>,
    /// Each in a file of its own beside the report.
    pub(crate) charts: Vec<Chart>,
    pub(crate) goals: Vec<Goal>,
    /// What was wrong with stores or responses. Any problem fails the run.
    pub(crate) problems: Vec<String>,
}
