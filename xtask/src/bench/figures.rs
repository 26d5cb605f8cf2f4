//! Arithmetic on what was measured: medians, spreads, ratios, percentiles.

use std::time::Duration;

/// The middle of several measurements, with how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of at least one measurement; `None` where there is none.
    pub(super) fn of(measured: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[half]
        } else {
            f64::midpoint(sorted[half - 1], sorted[half])
        };
        Some(Self { median, least, most })
    }
}

/// The middle of several durations; zero where there is none.
pub(super) fn median(measured: impl IntoIterator<Item = Duration>) -> Duration {
    let spread = Spread::of(measured.into_iter().map(|duration| duration.as_secs_f64()));
    spread.map_or(Duration::ZERO, |spread| Duration::from_secs_f64(spread.median))
}

/// The measurement that `percent` of all are not above (nearest rank); `None` where there is none.
///
/// `sorted` in ascending order.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent.min(100)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// How many a second; zero where no time has passed.
pub(super) fn rate(count: u64, took: Duration) -> f64 {
    let seconds = took.as_secs_f64();
    if seconds == 0.0 { 0.0 } else { to_float(count) / seconds }
}

/// What one of them cost; zero where there is none.
pub(super) fn each(total: Duration, count: u64) -> Duration {
    if count == 0 {
        Duration::ZERO
    } else {
        total.div_f64(to_float(count))
    }
}

/// A count as a float: exact up to 2^53, which no run of minutes comes near.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(super) fn to_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|value| Duration::from_millis(*value)).collect()
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one_and_of_an_even_number_the_mean_of_two() {
        let odd = Spread::of([9.0, 1.0, 5.0]).expect("three measurements");
        assert_eq!(
            odd,
            Spread {
                median: 5.0,
                least: 1.0,
                most: 9.0
            }
        );
        let even = Spread::of([4.0, 1.0, 2.0, 3.0]).expect("four measurements");
        assert_eq!(
            even,
            Spread {
                median: 2.5,
                least: 1.0,
                most: 4.0
            }
        );
    }

    #[test]
    fn nothing_measured_has_no_median() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(median([]), Duration::ZERO);
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_percentile_is_one_of_the_measurements() {
        let sorted = ms(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(percentile(&sorted, 50), Some(Duration::from_millis(5)));
        assert_eq!(percentile(&sorted, 90), Some(Duration::from_millis(9)));
        assert_eq!(percentile(&sorted, 91), Some(Duration::from_millis(10)));
        assert_eq!(percentile(&sorted, 0), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&sorted, 100), Some(Duration::from_millis(10)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_rate_is_told_by_the_second_and_a_cost_by_the_piece() {
        assert!((rate(500, Duration::from_millis(250)) - 2_000.0).abs() < f64::EPSILON);
        assert!(rate(500, Duration::ZERO).abs() < f64::EPSILON);
        assert_eq!(each(Duration::from_secs(1), 1_000), Duration::from_millis(1));
        assert_eq!(each(Duration::from_secs(1), 0), Duration::ZERO);
    }
}
