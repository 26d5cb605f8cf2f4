//! Groups: the rows with one digest, and what they have to know of each other.

use std::io;

use super::digest::Digest;
use super::place::RowPlace;
use super::sorter::Record;
use crate::commands::import::grouping::{Grouping, next_number};

/// Something that was found about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    digest: Digest,
    what: What,
}

/// What was found. The order matters: what the rows of a key have to know comes before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// An unreadable row beside it, on this line.
    Unreadable(u64),
    /// Another row has this number behind the same name.
    Taken(u64),
    /// A row.
    Row { offset: u64, line: u64 },
}

impl Found {
    /// The numbers of a record.
    pub(super) const NUMBERS: usize = 5;

    /// A row with this key.
    pub(super) const fn row(digest: Digest, offset: u64, line: u64) -> Record<{ Self::NUMBERS }> {
        [digest.0, digest.1, 2, offset, line]
    }

    /// A row on this line that can't be read, and may belong to this key.
    pub(super) const fn unreadable(digest: Digest, line: u64) -> Record<{ Self::NUMBERS }> {
        [digest.0, digest.1, 0, line, 0]
    }

    /// A number that is taken behind the name in this key.
    pub(super) const fn taken(digest: Digest, number: u64) -> Record<{ Self::NUMBERS }> {
        [digest.0, digest.1, 1, number, 0]
    }
}

impl From<Record<{ Found::NUMBERS }>> for Found {
    fn from([first, second, what, number, line]: Record<{ Self::NUMBERS }>) -> Self {
        Self {
            digest: Digest(first, second),
            what: match what {
                0 => What::Unreadable(number),
                1 => What::Taken(number),
                _ => What::Row { offset: number, line },
            },
        }
    }
}

/// Goes through what was found, key by key.
pub(super) struct Groups {
    grouping: Grouping,
    group: Option<Group>,
}

/// A key, as far as its records have been gone through.
struct Group {
    digest: Digest,
    unreadable: Option<u64>,
    taken: u64,
    /// The rows so far.
    rows: u64,
    /// The first row.
    first: Option<(u64, u64)>,
}

impl Groups {
    pub(super) const fn new(grouping: Grouping) -> Self {
        Self { grouping, group: None }
    }

    /// Adds what comes next in the order of the records. Passes on each row whose place is known by then.
    pub(super) fn add(&mut self, found: Found, push: &mut impl FnMut(RowPlace) -> io::Result<()>) -> io::Result<()> {
        if self.group.as_ref().is_some_and(|group| group.digest != found.digest) {
            self.finish(push)?;
        }
        let grouping = self.grouping;
        let group = self.group.get_or_insert(Group {
            digest: found.digest,
            unreadable: None,
            taken: 0,
            rows: 0,
            first: None,
        });
        match found.what {
            What::Unreadable(line) => {
                group.unreadable.get_or_insert(line);
            }
            What::Taken(number) => group.taken = group.taken.max(number),
            What::Row { offset, line } => group.add_row(grouping, offset, line, push)?,
        }
        Ok(())
    }

    /// Ends the key. Call it once more behind the last record.
    pub(super) fn finish(&mut self, push: &mut impl FnMut(RowPlace) -> io::Result<()>) -> io::Result<()> {
        match self.group.take() {
            // The first row waited for a second one, whose line it would have to name.
            Some(Group {
                rows: 1,
                first: Some((offset, line)),
                ..
            }) if self.grouping == Grouping::RefuseRepeats => push(by_itself(offset, line, 0)),
            _ => Ok(()),
        }
    }
}

impl Group {
    fn add_row(
        &mut self,
        grouping: Grouping,
        offset: u64,
        line: u64,
        push: &mut impl FnMut(RowPlace) -> io::Result<()>,
    ) -> io::Result<()> {
        self.rows += 1;
        let (first_offset, first_line) = *self.first.get_or_insert((offset, line));
        match grouping {
            Grouping::Apart => push(by_itself(offset, line, 0)),
            Grouping::RefuseRepeats => match self.rows {
                1 => Ok(()),
                2 => {
                    push(by_itself(first_offset, first_line, line))?;
                    push(by_itself(offset, line, first_line))
                }
                _ => push(by_itself(offset, line, first_line)),
            },
            Grouping::NumberRepeats => {
                let number = match self.rows {
                    1 => 0,
                    rows => next_number(self.taken, rows - 1),
                };
                push(by_itself(offset, line, number))
            }
            Grouping::ByKey | Grouping::ByOrder(_) => push(RowPlace {
                group: first_offset,
                offset,
                line,
                note: self.unreadable.unwrap_or(0),
            }),
        }
    }
}

/// A row that stays where it is.
const fn by_itself(offset: u64, line: u64, note: u64) -> RowPlace {
    RowPlace {
        group: offset,
        offset,
        line,
        note,
    }
}
