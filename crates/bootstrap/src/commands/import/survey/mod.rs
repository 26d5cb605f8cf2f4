//! The survey: a file is read to its end before its first row is sent.
//!
//! It finds out which rows belong together, wherever they stand, and that the file has an end at all: one that breaks
//! off, or a quotation mark that is never closed, is reported before anything is stored. Of each row only its place and
//! a digest of its key are kept, sorted in temporary files, so memory does not grow with the file.

mod digest;
mod groups;
mod place;
mod sorter;

use std::io;

use earmark_adapters::files::{BadRow, Entry, FileError, Kind, Row, RowKey, Rows, Source};

use self::digest::{Digest, Digests};
use self::groups::{Found, Groups};
use self::place::PLACE_NUMBERS;
pub(crate) use self::place::RowPlace;
use self::sorter::{Sorted, Sorter};
use super::grouping::{Grouping, number_of};

/// How many rows are read between two reports of progress.
const PROGRESS_ROWS: u64 = 4_096;

/// What is known of a file that has been read to its end.
pub(crate) struct Survey {
    /// How many rows it has.
    pub(super) rows: u64,
    /// The first row that is invalid by itself.
    pub(super) first_bad: Option<FirstBad>,
    places: Sorted<PLACE_NUMBERS>,
}

/// The first invalid row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstBad {
    /// The line it begins on.
    pub(super) line: u64,
    /// What is wrong with it.
    pub(super) why: String,
}

impl Survey {
    /// Reads all rows of a source. Calls `progress` now and then with the number of rows.
    ///
    /// # Errors
    /// [`FileError`] when the source can't be read to its end, or a temporary file can't be written.
    pub(super) fn take(
        source: Source,
        kind: Kind,
        grouping: Grouping,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, FileError> {
        let mut index = Index::new(grouping);
        let (mut rows, mut first_bad, mut last_line) = (0, None, 1);
        for row in Rows::begin(source, kind)? {
            let row = row?;
            if let (None, Err(bad)) = (&first_bad, &row.entry) {
                first_bad = Some(FirstBad {
                    line: row.line,
                    why: bad.why.clone(),
                });
            }
            rows += 1;
            last_line = row.line;
            index.add(&row).map_err(|error| not_kept(row.line, &error))?;
            if rows % PROGRESS_ROWS == 0 {
                progress(rows);
            }
        }
        progress(rows);
        let places = index.places().map_err(|error| not_kept(last_line, &error))?;
        Ok(Self {
            rows,
            first_bad,
            places,
        })
    }
}

impl Iterator for Survey {
    type Item = io::Result<RowPlace>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.places.next()?;
        Some(place.map(|[group, offset, line, note]| RowPlace {
            group,
            offset,
            line,
            note,
        }))
    }
}

fn not_kept(line: u64, error: &io::Error) -> FileError {
    FileError::Read {
        line,
        error: io::Error::new(error.kind(), format!("can't keep the places of the rows: {error}")),
    }
}

/// The rows by their keys.
struct Index {
    grouping: Grouping,
    digests: Digests,
    found: Sorter<{ Found::NUMBERS }>,
    /// With whole orders: the order of the row before.
    order_before: Option<Digest>,
    /// With whole orders: the line of a row since then whose order can't be read.
    unreadable: Option<u64>,
}

impl Index {
    fn new(grouping: Grouping) -> Self {
        Self {
            grouping,
            digests: Digests::new(),
            found: Sorter::new(),
            order_before: None,
            unreadable: None,
        }
    }

    fn add(&mut self, row: &Row) -> io::Result<()> {
        let digest = match self.grouping {
            Grouping::Apart => None,
            Grouping::ByOrder(_) => self.order(row)?,
            Grouping::RefuseRepeats | Grouping::NumberRepeats | Grouping::ByKey => {
                let key = key_of(row);
                if let (Grouping::NumberRepeats, Some(key)) = (self.grouping, &key) {
                    self.mark(key)?;
                }
                key.map(|key| self.digests.of(&key))
            }
        };
        let digest = digest.unwrap_or_else(|| self.digests.of(&("a row by itself", row.offset)));
        self.found.push(Found::row(digest, row.offset, row.line))
    }

    /// The order of a row, and what it says about the orders around it: a row whose order can't be read may belong to
    /// the one before or to the one behind it, so neither is whole for sure.
    fn order(&mut self, row: &Row) -> io::Result<Option<Digest>> {
        let order = match &row.entry {
            Ok(entry) => entry.order(),
            Err(BadRow { order, .. }) => order.as_ref(),
        };
        let Some(order) = order else {
            if let Some(before) = self.order_before {
                self.found.push(Found::unreadable(before, row.line))?;
            }
            self.unreadable.get_or_insert(row.line);
            return Ok(None);
        };
        let digest = self.digests.of(order);
        if let Some(line) = self.unreadable.take() {
            self.found.push(Found::unreadable(digest, line))?;
        }
        self.order_before = Some(digest);
        Ok(Some(digest))
    }

    /// Records a name that a numbered row could get.
    fn mark(&mut self, key: &RowKey) -> io::Result<()> {
        let marked = match key {
            RowKey::Line(key) => number_of(key.line.as_str()).and_then(|(name, number)| {
                let key = earmark_domain::LineKey {
                    order: key.order.clone(),
                    line: name.parse().ok()?,
                };
                Some((RowKey::Line(key), number))
            }),
            RowKey::Batch(reference) => number_of(reference.as_str())
                .and_then(|(name, number)| Some((RowKey::Batch(name.parse().ok()?), number))),
            RowKey::Product(_) => None,
        };
        match marked {
            Some((key, number)) => self.found.push(Found::taken(self.digests.of(&key), number)),
            None => Ok(()),
        }
    }

    /// The places of all rows, in the order in which they are planned: each group where its first row is.
    fn places(self) -> io::Result<Sorted<PLACE_NUMBERS>> {
        let mut places = Sorter::new();
        let mut groups = Groups::new(self.grouping);
        let mut push = |place: RowPlace| places.push([place.group, place.offset, place.line, place.note]);
        for found in self.found.sorted()? {
            groups.add(Found::from(found?), &mut push)?;
        }
        groups.finish(&mut push)?;
        places.sorted()
    }
}

fn key_of(row: &Row) -> Option<RowKey> {
    match &row.entry {
        Ok(entry) => Entry::key(entry),
        Err(bad) => bad.key.clone(),
    }
}
