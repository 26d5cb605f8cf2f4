//! The figures of deliveries, by subscription.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use earmark_application::{DeliveryMeter, SubscriptionName};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registry::{Labels, MetricRegistry};

/// What is said of the labels. Only the instance that holds the lease of a subscription has the gauges.
const LABELS: Labels = &[(
    "subscription",
    "the name of the subscription, as `earmark events list` shows it; `mail`: the digests for the buyers",
)];

/// The names of subscriptions are few: those of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SubscriptionLabels {
    subscription: String,
}

impl SubscriptionLabels {
    fn of(name: &SubscriptionName) -> Self {
        Self {
            subscription: name.as_str().to_owned(),
        }
    }
}

/// The series of deliveries. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DeliveryMetrics {
    delivered: Family<SubscriptionLabels, Counter>,
    retries: Family<SubscriptionLabels, Counter>,
    put_aside: Family<SubscriptionLabels, Gauge>,
    failing: Family<SubscriptionLabels, Gauge>,
    disabled: Family<SubscriptionLabels, Gauge>,
    lag_events: Family<SubscriptionLabels, Gauge>,
    lag: Family<SubscriptionLabels, Gauge<f64, AtomicU64>>,
}

impl DeliveryMetrics {
    /// The series, registered.
    pub(super) fn register(registry: &mut MetricRegistry) -> Self {
        let metrics = Self::default();
        registry.counts(
            "events_delivered",
            "Events delivered",
            LABELS,
            metrics.delivered.clone(),
        );
        registry.counts(
            "delivery_retries",
            "Deliveries that failed and are tried again",
            LABELS,
            metrics.retries.clone(),
        );
        registry.counts(
            "events_put_aside",
            "Events that a subscriber has not taken, and those that wait behind them",
            LABELS,
            metrics.put_aside.clone(),
        );
        registry.counts(
            "subscription_failing",
            "1 if the last delivery failed; it is tried again",
            LABELS,
            metrics.failing.clone(),
        );
        registry.counts(
            "subscription_disabled",
            "1 if the subscription is disabled: nothing is delivered until somebody enables it",
            LABELS,
            metrics.disabled.clone(),
        );
        registry.counts(
            "delivery_lag_events",
            "Events that are still to be delivered",
            LABELS,
            metrics.lag_events.clone(),
        );
        registry.seconds(
            "delivery_lag",
            "How long the first event that is still to be delivered has waited",
            LABELS,
            metrics.lag.clone(),
        );
        metrics
    }
}

impl DeliveryMeter for DeliveryMetrics {
    fn delivered(&self, subscription: &SubscriptionName, events: u64) {
        let labels = SubscriptionLabels::of(subscription);
        self.delivered.get_or_create(&labels).inc_by(events);
    }

    fn retried(&self, subscription: &SubscriptionName) {
        let labels = SubscriptionLabels::of(subscription);
        self.retries.get_or_create(&labels).inc();
    }

    fn put_aside(&self, subscription: &SubscriptionName, events: u64) {
        let labels = SubscriptionLabels::of(subscription);
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        self.put_aside.get_or_create(&labels).set(events);
    }

    fn lags(&self, subscription: &SubscriptionName, events: u64, oldest: Duration) {
        let labels = SubscriptionLabels::of(subscription);
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        self.lag_events.get_or_create(&labels).set(events);
        self.lag.get_or_create(&labels).set(oldest.as_secs_f64());
    }

    fn stands(&self, subscription: &SubscriptionName, is_failing: bool, is_disabled: bool) {
        let labels = SubscriptionLabels::of(subscription);
        self.failing.get_or_create(&labels).set(i64::from(is_failing));
        self.disabled.get_or_create(&labels).set(i64::from(is_disabled));
    }

    fn ended(&self, subscription: &SubscriptionName) {
        let labels = SubscriptionLabels::of(subscription);
        self.put_aside.remove(&labels);
        self.failing.remove(&labels);
        self.disabled.remove(&labels);
        self.lag_events.remove(&labels);
        self.lag.remove(&labels);
    }
}
