//! Tables of texts, as Markdown that reads well as it stands.

use std::fmt::Write as _;
use std::time::Duration;

use super::figures::Spread;

/// A table: its head, then its rows. The first columns are texts, the others figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// How many columns are texts.
    texts: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows yet. Of the columns, the first `texts` are texts and stand to the left.
    pub(super) fn new(texts: usize, columns: &[&str]) -> Self {
        Self {
            texts,
            rows: vec![columns.iter().map(|&column| column.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether it has nothing but a head.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The table as Markdown, its columns as wide as their widest cell.
    pub(super) fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| {
            let widths = self.rows.iter().map(|row| cell(row, column).chars().count());
            widths.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().copied().enumerate() {
                let cell = cell(row, column);
                if column < self.texts {
                    add(&mut text, format_args!("| {cell:<width$} "));
                } else {
                    add(&mut text, format_args!("| {cell:>width$} "));
                }
            }
            text.push_str("|\n");
            if number == 0 {
                for (column, width) in widths.iter().copied().enumerate() {
                    let right = if column < self.texts { "-" } else { ":" };
                    add(
                        &mut text,
                        format_args!("| {:-<dashes$}{right} ", "", dashes = width - 1),
                    );
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// A figure without its fraction, in groups of three.
pub(super) fn whole(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The least and the most of several measurements, each written by `write`.
pub(super) fn range(spread: Spread, write: impl Fn(f64) -> String) -> String {
    format!("{}–{}", write(spread.least), write(spread.most))
}

/// A ratio with two digits behind the point.
pub(super) fn ratio(figure: f64) -> String {
    format!("{figure:.2}")
}

/// In milliseconds.
pub(super) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// In mebibytes.
pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", super::figures::to_float(bytes) / f64::from(1 << 20))
}

/// Appends to a text, which takes all.
pub(super) fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_by_three() {
        assert_eq!(whole(0.0), "0");
        assert_eq!(whole(999.6), "1,000");
        assert_eq!(whole(1_234_567.0), "1,234,567");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(2, &["a", "load", "n"]);
        assert!(table.is_empty());
        table.row(["SQLite", "hot", "12,000"].map(str::to_owned));
        let expected = "\
| a      | load |      n |
| ------ | ---- | -----: |
| SQLite | hot  | 12,000 |
";
        assert_eq!(table.markdown(), expected);
        assert!(!table.is_empty());
    }
}
