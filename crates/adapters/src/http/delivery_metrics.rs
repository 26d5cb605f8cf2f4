//! The figures of deliveries, by subscription.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use earmark_application::{DeliveryMeter, SubscriptionName};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

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
    lag_events: Family<SubscriptionLabels, Gauge>,
    lag: Family<SubscriptionLabels, Gauge<f64, AtomicU64>>,
}

impl DeliveryMetrics {
    /// The series, registered.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "events_delivered",
            "Events delivered, by subscription",
            metrics.delivered.clone(),
        );
        registry.register(
            "delivery_retries",
            "Deliveries that failed and are tried again, by subscription",
            metrics.retries.clone(),
        );
        registry.register(
            "events_put_aside",
            "Events that a subscriber has not taken, and those that wait behind them",
            metrics.put_aside.clone(),
        );
        registry.register(
            "delivery_lag_events",
            "Events that are still to be delivered, by subscription",
            metrics.lag_events.clone(),
        );
        registry.register_with_unit(
            "delivery_lag",
            "How long the first event that is still to be delivered has waited, by subscription",
            Unit::Seconds,
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
    fn ended(&self, subscription: &SubscriptionName) {
        let labels = SubscriptionLabels::of(subscription);
        self.put_aside.remove(&labels);
        self.lag_events.remove(&labels);
        self.lag.remove(&labels);
    }
}
