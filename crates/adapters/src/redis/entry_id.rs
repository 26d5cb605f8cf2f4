//! Ids of entries: the place of an event, as Redis orders it.

use std::fmt;
use std::str::FromStr;

use earmark_application::LogPosition;

/// So many ids belong to each place in the log: the first to the event there, the others to those that are published
/// again behind it, out of their order.
const IDS_OF_A_PLACE: u64 = 1_000_000;

/// The id of an entry: `<epoch>-<sequence>000000` for an event.
///
/// Ids rise with the places of the events, as Redis asks for. An event that is published again, because somebody has
/// decided so after it was refused, has to come behind the last entry and before the events that are not published yet:
/// its id shares the place that the subscription has reached, and the last six digits count, such as `1-17000001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    epoch: u64,
    /// The sequence, and the number among the ids of its place.
    number: u64,
}

impl EntryId {
    /// The last id of a stream that never had an entry.
    pub(super) const NONE: Self = Self { epoch: 0, number: 0 };

    /// The id of the event at this place. `None` where no number of 64 bits is left for it: behind 18 million million
    /// events.
    #[must_use]
    pub fn of(place: LogPosition) -> Option<Self> {
        Some(Self {
            epoch: place.epoch,
            number: place.sequence.checked_mul(IDS_OF_A_PLACE)?,
        })
    }

    /// The place of the event, or that which the subscription had reached when this one was published again.
    #[must_use]
    pub const fn place(self) -> LogPosition {
        LogPosition {
            epoch: self.epoch,
            sequence: self.number / IDS_OF_A_PLACE,
        }
    }

    /// The id of an event that is published again behind this one, by a subscription that has reached a place, if one is
    /// left.
    #[must_use]
    pub fn of_replay(self, place: LogPosition) -> Option<Self> {
        self.max(Self::of(place)?).next_of_the_place()
    }

    /// The next id that belongs to the same place, if one is left.
    const fn next_of_the_place(self) -> Option<Self> {
        if self.number % IDS_OF_A_PLACE == IDS_OF_A_PLACE - 1 {
            return None;
        }
        Some(Self {
            epoch: self.epoch,
            number: self.number + 1,
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// A text is not the id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of an entry is two numbers, joined by \"-\"")]
pub struct NoEntryId;

impl FromStr for EntryId {
    type Err = NoEntryId;

    fn from_str(text: &str) -> Result<Self, NoEntryId> {
        let (epoch, number) = text.split_once('-').ok_or(NoEntryId)?;
        Ok(Self {
            epoch: epoch.parse().map_err(|_| NoEntryId)?,
            number: number.parse().map_err(|_| NoEntryId)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u64, sequence: u64) -> LogPosition {
        LogPosition { epoch, sequence }
    }

    #[test]
    fn ids_rise_with_the_places_and_between_them() {
        let first = EntryId::of(at(1, 17)).expect("an id");
        assert_eq!(first.to_string(), "1-17000000");
        let again = first.of_replay(at(1, 17)).expect("an id");
        assert_eq!(again.to_string(), "1-17000001");
        let rising = [
            EntryId::NONE,
            first,
            again,
            EntryId::of(at(1, 18)).expect("an id"),
            EntryId::of(at(2, 18)).expect("an id"),
        ];
        assert!(rising.is_sorted_by(|a, b| a < b));
        for id in rising {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!((first.place(), again.place()), (at(1, 17), at(1, 17)));
    }

    #[test]
    fn an_event_that_is_published_again_has_the_place_of_the_subscription() {
        let again = |last: &str, place| {
            let last: EntryId = last.parse().expect("an id");
            last.of_replay(place).map(|id| id.to_string())
        };
        assert_eq!(again("1-17000000", at(1, 20)).as_deref(), Some("1-20000001"));
        assert_eq!(again("1-20000001", at(1, 20)).as_deref(), Some("1-20000002"));
        assert_eq!(again("1-21000000", at(1, 20)).as_deref(), Some("1-21000001"));
        assert_eq!(again("1-21000000", at(2, 20)).as_deref(), Some("2-20000001"));
        assert_eq!(again("0-0", LogPosition::START).as_deref(), Some("0-1"));
    }

    #[test]
    fn the_ids_of_a_place_end() {
        let last: EntryId = "1-17999999".parse().expect("an id");
        assert_eq!((last.place(), last.next_of_the_place()), (at(1, 17), None));
        assert_eq!(
            EntryId::of(at(1, u64::MAX / IDS_OF_A_PLACE)).map(EntryId::place),
            Some(at(1, 18_446_744_073_709))
        );
        assert_eq!(EntryId::of(at(1, u64::MAX / IDS_OF_A_PLACE + 1)), None);
        assert_eq!("17".parse::<EntryId>(), Err(NoEntryId));
        assert_eq!("1-x".parse::<EntryId>(), Err(NoEntryId));
    }
}
