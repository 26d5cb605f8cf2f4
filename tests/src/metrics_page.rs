//! The page of metrics, made from what the code says of each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use earmark_adapters::http::MetricDescription;

const INTRODUCTION: &str = "\
# Metrics

What `/metrics` has, for Prometheus and whatever else reads OpenMetrics text. This page is made from the code
(`cargo xtask metrics`), and a test holds the two together: what is not here is not exported.

Names, types, units and labels stay within a version. A metric that goes is announced in the changelog a release before.
Values of labels are few: they come from the code and from the settings, never from what clients send.

- Every instance has metrics of its own, since its start. Sum counters over instances; take the maximum of what is said
  about a subscription: only the instance that delivers for it says it.
- A series appears with its first value. `earmark_background_passes_total`, `earmark_messages_dead_total` and the gauges of
  subscriptions and sources are there from the start.
- A counter is queried by its name here (with `_total`); a histogram has `_bucket`, `_sum` and `_count` behind its name, and
  the label `le`.

A [dashboard](../../examples/operations/grafana/earmark.json) shows all of them, and
[alerts](../../examples/operations/prometheus/alerts.yml) say when somebody has to look; what to do then is in the
[runbooks](../runbooks.md).
";

/// Where the page is.
#[must_use]
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/metrics.md")
}

/// The page.
///
/// # Panics
/// Never: text can be written.
#[must_use]
pub fn page(metrics: &[MetricDescription]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| metric | type | meaning | labels |\n| --- | --- | --- | --- |\n");
    for metric in metrics {
        let labels: Vec<String> = metric.labels.iter().map(|(label, _)| format!("`{label}`")).collect();
        let name = match metric.kind {
            "counter" => &metric.series()[0],
            _ => &metric.name,
        };
        let unit = metric.unit.map(|unit| format!(", {unit}")).unwrap_or_default();
        writeln!(
            page,
            "| `{name}` | {}{unit} | {} | {} |",
            metric.kind,
            metric.meaning,
            labels.join(", ")
        )
        .expect("text can be written");
    }
    page.push_str("\n## Labels\n\n| label | meaning |\n| --- | --- |\n");
    let mut told: Vec<(&str, &str)> = Vec::new();
    for label in metrics.iter().flat_map(|metric| metric.labels) {
        if !told.contains(label) {
            told.push(*label);
            writeln!(page, "| `{}` | {} |", label.0, label.1).expect("text can be written");
        }
    }
    page
}
