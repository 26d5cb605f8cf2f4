//! The report: sections with tables, charts and goals, written as Markdown.

pub(crate) mod chart;
pub(crate) mod comparison;
pub(crate) mod figures;
pub(crate) mod goal;
pub(crate) mod markdown;
pub(crate) mod section;
pub(crate) mod table;
