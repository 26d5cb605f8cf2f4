//! Publishers: the sinks of the settings, each behind the port that relays deliver to.

use std::fmt::Display;
use std::sync::Arc;

use earmark_adapters::event_log::EventLog;
use earmark_adapters::nats::{NatsAddress, NatsPublisher};
use earmark_adapters::redis::{RedisAddress, RedisPublisher};
use earmark_adapters::webhook::{AllowedHosts, SystemResolver, WebhookError, WebhookSettings, Webhooks};
use earmark_application::{AfterRefusal, Clock, Publisher, SubscriptionName};

use crate::failure::Failure;
use crate::settings::{EventSettings, Secret, SinkKind, SinkUrl};

/// The name of the subscription of the log.
const LOG: &str = "log";

/// Who is told of events.
pub(crate) struct Subscribers {
    /// Each with the name of its subscription.
    pub(crate) list: Vec<(SubscriptionName, Arc<dyn Publisher>)>,
    /// Whether the events of a product wait behind one that was not taken.
    pub(crate) after_refusal: AfterRefusal,
}

impl Subscribers {
    /// The subscribers of the settings. None of them is connected to yet.
    ///
    /// # Errors
    /// When a URL is none of its kind, or two name the same sink.
    pub(crate) fn of(settings: &EventSettings, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let webhooks = webhooks(settings, clock)?;
        let mut list: Vec<(SubscriptionName, Arc<dyn Publisher>)> = Vec::new();
        for sink in &settings.sinks {
            let (name, publisher) = subscriber(sink, &webhooks, &settings.webhook_secrets, clock)?;
            if list.iter().any(|(other, _)| *other == name) {
                return Err(wrong(format_args!("{name} is there twice")));
            }
            list.push((name, publisher));
        }
        Ok(Self {
            list,
            after_refusal: settings.after_refusal,
        })
    }
}

impl Subscribers {
    /// Whether one of them has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(other, _)| other.as_str() == name)
    }
}

fn webhooks(settings: &EventSettings, clock: &Arc<dyn Clock>) -> Result<Webhooks, Failure> {
    let networks = settings.webhook_networks.iter().map(String::as_str);
    let allowed = AllowedHosts::parse(networks)
        .map_err(|error| Failure::Usage(format!("the setting events.webhook_networks is wrong: {error}")))?;
    let shared = WebhookSettings {
        allowed,
        authorities: None,
        under_way: settings.webhook_parallel,
    };
    let resolver = Arc::new(SystemResolver::new(Arc::clone(clock)));
    Ok(Webhooks::new(Arc::clone(clock), resolver, shared))
}

fn subscriber(
    sink: &SinkUrl,
    webhooks: &Webhooks,
    secrets: &[Secret],
    clock: &Arc<dyn Clock>,
) -> Result<(SubscriptionName, Arc<dyn Publisher>), Failure> {
    let url = sink.url.expose();
    Ok(match sink.kind {
        SinkKind::Nats => {
            let address: NatsAddress = url.parse().map_err(wrong)?;
            let name = SubscriptionName::new(&address.to_string());
            (name, Arc::new(NatsPublisher::new(address, Arc::clone(clock))))
        }
        SinkKind::Redis => {
            let address: RedisAddress = url.parse().map_err(wrong)?;
            let name = SubscriptionName::new(&address.to_string());
            (name, Arc::new(RedisPublisher::new(address, Arc::clone(clock))))
        }
        SinkKind::Webhook => {
            let secrets: Vec<&str> = secrets.iter().map(Secret::expose).collect();
            let webhook = webhooks.publisher(url, &secrets).map_err(wrong_webhook)?;
            (webhook.name().clone(), Arc::new(webhook))
        }
        SinkKind::Log => (SubscriptionName::new(LOG), Arc::new(EventLog)),
    })
}

fn wrong(why: impl Display) -> Failure {
    Failure::Usage(format!("the setting events.urls is wrong: {why}"))
}

fn wrong_webhook(error: WebhookError) -> Failure {
    match error {
        WebhookError::Secret(why) => Failure::Usage(format!(
            "webhooks are signed, so the setting events.webhook_secrets needs a secret (whsec_…): {why}"
        )),
        WebhookError::Address(refused) => wrong(format_args!(
            "{refused}; the setting for those is events.webhook_networks"
        )),
        other => wrong(other),
    }
}
