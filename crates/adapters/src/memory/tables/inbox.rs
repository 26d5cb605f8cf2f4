//! The messages that were processed, by id and by age.

use std::collections::{BTreeMap, BTreeSet};

use earmark_domain::{InboxRecord, MessageId, Processed};
use jiff::Timestamp;

/// Every message that was processed.
#[derive(Debug, Default)]
pub(crate) struct InboxTable {
    records: BTreeMap<MessageId, InboxRecord>,
    by_age: BTreeSet<(Timestamp, MessageId)>,
}

impl InboxTable {
    pub(crate) fn contains(&self, message: &MessageId) -> bool {
        self.records.contains_key(message)
    }

    /// Whether a message was carried out.
    pub(crate) fn is_carried_out(&self, message: &MessageId) -> bool {
        self.records
            .get(message)
            .is_some_and(|record| record.ended == Processed::Done)
    }

    /// Those of these messages that were processed, with how each ended.
    pub(crate) fn among<'a>(
        &'a self,
        messages: impl IntoIterator<Item = &'a MessageId>,
    ) -> impl Iterator<Item = (MessageId, Processed)> {
        let found = messages.into_iter().filter_map(|message| self.records.get(message));
        found.map(|record| (record.id.clone(), record.ended.clone()))
    }

    /// Adds messages, none of which is there.
    pub(crate) fn extend(&mut self, new: &[InboxRecord]) {
        for record in new {
            self.by_age.insert((record.processed_at, record.id.clone()));
            self.records.insert(record.id.clone(), record.clone());
        }
    }

    /// Removes at most so many that were processed before an instant, the oldest first; answers how many.
    pub(crate) fn forget(&mut self, before: Timestamp, most: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < most
            && self
                .by_age
                .first()
                .is_some_and(|(processed_at, _)| *processed_at < before)
            && let Some((_, id)) = self.by_age.pop_first()
        {
            self.records.remove(&id);
            forgotten += 1;
        }
        forgotten
    }
}
