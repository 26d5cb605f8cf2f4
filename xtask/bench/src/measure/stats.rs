//! Statistics: medians, spreads, percentiles, rates.

use std::time::Duration;

/// The median of several measurements, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one measurement.
    ///
    /// # Panics
    /// There is no measurement. A scenario has at least one round.
    pub(crate) fn of(measurements: impl IntoIterator<Item = f64>) -> Self {
        Self::try_of(measurements).expect("there is at least one measurement")
    }

    /// `None` without a measurement.
    pub(crate) fn try_of(measurements: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = measurements.into_iter().collect();
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

/// The median of several durations; zero without any.
pub(crate) fn median(durations: impl IntoIterator<Item = Duration>) -> Duration {
    let spread = Spread::try_of(durations.into_iter().map(|duration| duration.as_secs_f64()));
    spread.map_or(Duration::ZERO, |spread| Duration::from_secs_f64(spread.median))
}

/// The percentile by nearest rank of durations in ascending order; `None` without any.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent.min(100)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Items per second; zero if no time has passed.
pub(crate) fn rate(count: u64, took: Duration) -> f64 {
    let seconds = took.as_secs_f64();
    if seconds == 0.0 { 0.0 } else { to_float(count) / seconds }
}

/// The mean time per item; zero without an item.
pub(crate) fn per_item(total: Duration, count: u64) -> Duration {
    if count == 0 {
        Duration::ZERO
    } else {
        total.div_f64(to_float(count))
    }
}

/// A duration in milliseconds.
pub(crate) fn as_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Bytes in mebibytes.
pub(crate) fn as_mebibytes(bytes: u64) -> f64 {
    to_float(bytes) / f64::from(1 << 20)
}

/// A count as a float: exact up to 2^53, far above the counts of a run.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn to_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|value| Duration::from_millis(*value)).collect()
    }

    #[test]
    fn the_median_of_an_even_number_of_measurements_is_the_mean_of_the_middle_two() {
        let odd = Spread::of([9.0, 1.0, 5.0]);
        assert_eq!(
            odd,
            Spread {
                median: 5.0,
                least: 1.0,
                most: 9.0
            }
        );
        let even = Spread::of([4.0, 1.0, 2.0, 3.0]);
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
    fn no_measurements_have_no_median() {
        assert_eq!(Spread::try_of([]), None);
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
    fn a_rate_is_per_second_and_a_cost_per_item() {
        assert!((rate(500, Duration::from_millis(250)) - 2_000.0).abs() < f64::EPSILON);
        assert!(rate(500, Duration::ZERO).abs() < f64::EPSILON);
        assert_eq!(per_item(Duration::from_secs(1), 1_000), Duration::from_millis(1));
        assert_eq!(per_item(Duration::from_secs(1), 0), Duration::ZERO);
    }
}
