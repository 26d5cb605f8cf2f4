//! The stream: made if it is missing, and otherwise taken as it is if events fit into it.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Info, RetentionPolicy, StorageType, Stream};
use earmark_application::PublishError;

use super::address::NatsAddress;
use super::answers::of_opening;
use super::subject::{EVENTS, PREFIX};

/// Finds the stream, or makes it.
///
/// # Errors
/// [`PublishError::Unfit`]: it exists, and events do not fit into it. [`PublishError::Unavailable`].
pub(super) async fn open(context: &Context, address: &NatsAddress) -> Result<Stream<Info>, PublishError> {
    let stream = context.get_or_create_stream(new_stream(address)).await;
    let stream = stream.map_err(|error| of_opening(&error))?;
    match misfit(&stream.cached_info().config) {
        Some(why) => Err(PublishError::Unfit(format!("the stream {} {why}", address.stream))),
        None => Ok(stream),
    }
}

/// A stream as it is made. What it keeps is unlimited: limits can be set on it at any time, and the place of the
/// subscription counts when they have emptied it.
fn new_stream(address: &NatsAddress) -> Config {
    Config {
        name: address.stream.clone(),
        description: Some("Events of Earmark, in the order of the log".to_owned()),
        subjects: vec![EVENTS.to_owned()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: address.replicas,
        // For consumers that look messages up: from any server of a cluster.
        allow_direct: true,
        ..Config::default()
    }
}

/// Why events do not fit into a stream, if they do not.
fn misfit(config: &Config) -> Option<String> {
    let shapes = [format!("{PREFIX}.*"), format!("{PREFIX}.*.*")];
    for shape in &shapes {
        if !config.subjects.iter().any(|pattern| covers(pattern, shape)) {
            return Some(format!("does not take the subjects {shape}"));
        }
    }
    if config.no_ack {
        return Some("acknowledges nothing (no_ack)".to_owned());
    }
    if config.mirror.is_some() || config.sources.as_ref().is_some_and(|sources| !sources.is_empty()) {
        return Some("is a copy of others".to_owned());
    }
    config.sealed.then(|| "is sealed".to_owned())
}

/// Whether a pattern takes all the subjects that another takes, which has no `>`.
pub(super) fn covers(pattern: &str, subjects: &str) -> bool {
    let mut tokens = subjects.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::stream::Source;

    use super::*;

    fn with(subjects: &[&str]) -> Config {
        Config {
            subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
            ..new_stream(&"nats://host/S".parse().expect("a sound address"))
        }
    }

    #[test]
    fn a_stream_fits_if_it_takes_every_subject() {
        for fitting in [
            &["earmark.>"][..],
            &[">"],
            &["*.>"],
            &["other", "earmark.*", "earmark.*.*"],
            &["earmark.*", "*.*.>"],
        ] {
            assert_eq!(misfit(&with(fitting)), None, "{fitting:?}");
        }
        for unfit in [
            &[][..],
            &["earmark"],
            &["earmark.*"],
            &["earmark.*.*"],
            &["earmark.Allocated.*", "earmark.*"],
            &["earmark.*.>"],
            &["other.>"],
        ] {
            assert!(misfit(&with(unfit)).is_some(), "{unfit:?}");
        }
    }

    #[test]
    fn a_stream_that_nobody_can_publish_to_does_not_fit() {
        let fits = with(&["earmark.>"]);
        let sealed = Config {
            sealed: true,
            ..fits.clone()
        };
        let silent = Config {
            no_ack: true,
            ..fits.clone()
        };
        let mirror = Config {
            mirror: Some(Source::default()),
            ..fits.clone()
        };
        let merged = Config {
            sources: Some(vec![Source::default()]),
            ..fits
        };
        for config in [sealed, silent, mirror, merged] {
            assert!(misfit(&config).is_some(), "{config:?}");
        }
    }
}
