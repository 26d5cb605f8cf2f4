//! The page of metrics, and what a service exports. `cargo xtask metrics` renews the page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use std::env;
use std::fs;

use earmark_adapters::http::Metrics;
use earmark_application::{ConsumerMeter, DeliveryMeter, JobMeter, Meter, SourceName, SubscriptionName};
use earmark_tests::metrics_page::{page, path};
use earmark_tests::service::Service;
use serde_json::json;

/// Set by `cargo xtask metrics`: the page is written.
const RENEW: &str = "EARMARK_RENEW_METRICS";

/// What of a metric can be seen: its type, its unit and its labels.
type Seen = (String, Option<String>, BTreeSet<String>);

/// The metrics of a text that was exported.
fn exported(text: &str) -> BTreeMap<String, Seen> {
    let mut metrics: BTreeMap<String, Seen> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "TYPE", name, kind] => {
                name.clone_into(&mut current);
                metrics.insert(current.clone(), (kind.to_owned(), None, BTreeSet::new()));
            }
            ["#", "UNIT", name, unit] => metrics.get_mut(name).expect("a type").1 = Some(unit.to_owned()),
            ["#", ..] => {}
            _ => {
                assert!(line.starts_with(&current), "{line} has no type");
                let metric = metrics.get_mut(&current).expect("a type");
                metric.2.extend(labels_of(line));
            }
        }
    }
    metrics
}

/// The names of the labels of a series, but for the bounds of histograms.
fn labels_of(line: &str) -> Vec<String> {
    let Some((_, labels)) = line.split_once('{') else {
        return Vec::new();
    };
    // A value ends at a quote, and has none: none of ours.
    let parts: Vec<&str> = labels.split('"').collect();
    let names = parts.iter().step_by(2).filter_map(|part| part.strip_suffix('='));
    let names = names.map(|name| name.trim_start_matches(','));
    names.filter(|name| *name != "le").map(str::to_owned).collect()
}

/// Metrics whose every series has a value that the ports can give it.
fn told_everything() -> Metrics {
    let metrics = Metrics::new();
    metrics.answered("allocate", "ok", 1);
    metrics.stored(1, 1, Duration::ZERO);
    metrics.conflicted();
    let (deliveries, subscription) = (metrics.deliveries(), SubscriptionName::new("log"));
    deliveries.delivered(&subscription, 1);
    deliveries.retried(&subscription);
    deliveries.put_aside(&subscription, 1);
    deliveries.lags(&subscription, 1, Duration::ZERO);
    deliveries.stands(&subscription, true, true);
    let (consumers, source) = (metrics.consumers(), SourceName::new("nats/ORDERS"));
    consumers.received(&source, 1);
    consumers.done(&source, 1);
    consumers.died(&source, 1);
    consumers.repeated(&source, 1);
    consumers.retried(&source, 1);
    consumers.stopped(&source, true);
    let jobs = metrics.jobs();
    jobs.begins("holds");
    jobs.passed("holds", true);
    jobs.set_aside("holds", 1);
    metrics
}

#[tokio::test]
async fn what_is_described_is_exported_and_nothing_else_is() {
    let service = Service::start("memory:").await;
    let client = service.client();
    client.get("/v1/products/NONE").await;
    client
        .post("/v1/batches", &json!({"reference": "b", "sku": "LAMP", "quantity": 1}))
        .await;
    let running = exported(client.get("/metrics").await.text());
    let metrics = told_everything();
    let mut all = exported(&metrics.text());
    for (name, seen) in running {
        let known = all.entry(name).or_insert_with(|| seen.clone());
        known.2.extend(seen.2);
    }
    let described: BTreeMap<String, Seen> = metrics
        .descriptions()
        .iter()
        .map(|metric| {
            let labels = metric.labels.iter().map(|(label, _)| (*label).to_owned()).collect();
            let seen = (metric.kind.to_owned(), metric.unit.map(str::to_owned), labels);
            (metric.name.clone(), seen)
        })
        .collect();
    // A series appears with its first value, so what has none here is not driven.
    assert_eq!(all, described);
}

#[tokio::test]
async fn a_fresh_service_says_that_it_is_ready_that_its_queue_is_empty_and_that_its_jobs_pass() {
    let service = Service::start("memory:").await;
    let client = service.client();
    earmark_tests::service::until("every job has passed", async || {
        let reply = client.get("/metrics").await;
        let text = reply.text();
        let jobs = ["continue", "holds", "day", "idempotency_keys", "messages"];
        let passed = |job: &&str| {
            let failed = format!("earmark_background_passes_total{{job_name=\"{job}\",result=\"failed\"}} 0\n");
            let never = format!("earmark_background_passes_total{{job_name=\"{job}\",result=\"ok\"}} 0\n");
            text.contains(&failed) && !text.contains(&never)
        };
        let is_whole = [
            "earmark_ready 1\n",
            "earmark_queued_commands{lane=\"0\"} 0\n",
            "earmark_queue_places{lane=\"0\"} 1024\n",
            "earmark_background_products_set_aside{job_name=\"holds\"} 0\n",
            "earmark_subscription_disabled{subscription=\"mail\"} 0\n",
            "earmark_subscription_failing{subscription=\"mail\"} 0\n",
        ]
        .iter()
        .all(|line| text.contains(line));
        (is_whole && jobs.iter().all(passed)).then_some(())
    })
    .await;
}

#[test]
fn the_page_of_metrics_says_what_the_code_says() {
    let now = page(Metrics::new().descriptions());
    if env::var_os(RENEW).is_some() {
        fs::write(path(), now).expect("the page is written");
        return;
    }
    let before = fs::read_to_string(path()).unwrap_or_default();
    assert!(
        before == now,
        "docs/guide/metrics.md is not up to date. Run `cargo xtask metrics`."
    );
}

#[test]
fn every_label_means_one_thing() {
    let metrics = Metrics::new();
    let mut meanings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, meaning) in metrics.descriptions().iter().flat_map(|metric| metric.labels) {
        meanings.entry(label).or_default().insert(meaning);
    }
    let several: Vec<_> = meanings.iter().filter(|(_, meanings)| meanings.len() > 1).collect();
    assert!(several.is_empty(), "{several:?}");
    // Prometheus gives them a meaning of its own.
    assert!(!meanings.contains_key("job") && !meanings.contains_key("instance"));
}
