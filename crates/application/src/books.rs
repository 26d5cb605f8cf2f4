//! The identity of events: which books they are of, in which epoch of these, and where in the log.
//!
//! A database that is restored from a backup, or that fails over to a standby which had not received everything, tells
//! another history than before: it gives sequences again that others have seen on other events. So each such history
//! opens an *epoch*, and an event's id names it. A reader that drops repeats by id never drops a new event, and a place
//! in a history that is gone is known as such.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a set of books: drawn once, when the database is made, and copied with it. 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BooksId(Arc<str>);

/// A text is not what it should name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not the name of books.
    #[error("the id of books has 32 hexadecimal digits")]
    Books,
    /// Not a place in the log.
    #[error("a place in the log is an epoch and a sequence, such as 1-17, or a sequence alone")]
    Position,
    /// Not the id of an event.
    #[error("the id of an event is that of its books, its epoch and its sequence, joined by \"-\"")]
    Event,
}

impl BooksId {
    const DIGITS: usize = 32;

    /// The name that these random bytes make.
    #[must_use]
    pub fn of(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)).into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BooksId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == Self::DIGITS && text.bytes().all(digit))
            .then(|| Self(text.into()))
            .ok_or(IdentityError::Books)
    }
}

impl fmt::Display for BooksId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the log: behind the event with this sequence in this epoch. Places rise as the log does. As text `1-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition {
    /// The epoch. 0 only in the place before all events.
    pub epoch: u64,
    /// The sequence within the log. It does not begin anew with an epoch.
    pub sequence: u64,
}

impl LogPosition {
    /// Before all events.
    pub const START: Self = Self { epoch: 0, sequence: 0 };
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.sequence)
    }
}

impl FromStr for LogPosition {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let (epoch, sequence) = text.split_once('-').ok_or(IdentityError::Position)?;
        Ok(Self {
            epoch: number(epoch).ok_or(IdentityError::Position)?,
            sequence: number(sequence).ok_or(IdentityError::Position)?,
        })
    }
}

/// Digits alone: `+7` is no number here, and neither is `07`.
fn number(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// The id of an event: equal for every delivery of it, and for no other event of any books. As text
/// `0f8fad5bd9cb469fa16570867728950e-1-17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The books.
    pub books: BooksId,
    /// The place behind the event.
    pub position: LogPosition,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.books, self.position)
    }
}

impl FromStr for EventId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let (books, position) = text.split_once('-').ok_or(IdentityError::Event)?;
        Ok(Self {
            books: books.parse().map_err(|_| IdentityError::Event)?,
            position: position.parse().map_err(|_| IdentityError::Event)?,
        })
    }
}

/// An epoch of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number. Rises from epoch to epoch, with gaps.
    pub number: u64,
    /// Its events are those after this sequence, up to that at which the next epoch began.
    pub after: u64,
}

/// The books as a reader of the log has to know them. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    id: BooksId,
    epochs: Arc<[Epoch]>,
}

/// A place in the log is not, or no longer, in the history that the books tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log has no place {place}; what it has in common with the history of that place ends at {begin}")]
pub struct CursorGone {
    /// The place.
    pub place: LogPosition,
    /// Where to begin instead. Events may come again from there, under the ids that they had.
    pub begin: LogPosition,
}

impl Books {
    /// Books with their epochs, in the order of their numbers: at least one.
    #[must_use]
    pub fn new(id: BooksId, epochs: Arc<[Epoch]>) -> Self {
        assert!(!epochs.is_empty(), "books have an epoch");
        Self { id, epochs }
    }

    /// Which books.
    #[must_use]
    pub const fn id(&self) -> &BooksId {
        &self.id
    }

    /// The epoch in which events are written now.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epochs.last().map_or(0, |epoch| epoch.number)
    }

    /// The place behind the event with this sequence.
    #[must_use]
    pub fn position_of(&self, sequence: u64) -> LogPosition {
        let later = self.epochs.partition_point(|epoch| epoch.after < sequence);
        let epoch = self.epochs[later.saturating_sub(1)].number;
        LogPosition { epoch, sequence }
    }

    /// The id of the event with this sequence.
    #[must_use]
    pub fn event_id(&self, sequence: u64) -> EventId {
        EventId {
            books: self.id.clone(),
            position: self.position_of(sequence),
        }
    }

    /// The sequence to read on after, from a place that a reader remembers. `newest`: the last sequence of the log.
    ///
    /// # Errors
    /// [`CursorGone`]: the place is ahead of the log, or in a history that the books do not tell.
    pub fn resolve(&self, place: LogPosition, newest: u64) -> Result<u64, CursorGone> {
        if place.sequence == 0 {
            return Ok(0);
        }
        // How many epochs are not later than the place.
        let known = self.epochs.partition_point(|epoch| epoch.number <= place.epoch);
        let gone = |sequence| {
            Err(CursorGone {
                place,
                begin: self.position_of(sequence),
            })
        };
        let Some(epoch) = known.checked_sub(1).map(|index| self.epochs[index]) else {
            return gone(0);
        };
        // An epoch that the books do not know branched off from this one, nobody knows where.
        if epoch.number != place.epoch {
            return gone(epoch.after);
        }
        let end = self.epochs.get(known).map_or(newest, |next| next.after);
        if place.sequence > end {
            return gone(end);
        }
        Ok(place.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(epochs: &[(u64, u64)]) -> Books {
        let epochs = epochs.iter().map(|(number, after)| Epoch {
            number: *number,
            after: *after,
        });
        Books::new(BooksId::of([7; 16]), epochs.collect())
    }

    fn at(epoch: u64, sequence: u64) -> LogPosition {
        LogPosition { epoch, sequence }
    }

    #[test]
    fn an_id_names_its_books_its_epoch_and_its_sequence() {
        let id = books(&[(1, 0), (5, 100)]).event_id(101);
        assert_eq!(id.to_string(), "07070707070707070707070707070707-5-101");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "",
            "1-2",
            "07070707070707070707070707070707-1",
            "x-1-2",
            "07-1-2",
            "07070707070707070707070707070707-01-2",
        ] {
            assert_eq!(bad.parse::<EventId>(), Err(IdentityError::Event), "{bad}");
        }
    }

    #[test]
    fn an_event_keeps_the_epoch_that_it_was_written_in() {
        let books = books(&[(1, 0), (5, 100), (9, 100), (12, 130)]);
        for (sequence, epoch) in [(1, 1), (100, 1), (101, 9), (130, 9), (131, 12)] {
            assert_eq!(books.position_of(sequence), at(epoch, sequence));
        }
    }

    #[test]
    fn a_place_in_the_history_is_read_on_from() {
        let books = books(&[(1, 0), (5, 100)]);
        for place in [at(0, 0), at(1, 0), at(1, 100), at(5, 101), at(5, 100), at(5, 120)] {
            assert_eq!(books.resolve(place, 120), Ok(place.sequence), "{place}");
        }
    }

    #[test]
    fn a_place_that_the_history_does_not_have_is_gone_and_the_last_common_one_is_named() {
        let books = books(&[(1, 0), (5, 100), (8, 150)]);
        for (place, begin) in [
            // The first history went on where the second began.
            (at(1, 101), at(1, 100)),
            (at(5, 151), at(5, 150)),
            // Ahead of the log.
            (at(8, 201), at(8, 200)),
            // Epochs that nobody knows.
            (at(7, 120), at(1, 100)),
            (at(9, 160), at(5, 150)),
            (at(0, 3), at(1, 0)),
        ] {
            assert_eq!(books.resolve(place, 200), Err(CursorGone { place, begin }));
        }
    }
}
