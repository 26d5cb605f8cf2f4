//! The recorder of access decisions: collects what is refused, and writes it into the log once a second.
//!
//! A refusal must cost less than it costs to ask, or whoever guesses keys slows the service down or fills its disk. So a
//! refusal is a look into a bounded map and waits for nothing. Those that differ in nothing but their instant are one entry
//! for a minute, with a count. What finds no room is counted in an entry of its own: nothing vanishes silently.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::access::{AccessDecision, AccessEntry, Caller, EntryId};
use crate::ports::{AccessLog, Clock, Ids};
use crate::store_error::StoreError;

/// For how long repeats are counted in one entry.
const REPEATS_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// How many entries are collected at a time: so many are written in a minute at most, and while the store does not answer
/// there are no more.
pub const MAX_OPEN_ENTRIES: usize = 512;

/// How many of these are of callers that the service does not know. They may come from any number of addresses, and must not
/// take the room of those it knows.
pub const MAX_OPEN_OF_STRANGERS: usize = 256;

/// Who is meant, where more was decided than is recorded.
const RECORDER: &str = "earmark";

/// What the entry is about, where more was decided than is recorded.
const OVERFLOW: &str = "access_log";

/// What repeats of a decision have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Repeated {
    caller: Caller,
    action: Arc<str>,
    about: Option<Arc<str>>,
    decision: AccessDecision,
}

impl Repeated {
    /// The entry for what is in no entry of its own.
    fn overflow() -> Self {
        Self {
            caller: Caller::known(RECORDER),
            action: OVERFLOW.into(),
            about: None,
            decision: AccessDecision::NotRecorded,
        }
    }

    const fn is_of_a_stranger(&self) -> bool {
        self.caller.name.is_none()
    }
}

/// An entry that repeats are still counted in.
#[derive(Debug)]
struct Open {
    entry: AccessEntry,
    /// How many of its decisions are in the log.
    written: u64,
}

impl Open {
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.entry.first_at) >= REPEATS_WITHIN
    }
}

/// The entries that repeats are still counted in.
#[derive(Debug, Default)]
struct Entries {
    open: HashMap<Repeated, Open>,
    /// How many are of strangers.
    of_strangers: usize,
}

impl Entries {
    fn has_room_for(&self, repeated: &Repeated) -> bool {
        // One more is there for what finds no room.
        self.open.len() < MAX_OPEN_ENTRIES
            && (!repeated.is_of_a_stranger() || self.of_strangers < MAX_OPEN_OF_STRANGERS)
    }

    fn insert(&mut self, repeated: Repeated, entry: AccessEntry) {
        self.of_strangers += usize::from(repeated.is_of_a_stranger());
        self.open.insert(repeated, Open { entry, written: 0 });
    }

    /// Closes the entries that are over and written.
    fn close(&mut self, now: Timestamp) {
        self.open
            .retain(|_, open| open.written < open.entry.count || !open.is_over(now));
        self.of_strangers = self.open.keys().filter(|repeated| repeated.is_of_a_stranger()).count();
    }
}

/// Collects access decisions for the log. The binary calls [`write`](Self::write) once a second.
pub struct AccessRecorder {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    entries: Mutex<Entries>,
}

impl fmt::Debug for AccessRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessRecorder").finish_non_exhaustive()
    }
}

impl AccessRecorder {
    /// A recorder that has nothing to write.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            clock,
            ids,
            entries: Mutex::default(),
        }
    }

    /// Records that a caller was refused something. `action` is the name of a call or a command, and never has anything of
    /// what the caller has sent.
    pub fn refused(&self, caller: Caller, action: &str, decision: AccessDecision, correlation_id: &Arc<str>) {
        let repeated = Repeated {
            caller,
            action: action.into(),
            about: None,
            decision,
        };
        self.note(repeated, correlation_id);
    }

    /// Records that a caller has done something to what is the service's own, where that is not stored with what was done.
    pub fn done(&self, caller: Caller, action: &str, about: &str, correlation_id: &Arc<str>) {
        let repeated = Repeated {
            caller,
            action: action.into(),
            about: Some(about.into()),
            decision: AccessDecision::Done,
        };
        self.note(repeated, correlation_id);
    }

    /// The entry for a change that is stored with it.
    #[must_use]
    pub fn entry(&self, caller: Caller, action: &str, about: &str) -> AccessEntry {
        AccessEntry::done(self.id(), self.now(), caller, action, about)
    }

    /// Writes into the log what is not there yet. What the log does not take is kept, and written the next time. Not to be
    /// called while it runs.
    ///
    /// # Errors
    /// As [`AccessLog::log_access`].
    pub async fn write(&self, log: &dyn AccessLog) -> Result<(), StoreError> {
        let now = self.now();
        let batch: Vec<(Repeated, AccessEntry)> = {
            let mut entries = self.entries();
            entries.close(now);
            let unwritten = entries.open.iter().filter(|(_, open)| open.written < open.entry.count);
            unwritten
                .map(|(repeated, open)| (repeated.clone(), open.entry.clone()))
                .collect()
        };
        if batch.is_empty() {
            return Ok(());
        }
        let (repeated, mut written): (Vec<Repeated>, Vec<AccessEntry>) = batch.into_iter().unzip();
        // New entries are numbered in the order of their beginnings.
        written.sort_by_key(|entry| (entry.first_at, entry.id));
        log.log_access(&written).await?;
        let counts: HashMap<EntryId, u64> = written.iter().map(|entry| (entry.id, entry.count)).collect();
        let mut entries = self.entries();
        for repeated in &repeated {
            let Some(open) = entries.open.get_mut(repeated) else {
                continue;
            };
            let Some(count) = counts.get(&open.entry.id).copied() else {
                continue;
            };
            open.written = count;
            if open.is_over(now) && count < open.entry.count {
                // It goes on without a pause: what has come meanwhile is the beginning of the next.
                open.entry.id = self.id();
                open.entry.first_at = now;
                open.entry.count -= count;
                open.written = 0;
            }
        }
        entries.close(now);
        Ok(())
    }

    /// How many decisions are not in the log yet.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        let entries = self.entries();
        let unwritten = entries.open.values().map(|open| open.entry.count - open.written);
        unwritten.sum()
    }

    fn note(&self, repeated: Repeated, correlation_id: &Arc<str>) {
        let now = self.now();
        let mut entries = self.entries();
        if let Some(open) = entries.open.get_mut(&repeated) {
            open.entry.count += 1;
            open.entry.last_at = open.entry.last_at.max(now);
            return;
        }
        if entries.has_room_for(&repeated) {
            let entry = self.first(&repeated, now, Some(Arc::clone(correlation_id)));
            entries.insert(repeated, entry);
            return;
        }
        let overflow = Repeated::overflow();
        if let Some(open) = entries.open.get_mut(&overflow) {
            open.entry.count += 1;
            open.entry.last_at = open.entry.last_at.max(now);
        } else {
            let entry = self.first(&overflow, now, None);
            entries.insert(overflow, entry);
        }
    }

    fn first(&self, repeated: &Repeated, now: Timestamp, correlation_id: Option<Arc<str>>) -> AccessEntry {
        AccessEntry {
            id: self.id(),
            first_at: now,
            last_at: now,
            caller: repeated.caller.clone(),
            action: Arc::clone(&repeated.action),
            about: repeated.about.clone(),
            decision: repeated.decision,
            count: 1,
            correlation_id,
        }
    }

    fn id(&self) -> EntryId {
        EntryId(self.ids.token())
    }

    /// The current instant, in the microseconds that stores keep.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        // Every instant is a whole number of microseconds and a rest.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing panics with the lock held, so a poisoned one is as good as any.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
