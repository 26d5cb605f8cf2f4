//! The figures of consumers, by source.

use earmark_application::{ConsumerMeter, SourceName};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registry::{Labels, MetricRegistry};

/// What is said of the labels.
const LABELS: Labels = &[(
    "source",
    "the name of the source, as `earmark commands list` shows it: the kind of its broker and its stream",
)];

/// The names of sources are few: those of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

impl SourceLabels {
    fn of(name: &SourceName) -> Self {
        Self {
            source: name.as_str().to_owned(),
        }
    }
}

/// A series by source.
type Series = Family<SourceLabels, Counter>;

/// The series of consumers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ConsumerMetrics {
    received: Series,
    done: Series,
    dead: Series,
    repeated: Series,
    retries: Series,
    stopped: Family<SourceLabels, Gauge>,
}

impl ConsumerMetrics {
    /// The series, registered.
    pub(super) fn register(registry: &mut MetricRegistry) -> Self {
        let metrics = Self::default();
        for (name, meaning, series) in [
            ("messages_received", "Messages delivered by a source", &metrics.received),
            (
                "messages_done",
                "Messages whose commands were carried out",
                &metrics.done,
            ),
            (
                "messages_dead",
                "Messages that were put aside: they can't be read, or are refused",
                &metrics.dead,
            ),
            (
                "messages_repeated",
                "Messages that had been processed before",
                &metrics.repeated,
            ),
            (
                "message_retries",
                "Messages without an answer that were tried again",
                &metrics.retries,
            ),
        ] {
            registry.counts(name, meaning, LABELS, series.clone());
        }
        registry.counts(
            "source_stopped",
            "1 if no messages are taken: the source fails, or as many of its messages are dead as may be",
            LABELS,
            metrics.stopped.clone(),
        );
        metrics
    }
}

fn count(series: &Series, source: &SourceName, messages: u64) {
    series.get_or_create(&SourceLabels::of(source)).inc_by(messages);
}

impl ConsumerMeter for ConsumerMetrics {
    fn received(&self, source: &SourceName, messages: u64) {
        count(&self.received, source, messages);
    }

    fn done(&self, source: &SourceName, messages: u64) {
        count(&self.done, source, messages);
    }

    fn died(&self, source: &SourceName, messages: u64) {
        count(&self.dead, source, messages);
    }

    fn repeated(&self, source: &SourceName, messages: u64) {
        count(&self.repeated, source, messages);
    }

    fn retried(&self, source: &SourceName, messages: u64) {
        count(&self.retries, source, messages);
    }

    fn stopped(&self, source: &SourceName, is_stopped: bool) {
        let labels = SourceLabels::of(source);
        // The first one counts, too: a series has to be there to rise.
        drop(self.dead.get_or_create_owned(&labels));
        self.stopped.get_or_create(&labels).set(i64::from(is_stopped));
    }
}
