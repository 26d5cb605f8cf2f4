//! Dead messages, by source and number.

use std::collections::{BTreeMap, BTreeSet};

use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, MAX_DEAD_MESSAGES, REPLAYED_BYTES,
    SHOWN_DEAD_BODY_BYTES, SourceName, SourceStatus,
};
use earmark_domain::MessageId;

/// Every dead message.
#[derive(Debug, Default)]
pub(crate) struct DeadMessageTable {
    sources: BTreeMap<SourceName, OfSource>,
    /// The number of the last one that was buried.
    last: u64,
}

/// The dead messages of a source.
#[derive(Debug, Default)]
struct OfSource {
    messages: BTreeMap<u64, DeadMessage>,
    /// The numbers of those that have an id.
    ids: BTreeMap<String, u64>,
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
    /// Puts messages aside that are not there and were not carried out; `false`: there would be too many.
    pub(crate) fn bury(
        &mut self,
        source: &SourceName,
        messages: &[DeadMessage],
        is_carried_out: impl Fn(&DeadMessage) -> bool,
    ) -> bool {
        let of_source = self.sources.entry(source.clone()).or_default();
        let mut ids = BTreeSet::new();
        let is_new = |message: &&DeadMessage| {
            message.id.is_empty()
                || ids.insert(message.id.clone())
                    && !of_source.ids.contains_key(&message.id)
                    && !is_carried_out(message)
        };
        let new: Vec<&DeadMessage> = messages.iter().filter(is_new).collect();
        if (of_source.messages.len() + new.len()) as u64 > MAX_DEAD_MESSAGES {
            return false;
        }
        for message in new {
            self.last += 1;
            let message = DeadMessage {
                number: self.last,
                source: source.clone(),
                ..message.clone()
            };
            if !message.id.is_empty() {
                of_source.ids.insert(message.id.clone(), self.last);
            }
            of_source.messages.insert(self.last, message);
        }
        true
    }

    /// Drops the one of this id: its command was carried out.
    pub(crate) fn carried_out(&mut self, message: &MessageId) {
        if let Some(of_source) = self.sources.get_mut(&SourceName::new(message.source()))
            && let Some(number) = of_source.ids.get(message.id()).copied()
        {
            of_source.remove(number);
        }
    }

    fn of(&self, source: &SourceName) -> impl Iterator<Item = &DeadMessage> {
        self.sources.get(source).into_iter().flat_map(|of| of.messages.values())
    }

    /// The sources that have any.
    pub(crate) fn sources(&self) -> Vec<SourceStatus> {
        let with_messages = self.sources.iter().filter(|(_, of)| !of.messages.is_empty());
        let status = |(name, of): (&SourceName, &OfSource)| SourceStatus {
            name: name.clone(),
            dead: of.messages.len() as u64,
            replayed: of.messages.values().filter(|message| message.replayed).count() as u64,
        };
        with_messages.map(status).collect()
    }

    /// A page of those of a source, as a list shows them.
    pub(crate) fn page(&self, source: &SourceName, after: u64, limit: usize) -> Vec<DeadMessage> {
        let page = self.of(source).filter(|message| message.number > after).take(limit);
        let shown = |message: &DeadMessage| {
            let mut message = message.clone();
            message.body.truncate(SHOWN_DEAD_BODY_BYTES);
            message
        };
        page.map(shown).collect()
    }

    /// Decides on a number of them.
    pub(crate) fn decide(
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
    pub(crate) fn replays(&self, source: &SourceName, limit: usize) -> Vec<DeadMessage> {
        let mut bytes = 0;
        let replays = self.of(source).filter(|message| message.replayed).take(limit);
        let within = replays.take_while(|message| {
            let is_first = bytes == 0;
            bytes += message.body.len();
            is_first || bytes <= REPLAYED_BYTES
        });
        within.cloned().collect()
    }

    /// Notes how a replay ended, if the message was tried as often as it says.
    pub(crate) fn replay_ended(&mut self, ended: &DeadMessage, reason: Option<&str>) {
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
