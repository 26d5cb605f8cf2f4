//! Figures as text.

use std::time::Duration;

use crate::measure::stats::{Spread, as_mebibytes, as_millis};

/// Without a fraction, and with a comma between groups of three digits.
pub(crate) fn whole(figure: f64) -> String {
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

/// The least and the most of several measurements, each formatted by `format`.
pub(crate) fn range(spread: Spread, format: impl Fn(f64) -> String) -> String {
    format!("{}–{}", format(spread.least), format(spread.most))
}

/// With two decimals.
pub(crate) fn ratio(figure: f64) -> String {
    format!("{figure:.2}")
}

/// In milliseconds.
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", as_millis(duration))
}

/// In mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", as_mebibytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(whole(0.0), "0");
        assert_eq!(whole(999.6), "1,000");
        assert_eq!(whole(1_234_567.0), "1,234,567");
    }
}
