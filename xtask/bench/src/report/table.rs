//! Markdown tables.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table as Layout};

/// A table with a title. The first columns contain text, the others figures, which are aligned to the right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) title: String,
    text_columns: usize,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows. The first `text_columns` columns contain text.
    pub(crate) fn new<'a>(
        title: impl Into<String>,
        text_columns: usize,
        head: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            title: title.into(),
            text_columns,
            head: head.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As Markdown, without the title.
    pub(crate) fn markdown(&self) -> String {
        let mut layout = Layout::new();
        layout.load_style(ASCII_MARKDOWN).set_header(&self.head);
        layout.add_rows(&self.rows);
        for column in layout.column_iter_mut().skip(self.text_columns) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let lines: Vec<String> = layout.lines().collect();
        let mut markdown = String::new();
        for (number, line) in lines.iter().enumerate() {
            // The layout aligns the cells, but does not write the marks with which Markdown does.
            if number == 1 {
                markdown.push_str(&self.with_marks(line));
            } else {
                markdown.push_str(line);
            }
            markdown.push('\n');
        }
        markdown
    }

    /// `|---|---|` with a colon at the right of each column of figures.
    fn with_marks(&self, separator: &str) -> String {
        let columns = separator.trim_matches('|').split('|').enumerate();
        let marked = columns.map(|(column, dashes)| {
            if column < self.text_columns {
                dashes.to_owned()
            } else {
                format!("{}:", &dashes[1..])
            }
        });
        format!("|{}|", marked.collect::<Vec<_>>().join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_aligned_to_the_right() {
        let mut table = Table::new("Loads", 2, ["a", "load", "n"]);
        assert!(table.is_empty());
        table.row(["SQLite", "hot", "12,000"].map(str::to_owned));
        let expected = "\
| a      | load |      n |
|--------|------|-------:|
| SQLite | hot  | 12,000 |
";
        assert_eq!(table.markdown(), expected);
        assert!(!table.is_empty());
    }
}
