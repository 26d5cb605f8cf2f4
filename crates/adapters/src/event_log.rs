//! The log as a sink for events: each is one record.

use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{Books, DeliveryLimits, EventMessage, LastPublished, LogPosition, PublishError, Publisher};

/// The target of the records, by which a filter of the log lets them pass or not.
pub const TARGET: &str = "earmark::events";

/// Records are written one by one and waited for by nobody: this bounds only what a stop in between repeats.
const LIMITS: DeliveryLimits = DeliveryLimits {
    events: 1_000,
    bytes: 1 << 20,
};

/// Writes each event to the log: a record at the level `info` with the target [`TARGET`] and two fields, the event's `id`
/// and the `event`, as readers outside get it.
///
/// A log whose filter drops these records takes them without keeping them.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventLog;

#[async_trait]
impl Publisher for EventLog {
    fn limits(&self) -> DeliveryLimits {
        LIMITS
    }

    async fn last_published(&self, _: &Books) -> Result<LastPublished, PublishError> {
        // What was written is not read back.
        Ok(LastPublished::Unknown)
    }

    async fn publish(&self, events: &[Arc<EventMessage>]) -> Result<(), PublishError> {
        for event in events {
            write(event);
        }
        Ok(())
    }

    async fn replay(&self, event: &Arc<EventMessage>, _: LogPosition) -> Result<(), PublishError> {
        write(event);
        Ok(())
    }
}

fn write(message: &EventMessage) {
    tracing::info!(target: TARGET, id = %message.id, event = message.body, "{}", message.event.event_type);
}
