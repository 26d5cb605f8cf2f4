//! The figures of consumers, by source.

use earmark_application::{ConsumerMeter, SourceName};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The names of sources are few: those of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
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
}

impl ConsumerMetrics {
    /// The series, registered.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for (name, help, series) in [
            ("messages_received", "Messages delivered by a source", &metrics.received),
            (
                "messages_done",
                "Messages whose commands were carried out, by source",
                &metrics.done,
            ),
            (
                "messages_dead",
                "Messages that were put aside: they can't be read, or are refused, by source",
                &metrics.dead,
            ),
            (
                "messages_repeated",
                "Messages that had been processed before, by source",
                &metrics.repeated,
            ),
            (
                "message_retries",
                "Messages without an answer that were tried again, by source",
                &metrics.retries,
            ),
        ] {
            registry.register(name, help, series.clone());
        }
        metrics
    }
}

fn count(series: &Series, source: &SourceName, messages: u64) {
    let labels = SourceLabels {
        source: source.as_str().to_owned(),
    };
    series.get_or_create(&labels).inc_by(messages);
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
}
