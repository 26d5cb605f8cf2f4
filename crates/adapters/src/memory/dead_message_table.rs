//! Dead messages, by source and number.

use std::collections::{BTreeMap, BTreeSet};

use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, MAX_DEAD_MESSAGES, SHOWN_DEAD_BODY_BYTES,
    SourceName, SourceStatus,
};

/// Every dead message.
#[derive(Debug, Default)]
pub(super) struct DeadMessageTable {
    sources: BTreeMap<SourceName, OfSource>,
    /// The number of the last one that was buried.
    last: u64,
}

/// The dead messages of a source.
#[derive(Debug, Default)]
struct OfSource {
    messages: BTreeMap<u64, DeadMessage>,
    /// The ids of those that have one.
    ids: BTreeSet<String>,
}

impl OfSource {
    fn remove(&mut self, number: u64) -> bool {
        let removed = self.messages.remove(&number);
        if let Some(message) = &removed {
            self.ids.remove(&message.id);
        }
        removed.is_some()
    }

    /// Has it tried once more; `false`: it can't be, or is already.
    fn replay(&mut self, number: u64) -> bool {
        let message = self.messages.get_mut(&number);
        let Some(message) = message.filter(|message| message.is_whole && !message.replayed) else {
            return false;
        };
        message.replayed = true;
        true
    }
}

impl DeadMessageTable {
    /// Puts messages aside that are not there; `false`: there would be too many.
    pub(super) fn bury(&mut self, source: &SourceName, messages: &[DeadMessage]) -> bool {
        let of_source = self.sources.entry(source.clone()).or_default();
        let mut ids = BTreeSet::new();
        let is_new = |message: &&DeadMessage| {
            message.id.is_empty() || !of_source.ids.contains(&message.id) && ids.insert(message.id.clone())
        };
        let new: Vec<&DeadMessage> = messages.iter().filter(is_new).collect();
        if (of_source.messages.len() + new.len()) as u64 > MAX_DEAD_MESSAGES {
            return false;
        }
        of_source.ids.append(&mut ids);
        for message in new {
            self.last += 1;
            let message = DeadMessage {
                number: self.last,
                source: source.clone(),
                ..message.clone()
            };
            of_source.messages.insert(self.last, message);
        }
        true
    }

    fn of(&self, source: &SourceName) -> impl Iterator<Item = &DeadMessage> {
        self.sources.get(source).into_iter().flat_map(|of| of.messages.values())
    }

    /// The sources that have any.
    pub(super) fn sources(&self) -> Vec<SourceStatus> {
        let with_messages = self.sources.iter().filter(|(_, of)| !of.messages.is_empty());
        let status = |(name, of): (&SourceName, &OfSource)| SourceStatus {
            name: name.clone(),
            dead: of.messages.len() as u64,
            replayed: of.messages.values().filter(|message| message.replayed).count() as u64,
        };
        with_messages.map(status).collect()
    }

    /// A page of those of a source, as a list shows them.
    pub(super) fn page(&self, source: &SourceName, after: u64, limit: usize) -> Vec<DeadMessage> {
        let page = self.of(source).filter(|message| message.number > after).take(limit);
        let shown = |message: &DeadMessage| {
            let mut message = message.clone();
            message.body.truncate(SHOWN_DEAD_BODY_BYTES);
            message
        };
        page.map(shown).collect()
    }

    /// Decides on a number of them.
    pub(super) fn decide(
        &mut self,
        source: &SourceName,
        numbers: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> DeadMessagesDecided {
        let chosen = self.of(source).map(|message| message.number);
        let chosen = chosen.filter(|number| *number > after && numbers.is_none_or(|named| named.contains(number)));
        let chosen: Vec<u64> = chosen.take(DEAD_MESSAGE_BATCH).collect();
        let mut messages = 0;
        if let Some(of_source) = self.sources.get_mut(source) {
            let decide = |number: &&u64| match action {
                DeadMessageAction::Skip => of_source.remove(**number),
                DeadMessageAction::Replay => of_source.replay(**number),
            };
            messages = chosen.iter().filter(decide).count() as u64;
        }
        let next = chosen.last().copied().filter(|_| chosen.len() == DEAD_MESSAGE_BATCH);
        DeadMessagesDecided { messages, next }
    }

    /// Those of a source that are to be tried once more.
    pub(super) fn replays(&self, source: &SourceName, limit: usize) -> Vec<DeadMessage> {
        let replays = self.of(source).filter(|message| message.replayed);
        replays.take(limit).cloned().collect()
    }

    /// Notes how a replay ended, if the message was tried as often as it says.
    pub(super) fn replay_ended(&mut self, ended: &DeadMessage, reason: Option<&str>) {
        let Some(of_source) = self.sources.get_mut(&ended.source) else {
            return;
        };
        let message = of_source.messages.get_mut(&ended.number);
        let Some(message) = message.filter(|message| message.attempts == ended.attempts) else {
            return;
        };
        match reason {
            None => {
                of_source.remove(ended.number);
            }
            Some(reason) => {
                reason.clone_into(&mut message.reason);
                message.attempts = message.attempts.saturating_add(1);
                message.replayed = false;
            }
        }
    }
}
