//! The log of access decisions, by number.

use std::collections::{BTreeMap, HashMap};

use earmark_application::{ACCESS_LOG_PURGE_BATCH, AccessDecision, AccessEntry, EntryId, LoggedEntry};
use jiff::Timestamp;

/// Every entry.
#[derive(Debug, Default)]
pub(crate) struct AccessLogTable {
    entries: BTreeMap<u64, AccessEntry>,
    numbers: HashMap<EntryId, u64>,
    last: u64,
}

impl AccessLogTable {
    /// Writes an entry, or what has changed of one.
    pub(crate) fn write(&mut self, entry: &AccessEntry) {
        let known = self
            .numbers
            .get(&entry.id)
            .and_then(|number| self.entries.get_mut(number));
        if let Some(known) = known {
            known.count = entry.count;
            known.last_at = entry.last_at;
            return;
        }
        self.last += 1;
        self.numbers.insert(entry.id, self.last);
        self.entries.insert(self.last, entry.clone());
    }

    /// Entries behind a number.
    pub(crate) fn page(&self, after: u64, limit: usize) -> Vec<LoggedEntry> {
        let behind = self.entries.range(after.saturating_add(1)..);
        behind.take(limit).map(logged).collect()
    }

    /// Entries before a number, the newest first.
    pub(crate) fn newest(&self, before: Option<u64>, limit: usize) -> Vec<LoggedEntry> {
        let sooner = self.entries.range(..before.unwrap_or(u64::MAX));
        sooner.rev().take(limit).map(logged).collect()
    }

    /// Forgets what is old, and refusals beyond the newest entries.
    pub(crate) fn forget(&mut self, before: Timestamp, keep: u64) -> usize {
        let old = self.entries.iter().take(ACCESS_LOG_PURGE_BATCH);
        let old = old
            .filter(|(_, entry)| entry.last_at < before)
            .map(|(number, _)| *number);
        let mut forgotten: Vec<u64> = old.collect();
        let refusals = self.entries.range(..=self.last.saturating_sub(keep));
        let refusals = refusals.filter(|(_, entry)| entry.decision != AccessDecision::Done);
        forgotten.extend(refusals.map(|(number, _)| *number).take(ACCESS_LOG_PURGE_BATCH));
        let forget = |number| {
            let entry = self.entries.remove(&number)?;
            self.numbers.remove(&entry.id)
        };
        forgotten.into_iter().filter_map(forget).count()
    }
}

fn logged((number, entry): (&u64, &AccessEntry)) -> LoggedEntry {
    LoggedEntry {
        number: *number,
        entry: entry.clone(),
    }
}
