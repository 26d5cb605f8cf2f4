//! The settings of what clients may take.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use earmark_adapters::http::Limits;

use super::error::SettingsError;
use super::merged_values::MergedValues;
use super::values::{Count, MAX_COUNT};

/// The longest that a head or a body may take to arrive: an hour, after which nobody waits for it.
const MAX_SECONDS: u64 = 3_600;

/// What clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    pub(crate) requests: Limits,
    /// The most connections; `None`: as many as the limit on open files leaves room for.
    pub(crate) connections: Option<NonZeroUsize>,
}

impl LimitSettings {
    /// # Errors
    /// [`SettingsError`], with what is allowed.
    pub(super) fn of(values: &MergedValues) -> Result<Self, SettingsError> {
        let streams = |name| values.required::<Count<MAX_COUNT>>(name).map(|count| count.0);
        Ok(Self {
            requests: Limits {
                requests_per_second: values.required::<PerSecond>("limits.requests_per_second")?.0,
                unknown_per_second: values.required::<AtLeastOne>("limits.unknown_per_second")?.0,
                head: values.required::<Seconds>("limits.head_seconds")?.0,
                body: values.required::<Seconds>("limits.body_seconds")?.0,
                bulk_streams: streams("limits.bulk_streams")?,
                event_streams: streams("limits.event_streams")?,
            },
            connections: values.count("limits.connections")?,
        })
    }
}

/// A number of requests a second.
struct AtLeastOne(NonZeroU32);

impl FromStr for AtLeastOne {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<NonZeroU32>().ok();
        let number = number.filter(|number| usize::try_from(number.get()).is_ok_and(|number| number <= MAX_COUNT));
        number
            .map(Self)
            .ok_or_else(|| format!("a whole number from 1 to {MAX_COUNT} is allowed"))
    }
}

/// A number of requests a second, or no limit.
struct PerSecond(Option<NonZeroU32>);

impl FromStr for PerSecond {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let number = text.parse::<AtLeastOne>();
        number
            .map(|number| Self(Some(number.0)))
            .map_err(|_| format!("a whole number from 1 to {MAX_COUNT}, or off, is allowed"))
    }
}

/// A time in seconds.
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text
            .parse::<u64>()
            .ok()
            .filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| format!("a whole number of seconds from 1 to {MAX_SECONDS} is allowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_of_a_key_are_limited_by_a_number_or_not() {
        let most = |text: &str| text.parse::<PerSecond>().map(|most| most.0.map(NonZeroU32::get));
        assert_eq!(most("off"), Ok(None));
        assert_eq!(most("50"), Ok(Some(50)));
        for bad in ["", "0", "-1", "1.5", "none", "1000001"] {
            assert!(most(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_some_seconds_up_to_an_hour() {
        assert_eq!("30".parse::<Seconds>().map(|time| time.0), Ok(Duration::from_secs(30)));
        for bad in ["", "0", "3601", "1m"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
