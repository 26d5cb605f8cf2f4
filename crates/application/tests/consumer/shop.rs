//! A store in memory, with its inbox and its dead messages.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, Decide, Decided, Inbox, MAX_DEAD_MESSAGES,
    MessagesForgotten, SourceName, SourceStatus, Store, StoreError,
};
use earmark_domain::{
    BatchRecord, Loaded, MessageId, Outcome, Processed, ProductRecord, Quantity, Reference, Scope, Sku,
};
use jiff::Timestamp;

use crate::source::Steps;
use crate::support::{locked, pause};

/// How the next transactions fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    /// On each product: a defect.
    Corrupt,
}

/// A store with a batch of a thousand LAMPs that never shrinks, with its inbox and its dead messages.
#[derive(Default)]
pub(crate) struct Shop {
    pub(crate) steps: Mutex<Arc<Steps>>,
    inbox: Mutex<BTreeMap<MessageId, Processed>>,
    /// The orders of the allocations, in the order in which they were stored.
    pub(crate) effects: Mutex<Vec<String>>,
    /// The ids of the requests that their events belong to.
    pub(crate) correlation_ids: Mutex<BTreeSet<String>>,
    pub(crate) dead: Mutex<BTreeMap<u64, DeadMessage>>,
    pub(crate) is_full: Mutex<bool>,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    /// How long a transaction takes.
    pub(crate) takes: Mutex<Duration>,
    pub(crate) inbox_is_down: Mutex<bool>,
    pub(crate) looks: AtomicUsize,
    pub(crate) transactions: AtomicUsize,
}

impl Shop {
    async fn step(&self) {
        let steps = Arc::clone(&locked(&self.steps));
        steps.make().await;
    }

    pub(crate) fn effects(&self) -> Vec<String> {
        locked(&self.effects).clone()
    }

    /// The dead messages: each with its id, its reason and its attempts.
    pub(crate) fn dead(&self) -> Vec<(String, String, u32)> {
        let dead = locked(&self.dead);
        let told = dead.values();
        told.map(|message| (message.id.clone(), message.reason.clone(), message.attempts))
            .collect()
    }

    fn answers(&self) -> Result<(), StoreError> {
        if *locked(&self.inbox_is_down) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        Ok(())
    }
}

fn lamps() -> Loaded {
    let sku = || Sku::new("LAMP").expect("a SKU");
    Loaded {
        products: vec![ProductRecord {
            version: 1,
            batches_created: 1,
            ..ProductRecord::new(sku())
        }],
        batches: vec![BatchRecord::new(
            Reference::new("b").expect("a reference"),
            sku(),
            1,
            Quantity::new(1_000_000).expect("a quantity"),
            None,
        )],
        ..Loaded::default()
    }
}

#[async_trait]
impl Store for Shop {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.transactions.fetch_add(1, Ordering::SeqCst);
        let takes = *locked(&self.takes);
        if !takes.is_zero() {
            pause(takes).await;
        }
        self.step().await;
        match locked(&self.faults).pop_front() {
            Some(Fault::Unavailable) => return Err(StoreError::Unavailable("unplugged".to_owned())),
            Some(Fault::Corrupt) => return Err(StoreError::Corrupt("a torn page".to_owned())),
            None => {}
        }
        let decided = {
            let mut inbox = locked(&self.inbox);
            let known = scope.messages.iter().filter_map(|id| inbox.get_key_value(id));
            let processed = known.map(|(id, ended)| (id.clone(), ended.clone())).collect();
            let decided = decide(Loaded { processed, ..lamps() })?;
            for record in &decided.changes.inbox {
                let before = inbox.insert(record.id.clone(), record.ended.clone());
                assert!(before.is_none(), "{} is processed twice", record.id);
                if record.ended == Processed::Done {
                    locked(&self.dead).retain(|_, dead| dead.message_id() != Ok(Some(record.id.clone())));
                }
            }
            let orders = decided.answers.iter().filter_map(|answer| match answer {
                Ok(Outcome::LinePlaced { line, .. }) => Some(line.key.order.to_string()),
                _ => None,
            });
            locked(&self.effects).extend(orders);
            let events = decided.changes.events.iter();
            locked(&self.correlation_ids).extend(events.map(|event| event.correlation_id.to_string()));
            decided
        };
        self.step().await;
        Ok(decided)
    }
}

#[async_trait]
impl Inbox for Shop {
    async fn processed(&self, messages: &[MessageId]) -> Result<HashMap<MessageId, Processed>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.step().await;
        self.answers()?;
        let inbox = locked(&self.inbox);
        let known = messages.iter().filter_map(|id| inbox.get_key_value(id));
        Ok(known.map(|(id, ended)| (id.clone(), ended.clone())).collect())
    }

    async fn forget(&self, _: Timestamp, _: u64) -> Result<MessagesForgotten, StoreError> {
        unreachable!("consumers forget nothing")
    }

    async fn bury(&self, source: &SourceName, messages: &[DeadMessage]) -> Result<bool, StoreError> {
        self.step().await;
        self.answers()?;
        if *locked(&self.is_full) {
            return Ok(false);
        }
        {
            let mut dead = locked(&self.dead);
            for message in messages {
                assert_eq!(message.source, *source);
                let is_there = |other: &DeadMessage| !message.id.is_empty() && other.id == message.id;
                if !dead.values().any(is_there) {
                    let number = dead.last_key_value().map_or(0, |(last, _)| *last) + 1;
                    dead.insert(
                        number,
                        DeadMessage {
                            number,
                            ..message.clone()
                        },
                    );
                }
            }
            assert!(dead.len() as u64 <= MAX_DEAD_MESSAGES);
        }
        self.step().await;
        Ok(true)
    }

    async fn sources(&self) -> Result<Vec<SourceStatus>, StoreError> {
        unreachable!("consumers list no sources")
    }

    async fn dead_messages(&self, _: &SourceName, _: u64, _: usize) -> Result<Vec<DeadMessage>, StoreError> {
        unreachable!("consumers list no dead messages")
    }

    async fn decide_on_dead_messages(
        &self,
        _: &SourceName,
        _: Option<&[u64]>,
        after: u64,
        action: DeadMessageAction,
    ) -> Result<DeadMessagesDecided, StoreError> {
        let mut dead = locked(&self.dead);
        let numbers: Vec<u64> = dead
            .range(after + 1..)
            .map(|(number, _)| *number)
            .take(DEAD_MESSAGE_BATCH)
            .collect();
        let mut messages = 0;
        for number in &numbers {
            messages += match action {
                DeadMessageAction::Skip => u64::from(dead.remove(number).is_some()),
                DeadMessageAction::Replay => {
                    let message = dead.get_mut(number).expect("it is there");
                    message.replayed = true;
                    1
                }
            };
        }
        let next = numbers.last().copied().filter(|_| numbers.len() == DEAD_MESSAGE_BATCH);
        Ok(DeadMessagesDecided { messages, next })
    }

    async fn replays(&self, _: &SourceName, limit: usize) -> Result<Vec<DeadMessage>, StoreError> {
        let dead = locked(&self.dead);
        let replayed = dead.values().filter(|message| message.replayed);
        Ok(replayed.take(limit).cloned().collect())
    }

    async fn replay_ended(&self, ended: &DeadMessage, reason: Option<&str>) -> Result<(), StoreError> {
        self.step().await;
        let mut dead = locked(&self.dead);
        let Some(message) = dead.get_mut(&ended.number) else {
            return Ok(());
        };
        if message.attempts != ended.attempts {
            return Ok(());
        }
        match reason {
            None => {
                dead.remove(&ended.number);
            }
            Some(reason) => {
                reason.clone_into(&mut message.reason);
                message.attempts += 1;
                message.replayed = false;
            }
        }
        Ok(())
    }
}
