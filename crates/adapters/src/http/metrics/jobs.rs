//! The figures of background jobs.

use earmark_application::JobMeter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::registry::MetricRegistry;

/// What is said of the label.
const JOB: (&str, &str) = (
    "job_name",
    "`continue` (changes that are carried out in steps), `holds` (holds that expire), `day` (what a day changes), \
     `idempotency_keys`, `messages` (what is forgotten)",
);

/// Not `job`: Prometheus sets that to the name of the scrape.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job_name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    job_name: &'static str,
    result: &'static str,
}

/// The series of background jobs. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct JobMetrics {
    passes: Family<PassLabels, Counter>,
    set_aside: Family<JobLabels, Gauge>,
}

impl JobMetrics {
    /// The series, registered.
    pub(super) fn register(registry: &mut MetricRegistry) -> Self {
        let metrics = Self::default();
        registry.counts(
            "background_passes",
            "Passes of background jobs, with or without anything to do",
            &[JOB, ("result", "`ok`, or `failed`: the store did not answer")],
            metrics.passes.clone(),
        );
        registry.counts(
            "background_products_set_aside",
            "Products that a background job has failed on; each is tried again within a minute",
            &[JOB],
            metrics.set_aside.clone(),
        );
        metrics
    }

    fn passes(&self, job_name: &'static str, has_failed: bool) -> Counter {
        let result = if has_failed { "failed" } else { "ok" };
        self.passes.get_or_create_owned(&PassLabels { job_name, result })
    }
}

impl JobMeter for JobMetrics {
    fn begins(&self, job: &'static str) {
        // A series that is missing can't be told from one that does not rise.
        for has_failed in [false, true] {
            drop(self.passes(job, has_failed));
        }
    }

    fn passed(&self, job: &'static str, has_failed: bool) {
        self.passes(job, has_failed).inc();
    }

    fn set_aside(&self, job: &'static str, products: usize) {
        let products = i64::try_from(products).unwrap_or(i64::MAX);
        self.set_aside.get_or_create(&JobLabels { job_name: job }).set(products);
    }
}
