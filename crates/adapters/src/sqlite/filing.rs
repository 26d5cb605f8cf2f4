//! Entries that are filed later than what they lead to.
//!
//! The events of a product and the lines in a batch are found by entries in the order of products and of batches. Made with
//! each line, every one of them would cost a page of its own, somewhere among all products. So the writer lets the newest
//! events wait until there are many, puts them in order, and files them in slices, each in the transaction of a group that
//! stores something anyway: then the entries of a product share a page.
//!
//! Nothing here is lost in a crash, because all of it follows from the events: the table `filing` says up to which one all
//! entries are there. Those who read look through the newer ones; those who decide on the lines in a batch have all of them
//! filed first.

use std::mem;
use std::sync::LazyLock;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;
use earmark_domain::{Event, LineId, LineKey, OrderId, Sku};

use super::error::store_error;
use super::load::pair;
use super::row::counter;
use super::rows::Insert;
use super::statement::statement;
use crate::sql::new_lines::NewLines;

/// How many events wait, and how many are filed at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilingBounds {
    /// So many events of products make a round, which is put in order: the more there are, the more of them are of the same
    /// product. Twice as many may have to be looked through, and the events of whole orders among them.
    pub(super) round: usize,
    /// So many at least of a round are filed in a transaction, and twice as many as events are stored in it: a round has
    /// been filed by the time that half of the next one waits.
    pub(super) slice: usize,
}

impl Default for FilingBounds {
    /// Looking through twice a round takes milliseconds, and filing a slice a part of one.
    fn default() -> Self {
        Self {
            round: 8_192,
            slice: 64,
        }
    }
}

/// An event of a product that is to be filed.
#[derive(Debug)]
struct Entry {
    sku: Sku,
    version: i64,
    sequence: i64,
    /// The line that it tells of, if that one says so: it may have units of a batch itself.
    line: Option<LineKey>,
}

/// What goes by this is filed.
struct NewEntry;

/// What waits to be filed, as the connection that writes knows it.
#[derive(Debug, Default)]
pub(super) struct Filing {
    bounds: FilingBounds,
    /// `None`: it has to be read.
    known: Option<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The events that wait for the next round.
    waiting: Vec<Entry>,
    /// The last event that was looked at.
    seen: i64,
    /// What is left of this round, the last to be filed first.
    round: Vec<Entry>,
    /// The last event of this round.
    ends: i64,
}

impl Filing {
    pub(super) fn new(bounds: FilingBounds) -> Self {
        Self { bounds, known: None }
    }

    /// Forgets what it knows: it may not have been stored.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    /// Takes note of events that were numbered on from `last`, and files a slice, in the transaction that stores them.
    pub(super) fn tend(
        &mut self,
        connection: &mut SqliteConnection,
        placed: &NewLines<'_>,
        events: &[Event],
        last: i64,
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let bounds = self.bounds;
        let known = match &mut self.known {
            Some(known) if known.seen == last => {
                known.note(placed, events);
                known
            }
            // It is the first time, or somebody else has written.
            known => known.insert(read(connection)?),
        };
        if known.round.is_empty() && known.waiting.len() >= bounds.round {
            known.begin_round();
        }
        known.file(connection, bounds.slice.max(2 * events.len()))
    }

    /// Files all that waits, in the transaction that is open.
    pub(super) fn file_all(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        // Whoever else writes may have stored more.
        let known = self.known.insert(read(connection)?);
        known.begin_round();
        known.file(connection, usize::MAX)
    }
}

impl Known {
    fn note(&mut self, placed: &NewLines<'_>, events: &[Event]) {
        for (event, by_line) in placed.events(events) {
            self.seen += 1;
            if let Some((sku, version)) = event.product() {
                self.waiting.push(Entry {
                    sku: sku.clone(),
                    version: counter(version),
                    sequence: self.seen,
                    line: event.fact.line().filter(|_| by_line).cloned(),
                });
            }
        }
    }

    fn begin_round(&mut self) {
        self.round = mem::take(&mut self.waiting);
        self.ends = self.seen;
        self.round
            .sort_unstable_by(|a, b| (&b.sku, b.version).cmp(&(&a.sku, a.version)));
    }

    /// Files so many of the round, or what is left of it.
    fn file(&mut self, connection: &mut SqliteConnection, most: usize) -> Result<(), StoreError> {
        const DONE: &str = "UPDATE deferred_index SET until = max(until, ?) WHERE id = 1";
        if self.round.is_empty() {
            return Ok(());
        }
        let slice = self.round.split_off(self.round.len().saturating_sub(most));
        file(connection, &slice)?;
        if self.round.is_empty() {
            let done = statement::<()>(DONE).integer(self.ends).write(connection);
            done.map_err(store_error)?;
        }
        Ok(())
    }
}

/// What is not known to be filed. An event that nobody could have stored by the rules is passed over: who audits the books
/// tells of it, and the others are filed.
fn read(connection: &mut SqliteConnection) -> Result<Known, StoreError> {
    const UNFILED: &str = "SELECT sequence, sku, version, \
         CASE WHEN order_id IS NULL AND type = 'Allocated' AND json_valid(data) THEN data ->> 'order_id' END, \
         CASE WHEN order_id IS NULL AND type = 'Allocated' AND json_valid(data) THEN data ->> 'line_id' END \
         FROM events WHERE sequence > (SELECT until FROM deferred_index) ORDER BY sequence";
    type Types = (BigInt, Nullable<Text>, Nullable<BigInt>, Nullable<Text>, Nullable<Text>);
    type Row = (i64, Option<String>, Option<i64>, Option<String>, Option<String>);
    let rows: Vec<Row> = statement::<Types>(UNFILED).load(connection).map_err(store_error)?;
    let mut known = Known {
        seen: statement::<BigInt>("SELECT coalesce(max(sequence), 0) FROM events")
            .get_result(connection)
            .map_err(store_error)?,
        ..Known::default()
    };
    for (sequence, of, version, order, line_id) in rows {
        let (Some(sku), Some(version)) = (of.and_then(|of| Sku::new(of).ok()), version) else {
            continue;
        };
        let line = order.and_then(|order| OrderId::new(order).ok());
        let line = line.zip(line_id.and_then(|line| LineId::new(line).ok()));
        known.waiting.push(Entry {
            sku,
            version,
            sequence,
            line: line.map(|(order, line)| LineKey { order, line }),
        });
    }
    Ok(known)
}

/// Files entries. Some may be filed already, by a round that was not ended.
fn file(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), StoreError> {
    // No two events are of the same version, unless somebody has forged one: then the first stays what it was.
    static NEW: LazyLock<Insert<NewEntry>> = LazyLock::new(|| {
        Insert::unless(
            "events_of_products",
            &["sku", "version", "sequence"],
            "ON CONFLICT DO UPDATE SET sequence = min(sequence, excluded.sequence)",
        )
    });
    // A line that has let its units go meanwhile has no place among those that have some.
    const LINES: &str = "INSERT OR IGNORE INTO lines_in_batches (batch, release_rank, since, order_id, line_id) \
         SELECT lines.batch, lines.release_rank, lines.placed_at, lines.order_id, lines.line_id FROM json_each(?) AS named \
         CROSS JOIN lines ON lines.order_id = named.value ->> 0 AND lines.line_id = named.value ->> 1 \
         WHERE lines.batch IS NOT NULL";
    NEW.rows(connection, entries, |statement, entry| {
        statement
            .text(entry.sku.as_str())
            .integer(entry.version)
            .integer(entry.sequence)
    })?;
    let mut lines = entries.iter().filter_map(|entry| entry.line.as_ref()).peekable();
    if lines.peek().is_some() {
        let written = statement::<()>(LINES).list(lines.map(pair)).write(connection);
        written.map_err(store_error)?;
    }
    Ok(())
}
