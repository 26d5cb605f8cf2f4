//! A sink that follows a script.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Books, DeliveryLimits, EventMessage, LastPublished, LogPosition, PublishError, Publisher, RetryPolicy,
};

use super::time::pause;

/// What a sink does with a delivery.
pub(crate) enum Answer {
    Takes,
    Fails(PublishError),
    /// Takes so many of the events and then breaks.
    Breaks(usize),
    /// Takes them after so long.
    TakesAfter(Duration),
    Hangs,
}

type Script = Box<dyn FnMut(&[Arc<EventMessage>]) -> Answer + Send>;

/// A sink that keeps what it takes.
pub(crate) struct Sink {
    pub(crate) taken: Mutex<Vec<String>>,
    /// The deliveries, as they were sent.
    pub(crate) sent: Mutex<Vec<Vec<u64>>>,
    pub(crate) last: Mutex<Option<LastPublished>>,
    script: Mutex<Script>,
    limits: DeliveryLimits,
    repeats: bool,
    pub(crate) give_up_after: Option<Duration>,
    /// Whether its last event was asked for, and nothing has failed since.
    is_asked: AtomicBool,
}

impl Sink {
    pub(crate) fn new(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Arc<Self> {
        Arc::new(Self::of(script))
    }

    fn of(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Self {
        Self {
            taken: Mutex::default(),
            sent: Mutex::default(),
            last: Mutex::new(Some(LastPublished::Nothing)),
            script: Mutex::new(Box::new(script)),
            limits: DeliveryLimits {
                events: 10,
                bytes: 1 << 20,
            },
            repeats: false,
            give_up_after: Some(Duration::from_secs(24 * 60 * 60)),
            is_asked: AtomicBool::new(false),
        }
    }

    /// A sink that takes everything.
    pub(crate) fn open() -> Arc<Self> {
        Self::new(|_| Answer::Takes)
    }

    /// A sink that can't tell its last event, and knows repeats by the delivery.
    pub(crate) fn of_deliveries(script: impl FnMut(&[Arc<EventMessage>]) -> Answer + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            repeats: true,
            last: Mutex::new(Some(LastPublished::Unknown)),
            ..Self::of(script)
        })
    }

    fn take(&self, events: &[Arc<EventMessage>]) {
        for event in events {
            self.taken.lock().expect("no panic").push(event.id.position.to_string());
            let mut last = self.last.lock().expect("no panic");
            if *last != Some(LastPublished::Unknown) {
                *last = Some(LastPublished::Event(event.id.position));
            }
        }
    }

    /// The places of the events that were taken, in their order.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panic").clone()
    }

    /// Loses all but the first events.
    pub(crate) fn forget_after(&self, kept: usize) {
        let mut taken = self.taken.lock().expect("no panic");
        taken.truncate(kept);
        let last = taken
            .last()
            .map(|last| LastPublished::Event(last.parse().expect("a place")));
        *self.last.lock().expect("no panic") = Some(last.unwrap_or(LastPublished::Nothing));
    }
}

#[async_trait]
impl Publisher for Sink {
    fn limits(&self) -> DeliveryLimits {
        self.limits
    }

    fn repeats_deliveries(&self) -> bool {
        self.repeats
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            give_up_after: self.give_up_after,
            ..RetryPolicy::BROKER
        }
    }

    async fn last_published(&self, _: &Books) -> Result<LastPublished, PublishError> {
        let last = *self.last.lock().expect("no panic");
        self.is_asked.store(last.is_some(), Ordering::Relaxed);
        last.ok_or_else(|| unavailable("it is away"))
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        let sequences = events.iter().map(|event| event.event.sequence).collect();
        self.sent.lock().expect("no panic").push(sequences);
        let can_tell = *self.last.lock().expect("no panic") != Some(LastPublished::Unknown);
        assert!(
            self.is_asked.swap(!can_tell, Ordering::Relaxed),
            "the last event is asked for first, and again after what has failed"
        );
        let answer = (self.script.lock().expect("no panic"))(events);
        match answer {
            Answer::Takes => {
                self.take(events);
                self.is_asked.store(true, Ordering::Relaxed);
                Ok(())
            }
            Answer::Fails(error) => {
                if let PublishError::Refused { index, .. } = &error {
                    self.take(&events[..*index]);
                }
                Err(error)
            }
            Answer::Breaks(after) => {
                self.take(&events[..after.min(events.len())]);
                Err(unavailable("the connection is lost"))
            }
            Answer::TakesAfter(time) => {
                pause(time).await;
                self.take(events);
                self.is_asked.store(true, Ordering::Relaxed);
                Ok(())
            }
            Answer::Hangs => std::future::pending().await,
        }
    }

    async fn replay(&self, event: &Arc<EventMessage>, place: LogPosition) -> Result<(), PublishError> {
        let before = *self.last.lock().expect("no panic");
        let replayed = self.publish(std::slice::from_ref(event)).await;
        let after = match before {
            Some(LastPublished::Event(last)) if replayed.is_ok() => Some(LastPublished::Event(last.max(place))),
            Some(LastPublished::Emptied | LastPublished::Nothing) if replayed.is_ok() => {
                Some(LastPublished::Event(place))
            }
            before => before,
        };
        *self.last.lock().expect("no panic") = after;
        replayed
    }
}

pub(crate) fn unavailable(reason: &str) -> PublishError {
    PublishError::Unavailable {
        reason: reason.to_owned(),
        retry_after: None,
    }
}
