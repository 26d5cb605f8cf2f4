//! The dashboard, the alerts and their runbooks: they ask for metrics that there are, and belong together.

use std::collections::BTreeSet;

use earmark_adapters::http::Metrics;
use serde_json::Value;

use crate::files::{read, yaml};
use crate::queries::{Asked, asked};

const ALERTS: &str = "examples/operations/prometheus/alerts.yml";
const ALERTS_TEST: &str = "examples/operations/prometheus/alerts_test.yml";
const DASHBOARD: &str = "examples/operations/grafana/earmark.json";
const RUNBOOKS: &str = "docs/runbooks.md";

/// What Prometheus knows of every series.
const TARGET: [&str; 2] = ["job", "instance"];

/// The alerts.
fn alerts() -> Vec<Value> {
    let [document] = &yaml(ALERTS)[..] else {
        unreachable!("one document")
    };
    let groups = document["groups"].as_array().expect("groups");
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("rules"));
    rules.cloned().collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| unreachable!("{name} in {value}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).expect("JSON")
}

/// The queries of the dashboard.
fn panels() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| text(target, "expr").to_owned()).collect()
}

/// What is wrong with what a query asks for.
fn fault(asked: &Asked, metrics: &Metrics) -> Option<String> {
    let Asked { metric, labels } = asked;
    let strange = |known: &[&str]| {
        let strange = labels.iter().find(|label| !known.contains(&label.as_str()))?;
        Some(format!("{metric} has no label {strange}"))
    };
    if metric == "up" {
        return strange(&TARGET);
    }
    let described = metrics
        .descriptions()
        .iter()
        .find(|known| known.series().contains(metric));
    let Some(described) = described else {
        return Some(format!("there is no metric {metric}"));
    };
    let mut known: Vec<&str> = described.labels.iter().map(|(label, _)| *label).collect();
    known.extend(TARGET);
    if described.kind == "histogram" {
        known.push("le");
    }
    strange(&known)
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_and_labels_that_there_are() {
    let metrics = Metrics::new();
    let alerts: Vec<String> = alerts().iter().map(|alert| text(alert, "expr").to_owned()).collect();
    assert!(alerts.len() > 12);
    for query in alerts.iter().chain(&panels()) {
        let asked = asked(query);
        assert!(!asked.is_empty(), "{query} asks for nothing");
        let faults: Vec<String> = asked.iter().filter_map(|asked| fault(asked, &metrics)).collect();
        assert!(faults.is_empty(), "{faults:?} in {query}");
    }
}

#[test]
fn a_metric_or_a_label_that_there_is_not_is_found() {
    let metrics = Metrics::new();
    for (query, fault_of_it) in [
        ("earmark_redy", "there is no metric earmark_redy"),
        ("earmark_commands", "there is no metric earmark_commands"),
        ("earmark_store_seconds", "there is no metric earmark_store_seconds"),
        ("earmark_ready{lane=\"0\"}", "earmark_ready has no label lane"),
        (
            "earmark_commands_total{le=\"1\"}",
            "earmark_commands_total has no label le",
        ),
    ] {
        let asked = asked(query);
        assert_eq!(fault(&asked[0], &metrics).as_deref(), Some(fault_of_it));
    }
    let sound = asked("rate(earmark_store_seconds_bucket{le=\"1\", job=\"earmark\"}[5m])");
    assert_eq!(fault(&sound[0], &metrics), None);
}

#[test]
fn the_dashboard_shows_every_metric() {
    let shown: BTreeSet<String> = panels()
        .iter()
        .flat_map(|query| asked(query))
        .map(|asked| asked.metric)
        .collect();
    for metric in Metrics::new().descriptions() {
        assert!(
            metric.series().iter().any(|series| shown.contains(series)),
            "no panel shows {}",
            metric.name
        );
    }
}

#[test]
fn no_two_panels_of_the_dashboard_share_a_place_or_an_id() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{}", panel["title"]);
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(x < 24 && places.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts = alerts();
    let named: Vec<&str> = alerts.iter().map(|alert| text(alert, "alert")).collect();
    let runbooks = read(RUNBOOKS);
    let sections: BTreeSet<&str> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, named.iter().copied().collect());
    for (alert, name) in alerts.iter().zip(&named) {
        let url = format!("{RUNBOOKS}#{}", name.to_lowercase());
        assert_eq!(text(&alert["annotations"], "runbook_url"), url);
        assert!(!text(&alert["annotations"], "summary").is_empty());
        assert!(
            ["critical", "warning"].contains(&text(&alert["labels"], "severity")),
            "{name}"
        );
    }
}

#[test]
fn the_runbooks_name_metrics_that_there_are() {
    let metrics = Metrics::new();
    for asked in asked(&read(RUNBOOKS)) {
        assert_eq!(fault(&asked, &metrics), None);
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_not_to_fire() {
    let [document] = &yaml(ALERTS_TEST)[..] else {
        unreachable!("one document")
    };
    let cases = document["tests"].as_array().expect("tests");
    for alert in alerts() {
        let name = text(&alert, "alert");
        let of_it = cases
            .iter()
            .flat_map(|case| case["alert_rule_test"].as_array().expect("cases"));
        let of_it = of_it.filter(|case| text(case, "alertname") == name);
        let fires: Vec<bool> = of_it
            .map(|case| !case["exp_alerts"].as_array().expect("alerts").is_empty())
            .collect();
        assert!(fires.contains(&true), "no case in which {name} fires");
        assert!(fires.contains(&false), "no case in which {name} does not fire");
    }
}
