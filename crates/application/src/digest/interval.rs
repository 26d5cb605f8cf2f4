//! Intervals: when a digest is due.

use std::time::Duration;

use jiff::Timestamp;

/// How long until the end of the interval that has an instant. `longest` bounds it, where an instance whose clock was ahead
/// has stored the instant.
pub(super) fn until_end_of(instant: Timestamp, now: Timestamp, every: Duration, longest: Duration) -> Duration {
    let left = end_of(instant, every).duration_since(now);
    Duration::try_from(left).unwrap_or_default().min(longest)
}

/// The end of the interval that has an instant.
fn end_of(instant: Timestamp, every: Duration) -> Timestamp {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
    let begun = instant.as_microsecond().div_euclid(every);
    let end = begun.saturating_add(1).saturating_mul(every);
    Timestamp::from_microsecond(end).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: Duration = Duration::from_secs(15 * 60);

    fn at(time: &str) -> Timestamp {
        format!("2030-06-10T{time}Z").parse().expect("an instant")
    }

    fn minutes(instant: &str, now: &str) -> u64 {
        until_end_of(at(instant), at(now), QUARTER, 2 * QUARTER).as_secs() / 60
    }

    #[test]
    fn intervals_are_those_of_the_clock() {
        assert_eq!(minutes("10:02:00", "10:05:00"), 10);
        assert_eq!(minutes("10:15:00", "10:15:00"), 15);
        assert_eq!(minutes("10:16:00", "10:14:00"), 16);
        assert_eq!(minutes("10:14:59", "10:15:00"), 0);
        assert_eq!(minutes("08:00:00", "10:05:00"), 0);
    }

    #[test]
    fn a_clock_that_was_ahead_delays_it_by_the_longest_wait_at_most() {
        assert_eq!(minutes("23:00:00", "10:05:00"), 30);
        let far = until_end_of(Timestamp::MAX, at("10:00:00"), QUARTER, QUARTER);
        assert_eq!(far, QUARTER);
        let past = until_end_of(Timestamp::MIN, Timestamp::MAX, QUARTER, QUARTER);
        assert_eq!(past, Duration::ZERO);
    }
}
