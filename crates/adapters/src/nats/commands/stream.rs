//! The stream that commands come from, and the consumer: made if they are missing, and otherwise taken as they are if
//! commands can be taken from them.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::{
    Config, ConsumerError, ConsumerErrorKind, Info, RetentionPolicy, StorageType, Stream,
};
use earmark_application::INBOX_LIFETIME;

use super::super::answers::{of_jetstream, of_opening};
use super::super::subject::is_of_events;
use super::address::NatsCommandsAddress;
use crate::broker::incoming::ACK_WAITS;
use crate::broker::{BrokerError, unavailable};

/// How many messages of all instances together may be delivered and not acknowledged. An instance has a few thousand, so
/// several that stand still leave something for the others; and the server keeps a list of these in memory.
const MAX_ACK_PENDING: i64 = 20_000;

/// The stream and the consumer.
pub(super) struct Opened {
    /// The consumer, which all instances share.
    pub(super) consumer: PullConsumer,
    /// The subjects of the stream.
    pub(super) subjects: Vec<String>,
    /// The number in the stream of the last message that the consumer has delivered to anybody.
    pub(super) delivered: u64,
}

/// Finds the stream and the consumer, or makes them.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn open(context: &Context, address: &NatsCommandsAddress) -> Result<Opened, BrokerError> {
    let stream = context.get_or_create_stream(new_stream(address)).await;
    let stream: Stream<Info> = stream.map_err(|error| of_opening(&error))?;
    let config = &stream.cached_info().config;
    if let Some(why) = misfit_of_stream(config) {
        return Err(BrokerError::Unfit(format!("the stream {} {why}", address.stream)));
    }
    if keeps_too_long(config) {
        tracing::warn!(
            stream = address.stream,
            "the stream keeps what was acknowledged for longer than 30 days: should its consumer be deleted, older \
             messages would be taken for new ones (set max_age, or work-queue retention)"
        );
    }
    let subjects = config.subjects.clone();
    let consumer = stream.get_or_create_consumer(&address.durable, new_consumer(address));
    let consumer: PullConsumer = Box::pin(consumer).await.map_err(|error| of_consumer(&error))?;
    let info = consumer.cached_info();
    if let Some(why) = misfit_of_consumer(&info.config) {
        return Err(BrokerError::Unfit(format!("the consumer {} {why}", address.durable)));
    }
    Ok(Opened {
        delivered: info.delivered.stream_sequence,
        consumer,
        subjects,
    })
}

/// A stream as it is made: a work queue. What was done is gone, so the stream is as long as what is left to do, and no
/// message comes again when its id has been forgotten. Its subjects are the stream's name in small letters, alone and
/// with whatever the sender adds.
fn new_stream(address: &NatsCommandsAddress) -> Config {
    let name = address.stream.to_lowercase();
    Config {
        name: address.stream.clone(),
        description: Some("Commands for Earmark".to_owned()),
        subjects: vec![format!("{name}.>"), name],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        num_replicas: address.replicas,
        ..Config::default()
    }
}

/// A consumer as it is made. It delivers without end: what can't be carried out is put aside here, with the reason, and
/// acknowledged.
fn new_consumer(address: &NatsCommandsAddress) -> ConsumerConfig {
    ConsumerConfig {
        durable_name: Some(address.durable.clone()),
        description: Some("Earmark takes commands".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: address.ack_wait,
        max_deliver: -1,
        max_ack_pending: MAX_ACK_PENDING,
        ..ConsumerConfig::default()
    }
}

/// Why no commands can be taken from a stream, if they can't.
fn misfit_of_stream(config: &Config) -> Option<&'static str> {
    let takes_events = |pattern: &String| is_of_events(pattern) || pattern.starts_with(['*', '>']);
    config
        .subjects
        .iter()
        .any(takes_events)
        .then_some("takes the subjects earmark.>, which are events")
}

/// Whether a message may come again, if its consumer is deleted, when its id has been forgotten.
fn keeps_too_long(config: &Config) -> bool {
    config.retention == RetentionPolicy::Limits && (config.max_age.is_zero() || config.max_age > INBOX_LIFETIME)
}

/// Why no commands can be taken through a consumer, if they can't.
fn misfit_of_consumer(config: &async_nats::jetstream::consumer::Config) -> Option<String> {
    if config.ack_policy != AckPolicy::Explicit {
        return Some("does not want each message acknowledged (ack_policy explicit)".to_owned());
    }
    if config.max_deliver > 0 {
        let most = config.max_deliver;
        return Some(format!(
            "gives a message up after {most} deliveries: what is given up is decided here (max_deliver -1)"
        ));
    }
    if config.headers_only {
        return Some("delivers no bodies (headers_only)".to_owned());
    }
    let waits = config.backoff.iter().copied().chain([config.ack_wait]);
    let shortest = waits.filter(|wait| !wait.is_zero()).min().unwrap_or(Duration::MAX);
    let least = *ACK_WAITS.start();
    (shortest < Duration::from_secs(least)).then(|| {
        let is = shortest.as_secs_f64();
        format!("waits {is} seconds for an acknowledgement, and has to wait {least} at least (ack_wait, backoff)")
    })
}

/// The consumer was neither found nor made.
fn of_consumer(error: &ConsumerError) -> BrokerError {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => of_jetstream(&error),
        ConsumerErrorKind::InvalidConsumerType => {
            BrokerError::Unfit("the consumer is not one that messages are pulled from".to_owned())
        }
        _ => unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::consumer::IntoConsumerConfig;

    use super::*;

    fn address() -> NatsCommandsAddress {
        "nats://host/COMMANDS".parse().expect("a sound address")
    }

    #[test]
    fn a_stream_that_is_made_is_a_work_queue() {
        let config = new_stream(&address());
        assert_eq!(config.subjects, ["commands.>", "commands"]);
        assert_eq!(misfit_of_stream(&config), None);
        assert!(!keeps_too_long(&config));
    }

    #[test]
    fn commands_are_not_taken_from_a_stream_of_events() {
        for subjects in ["earmark.>", ">", "*.*", "earmark"] {
            let config = Config {
                subjects: vec!["commands".to_owned(), subjects.to_owned()],
                ..new_stream(&address())
            };
            assert!(misfit_of_stream(&config).is_some(), "{subjects}");
        }
    }

    #[test]
    fn a_stream_that_keeps_everything_is_told_of() {
        let keeps = |retention, days: u64| {
            keeps_too_long(&Config {
                retention,
                max_age: Duration::from_secs(days * 24 * 60 * 60),
                ..new_stream(&address())
            })
        };
        assert!(keeps(RetentionPolicy::Limits, 0) && keeps(RetentionPolicy::Limits, 31));
        assert!(!keeps(RetentionPolicy::Limits, 30) && !keeps(RetentionPolicy::Interest, 0));
    }

    #[test]
    fn a_consumer_is_used_if_nothing_is_lost_by_it() {
        let made = new_consumer(&address());
        let misfit = |config: ConsumerConfig| misfit_of_consumer(&config.into_consumer_config());
        assert_eq!(misfit(made.clone()), None);
        let other = ConsumerConfig {
            filter_subject: "commands.desk".to_owned(),
            max_ack_pending: 10,
            max_batch: 5,
            ..made.clone()
        };
        assert_eq!(misfit(other), None);
        let unfit = [
            ConsumerConfig {
                ack_policy: AckPolicy::All,
                ..made.clone()
            },
            ConsumerConfig {
                max_deliver: 5,
                ..made.clone()
            },
            ConsumerConfig {
                headers_only: true,
                ..made.clone()
            },
            ConsumerConfig {
                ack_wait: Duration::from_secs(5),
                ..made.clone()
            },
            ConsumerConfig {
                backoff: vec![Duration::from_secs(1), Duration::from_secs(60)],
                ..made
            },
        ];
        for config in unfit {
            assert!(misfit(config.clone()).is_some(), "{config:?}");
        }
    }
}
