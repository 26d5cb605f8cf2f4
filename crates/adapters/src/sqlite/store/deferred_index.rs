//! The deferred index: entries that are written later than the events they lead to. An optimisation.
//!
//! # What it is
//!
//! Two questions need an index beside the tables' keys: which events a product has (`events_of_products`, by version),
//! and which lines hold the units of a batch they were placed with (`lines_in_batches`, in the order in which they
//! leave). Kept with each line, either entry would be written to a page of its own somewhere among all products. So the
//! writer does what a log-structured merge tree does. The newest events are the memtable: they are in the table
//! `events`, in the order of commits, and in memory here. Once enough are waiting, they are sorted, and the sorted run
//! is written slice by slice, each in a transaction that stores something anyway. In a run the entries of a product
//! share a page.
//!
//! The table `deferred_index` says up to which event all entries are written. A reader takes the entries up to there
//! and scans the newer events (`read::event_feed`, `read::audit`). A decision that needs to know which lines leave a
//! batch has all pending entries written first. A crash loses nothing, because all entries follow from the events;
//! another program on the same file is noticed by the number of its last event, and the pending events are read from
//! the table again.
//!
//! # What it earns
//!
//! Over 1,000 products 16,300 allocations a second instead of 9,300: a group of 32 lines changes 43 pages, not 110
//! (docs/adr/0020). Lines of one product share their pages anyway, so one hot product gains nothing. It costs a scan of
//! at most two runs of events, a few milliseconds, for each question about the events of a product.
//!
//! # How to take it out
//!
//! Write both entries where the events and lines are written (`write`), drop the table `deferred_index`, this module
//! and its calls in `write_connection`, and read `events_of_products` alone in the two readers.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Nullable, Text};
use earmark_application::StoreError;
use earmark_domain::{Event, LineId, LineKey, OrderId, Sku};

use super::super::builder::{pair, update};
use super::super::error::store_error;
use super::super::schema::{deferred_index, events_of_products};
use super::super::statement::statement;
use super::insert::{Insert, insert_into};
use super::write::newest_event;
use crate::sql::decode::counter;
use crate::sql::new_lines::NewLines;

/// How many events wait, and how many entries are written at once.
#[derive(Debug, Clone, Copy)]
pub(in crate::sqlite) struct DeferredIndexBounds {
    /// So many events of products make a run: the more there are, the more of them are of the same product. Twice as
    /// many may have to be scanned, and the events of whole orders among them.
    pub(in crate::sqlite) run: usize,
    /// So many at least of a run are written in a transaction, and twice as many as events are stored in it: a run has
    /// been written by the time that half of the next one waits.
    pub(in crate::sqlite) slice: usize,
}

impl Default for DeferredIndexBounds {
    /// Scanning twice a run takes milliseconds, and writing a slice a part of one.
    fn default() -> Self {
        Self { run: 8_192, slice: 64 }
    }
}

/// An event of a product whose entries are to be written.
#[derive(Debug)]
struct Entry {
    sku: Sku,
    version: i64,
    sequence: i64,
    /// The line that the event is found by, if it is: that line may hold the units it was placed with.
    line: Option<LineKey>,
}

/// By what the connection knows the writes of this module.
struct NewEntries;
struct AdvanceUntil;

/// The writer's part of the index: what waits to be written.
#[derive(Debug, Default)]
pub(super) struct DeferredIndex {
    bounds: DeferredIndexBounds,
    /// `None`: it has to be read from the tables.
    pending: Option<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    /// The events that wait for the next run.
    waiting: Vec<Entry>,
    /// The last event that was noted.
    seen: i64,
    /// What is left of the current run, the last to be written first.
    run: Vec<Entry>,
    /// The last event of the current run.
    run_ends: i64,
}

/// The event up to which all entries are written.
pub(in crate::sqlite) fn indexed_until(connection: &mut SqliteConnection) -> QueryResult<i64> {
    deferred_index::table
        .select(deferred_index::until)
        .get_result(connection)
}

impl DeferredIndex {
    pub(super) const fn new(bounds: DeferredIndexBounds) -> Self {
        Self { bounds, pending: None }
    }

    /// Forgets what waits: it may not have been stored.
    pub(super) fn forget(&mut self) {
        self.pending = None;
    }

    /// Notes events that got the numbers after `last`, and writes a slice, in the transaction that stores them.
    pub(super) fn advance(
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
        let pending = match &mut self.pending {
            Some(pending) if pending.seen == last => {
                pending.note(placed, events);
                pending
            }
            // It is the first time, or another program has written.
            pending => pending.insert(read(connection)?),
        };
        if pending.run.is_empty() && pending.waiting.len() >= bounds.run {
            pending.begin_run();
        }
        pending.write(connection, bounds.slice.max(2 * events.len()))
    }

    /// Writes all entries that wait, in the open transaction.
    pub(super) fn write_all(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let newest = newest_event(connection).map_err(store_error)?;
        let pending = match &mut self.pending {
            Some(pending) if pending.seen == newest => pending,
            // Another program may have stored more.
            pending => pending.insert(read(connection)?),
        };
        pending.begin_run();
        pending.write(connection, usize::MAX)
    }
}

impl Pending {
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

    fn begin_run(&mut self) {
        self.run.append(&mut self.waiting);
        self.run_ends = self.seen;
        self.run
            .sort_unstable_by(|a, b| (&b.sku, b.version).cmp(&(&a.sku, a.version)));
    }

    /// Writes so many entries of the run, or what is left of it.
    fn write(&mut self, connection: &mut SqliteConnection, most: usize) -> Result<(), StoreError> {
        if self.run.is_empty() {
            return Ok(());
        }
        let slice = self.run.split_off(self.run.len().saturating_sub(most));
        write(connection, &slice)?;
        if self.run.is_empty() {
            // Another program may have come further.
            let behind = deferred_index::until.lt(self.run_ends);
            let advance = (deferred_index::until.eq(self.run_ends),);
            update::<AdvanceUntil, _, _, _>(&deferred_index::table, behind, advance)
                .execute(connection)
                .map_err(store_error)?;
        }
        Ok(())
    }
}

/// The events whose entries may not be written. An event that no rule allows is skipped: the audit reports it, and the
/// others get their entries.
fn read(connection: &mut SqliteConnection) -> Result<Pending, StoreError> {
    // By hand: the builder has neither CASE around a JSON look-up nor the operator.
    const UNINDEXED: &str = "SELECT sequence, sku, version, \
         CASE WHEN order_id IS NULL AND type = 'Allocated' AND json_valid(data) THEN data ->> 'order_id' END, \
         CASE WHEN order_id IS NULL AND type = 'Allocated' AND json_valid(data) THEN data ->> 'line_id' END \
         FROM events WHERE sequence > (SELECT until FROM deferred_index) ORDER BY sequence";
    type Types = (BigInt, Nullable<Text>, Nullable<BigInt>, Nullable<Text>, Nullable<Text>);
    type Row = (i64, Option<String>, Option<i64>, Option<String>, Option<String>);
    let rows: Vec<Row> = statement::<Types>(UNINDEXED).load(connection).map_err(store_error)?;
    let mut pending = Pending {
        seen: newest_event(connection).map_err(store_error)?,
        ..Pending::default()
    };
    for (sequence, sku, version, order, line) in rows {
        let (Some(sku), Some(version)) = (sku.and_then(|sku| Sku::new(sku).ok()), version) else {
            continue;
        };
        let order = order.and_then(|order| OrderId::new(order).ok());
        let line = order.zip(line.and_then(|line| LineId::new(line).ok()));
        pending.waiting.push(Entry {
            sku,
            version,
            sequence,
            line: line.map(|(order, line)| LineKey { order, line }),
        });
    }
    Ok(pending)
}

/// Writes entries. Some may be written already, by a run that was not ended.
fn write(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), StoreError> {
    // No two events are of the same version, unless one is forged: then the first keeps its entry.
    static NEW: LazyLock<Insert<NewEntries>> = LazyLock::new(|| {
        insert_into!(
            events_of_products: sku, version, sequence;
            on_conflict "ON CONFLICT DO UPDATE SET sequence = min(sequence, excluded.sequence)"
        )
    });
    // By hand: the builder has no `INSERT OR IGNORE … SELECT`. A line that has released its units since gets no entry.
    const LINES: &str = "INSERT OR IGNORE INTO lines_in_batches (batch, release_rank, placed_version, order_id, line_id) \
         SELECT lines.batch, lines.release_rank, lines.placed_version, lines.order_id, lines.line_id \
         FROM json_each(?) AS named \
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
