//! The registry of metrics, which keeps what each metric is: its meaning, its labels, its unit.
//!
//! Every metric is registered here and nowhere else, so none is exported without a description. The descriptions are the
//! page `docs/guide/metrics.md`.

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Metric, Registry, Unit};

/// Before the name of each metric.
const PREFIX: &str = "earmark";

/// Labels, each with its meaning.
pub(super) type Labels = &'static [(&'static str, &'static str)];

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricDescription {
    /// Its name, with the prefix and the unit, without what its type puts behind it.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The unit of its values; `None`: they are counts.
    pub unit: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
    /// Its labels, each with its meaning. A histogram has `le` besides.
    pub labels: &'static [(&'static str, &'static str)],
}

impl MetricDescription {
    /// The names of its series, as they are queried.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

/// Metrics that are registered.
#[derive(Debug)]
pub(super) struct MetricRegistry {
    registry: Registry,
    descriptions: Vec<MetricDescription>,
}

impl MetricRegistry {
    pub(super) fn new() -> Self {
        Self {
            registry: Registry::with_prefix(PREFIX),
            descriptions: Vec::new(),
        }
    }

    /// Registers a metric that counts something.
    pub(super) fn counts(&mut self, name: &'static str, meaning: &'static str, labels: Labels, metric: impl Metric) {
        self.describe(name, None, meaning, labels, &metric);
        self.registry.register(name, meaning, metric);
    }

    /// Registers a metric in seconds. The unit is put behind its name.
    pub(super) fn seconds(&mut self, name: &'static str, meaning: &'static str, labels: Labels, metric: impl Metric) {
        let unit = Unit::Seconds;
        self.describe(&format!("{name}_seconds"), Some("seconds"), meaning, labels, &metric);
        self.registry.register_with_unit(name, meaning, unit, metric);
    }

    fn describe(
        &mut self,
        name: &str,
        unit: Option<&'static str>,
        meaning: &'static str,
        labels: Labels,
        metric: &impl Metric,
    ) {
        self.descriptions.push(MetricDescription {
            name: format!("{PREFIX}_{name}"),
            kind: match metric.metric_type() {
                MetricType::Counter => "counter",
                MetricType::Gauge => "gauge",
                MetricType::Histogram => "histogram",
                MetricType::Info => "info",
                MetricType::Unknown => "unknown",
            },
            unit,
            meaning,
            labels,
        });
    }

    pub(super) fn descriptions(&self) -> &[MetricDescription] {
        &self.descriptions
    }

    /// The metrics as OpenMetrics text.
    ///
    /// # Errors
    /// When a metric can't be written.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
