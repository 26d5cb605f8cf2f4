//! Cursors: where a reader of events goes on.

use earmark_application::{EventPage, LogPosition};

use super::query::sequence;
use crate::http::response::problem::Problem;
use crate::wire::answers::kinds;
use crate::wire::reading::faults::shortened;

/// Where a reader of events goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// Behind a place that the service has named.
    Place(LogPosition),
    /// Behind the event with this sequence in the present epoch.
    Sequence(u64),
    /// Behind the newest event.
    Now,
}

/// The highest number that a database counts to: no event is behind it.
const LAST: u64 = i64::MAX.unsigned_abs();

impl Cursor {
    /// Before all events.
    pub(crate) const START: Self = Self::Sequence(0);

    /// Reads a cursor.
    ///
    /// # Errors
    /// What it must be.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let place = text.parse().ok().filter(|place: &LogPosition| place.sequence <= LAST);
        let cursor = place.map(Self::Place);
        cursor
            .or_else(|| sequence(text).ok().map(Self::Sequence))
            .ok_or_else(|| {
                let text = shortened(text);
                format!("must be a cursor such as 1-17, a sequence, or \"now\", is \"{text}\"")
            })
    }

    /// The sequence to read on after.
    pub(crate) const fn sequence(self) -> u64 {
        match self {
            Self::Place(place) => place.sequence,
            Self::Sequence(sequence) => sequence,
            Self::Now => LAST,
        }
    }

    /// The place that it is in the history of a page, which was read after its sequence.
    ///
    /// # Errors
    /// A problem when the history does not have it.
    pub(crate) fn place_in<Event>(self, page: &EventPage<Event>) -> Result<LogPosition, Problem> {
        let place = match self {
            Self::Place(place) => place,
            Self::Sequence(sequence) => LogPosition {
                epoch: page.books.epoch(),
                sequence,
            },
            Self::Now => page.books.position_of(page.newest),
        };
        match page.books.resolve(place, page.newest) {
            // An event that is named by its sequence keeps the epoch that it was written in.
            Ok(sequence) => Ok(page.books.position_of(sequence)),
            Err(gone) => {
                let begin = gone.begin.to_string();
                Err(Problem::new(&kinds::CURSOR_GONE, gone.to_string()).with("begin", begin))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use earmark_application::{Books, BooksId, Epoch};

    use super::*;

    #[test]
    fn a_sequence_is_a_place_in_the_epoch_that_its_event_was_written_in() {
        let epochs = [(1, 0), (9, 100)].map(|(number, after)| Epoch { number, after });
        let page = EventPage::<()> {
            events: Vec::new(),
            next: 5,
            complete: false,
            newest: 120,
            books: Books::new(BooksId::of([7; 16]), epochs.into()),
        };
        for (sequence, epoch) in [(5, 1), (100, 1), (101, 9)] {
            let place = Cursor::Sequence(sequence)
                .place_in(&page)
                .expect("it is in the history");
            assert_eq!(place, LogPosition { epoch, sequence });
        }
        assert!(Cursor::Sequence(121).place_in(&page).is_err());
    }

    #[test]
    fn a_cursor_is_a_place_a_sequence_or_now() {
        let place = |epoch, sequence| Ok(Cursor::Place(LogPosition { epoch, sequence }));
        assert_eq!(Cursor::read("3-17"), place(3, 17));
        assert_eq!(Cursor::read("0-0"), place(0, 0));
        assert_eq!(Cursor::read("17"), Ok(Cursor::Sequence(17)));
        assert_eq!(Cursor::read("now"), Ok(Cursor::Now));
        for bad in [
            "",
            "-",
            "1-",
            "-1",
            "x",
            "1-2-3",
            "+1",
            "01-2",
            "9223372036854775808",
            "1-9223372036854775808",
        ] {
            assert!(Cursor::read(bad).is_err(), "{bad}");
        }
    }
}
