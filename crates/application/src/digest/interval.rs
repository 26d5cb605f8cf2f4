//! Intervals: when a digest is due.

use std::time::Duration;

use jiff::Timestamp;

/// How long until a digest is due: until the end of the interval in which the first of its events occurred, and of that in
/// which the last digest was sent. An instance whose clock was ahead does not make it wait for longer than an interval.
pub(super) fn due_in(first: Timestamp, last_sent: Option<Timestamp>, now: Timestamp, every: Duration) -> Duration {
    let latest = last_sent.map_or(first, |last| last.max(first));
    let left = end_of(latest, every).duration_since(now);
    Duration::try_from(left).unwrap_or_default().min(every)
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

    fn minutes(first: &str, last: Option<&str>, now: &str) -> u64 {
        due_in(at(first), last.map(at), at(now), QUARTER).as_secs() / 60
    }

    #[test]
    fn a_digest_is_due_at_the_end_of_the_interval_of_its_first_event() {
        assert_eq!(minutes("10:02:00", None, "10:05:00"), 10);
        assert_eq!(minutes("10:15:00", None, "10:15:00"), 15);
        assert_eq!(minutes("10:14:59", None, "10:15:00"), 0);
        assert_eq!(minutes("08:00:00", None, "10:05:00"), 0);
    }

    #[test]
    fn it_is_not_due_in_the_interval_in_which_one_was_sent() {
        assert_eq!(minutes("10:02:00", Some("10:07:00"), "10:08:00"), 7);
        assert_eq!(minutes("10:02:00", Some("10:20:00"), "10:20:00"), 10);
    }

    #[test]
    fn a_clock_that_was_ahead_delays_it_by_an_interval_at_most() {
        assert_eq!(minutes("23:00:00", None, "10:05:00"), 15);
        let far = due_in(Timestamp::MAX, Some(Timestamp::MAX), at("10:00:00"), QUARTER);
        assert_eq!(far, QUARTER);
        assert_eq!(due_in(Timestamp::MIN, None, Timestamp::MAX, QUARTER), Duration::ZERO);
    }
}
