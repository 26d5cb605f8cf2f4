//! The examples for systemd, Kubernetes and containers: they can be read, and name settings, commands and paths that there
//! are.

use std::collections::BTreeSet;

use earmark_tests::service::earmark;
use serde_json::Value;

use crate::files::{examples, path, read, yaml};

const KUBERNETES: [&str; 2] = [
    "examples/operations/kubernetes/earmark.yaml",
    "examples/operations/kubernetes/first-key.yaml",
];
const COMPOSE: &str = "compose.yaml";
const CONTAINERFILE: &str = "Containerfile";
const UNIT: &str = "examples/operations/systemd/earmark.service";

/// The name of a variable, for a setting.
const PREFIX: &str = "EARMARK__";

/// The variables of settings that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    words
        .filter(|word| word.starts_with(PREFIX))
        .map(str::to_owned)
        .collect()
}

/// The variables of the settings that there are.
async fn known_variables() -> BTreeSet<String> {
    let settings = earmark("memory:", &["settings"]).await.out;
    let names = settings.lines().filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| name.contains('.'));
    names
        .map(|name| format!("{PREFIX}{}", name.to_uppercase().replace('.', "__")))
        .collect()
}

/// Every value below a value, with itself.
fn below(value: &Value) -> Vec<&Value> {
    let parts: Vec<&Value> = match value {
        Value::Array(parts) => parts.iter().collect(),
        Value::Object(parts) => parts.values().collect(),
        _ => Vec::new(),
    };
    let mut all = vec![value];
    all.extend(parts.into_iter().flat_map(below));
    all
}

#[tokio::test]
async fn every_setting_that_an_example_names_is_a_setting() {
    let known = known_variables().await;
    assert!(known.contains("EARMARK__STORE__URL") && known.len() > 20, "{known:?}");
    let mut named = 0;
    for file in examples() {
        let variables = variables(&read(&file));
        named += variables.len();
        let strange: Vec<&String> = variables.difference(&known).collect();
        assert!(strange.is_empty(), "{file} names {strange:?}");
    }
    assert!(named > 8, "{named}");
    assert_eq!(
        variables("x: EARMARK__STORE__ULR=1"),
        ["EARMARK__STORE__ULR".to_owned()].into()
    );
}

#[test]
fn every_example_in_yaml_can_be_read() {
    for file in examples() {
        if file.ends_with(".yaml") || file.ends_with(".yml") {
            assert!(!yaml(&file).is_empty(), "{file}");
        }
    }
}

#[tokio::test]
async fn probes_ask_what_the_service_answers_and_containers_run_commands_that_there_are() {
    let document: Value = serde_json::from_str(&earmark("memory:", &["openapi"]).await.out).expect("JSON");
    let mut probes = 0;
    for file in KUBERNETES {
        for document_of_it in yaml(file) {
            for value in below(&document_of_it) {
                if let Some(probe) = value.get("httpGet") {
                    let path = probe["path"].as_str().expect("a path");
                    assert!(document["paths"].get(path).is_some(), "{path}");
                    probes += 1;
                }
                if let Some(arguments) = value.get("args") {
                    runs(arguments).await;
                }
            }
        }
    }
    assert_eq!(probes, 3);
    let [compose] = &yaml(COMPOSE)[..] else {
        unreachable!("one document")
    };
    runs(&compose["services"]["earmark"]["command"]).await;
    for line in read(CONTAINERFILE).lines() {
        if let Some((_, command)) = line.split_once("CMD [") {
            let arguments: Value = serde_json::from_str(&format!("[{command}")).expect("a list");
            let arguments = arguments.as_array().expect("a list");
            let own: Vec<Value> = arguments.iter().filter(|word| *word != "earmark").cloned().collect();
            runs(&Value::Array(own)).await;
        }
    }
}

/// The command line is one that the binary takes: its help is what it prints.
async fn runs(arguments: &Value) {
    let words = arguments.as_array().expect("a list").iter();
    let mut words: Vec<&str> = words.map(|word| word.as_str().expect("text")).collect();
    words.push("--help");
    let run = earmark("memory:", &words).await;
    assert_eq!(run.code, Some(0), "{words:?}: {}", run.err);
}

#[test]
fn pods_have_no_rights_that_they_don_t_need() {
    let mut pods = 0;
    for document in KUBERNETES.iter().flat_map(|file| yaml(file)) {
        let Some(pod) = document["spec"]["template"].get("spec") else {
            continue;
        };
        pods += 1;
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        for container in pod["containers"].as_array().expect("containers") {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["capabilities"]["drop"][0], "ALL");
            // The user that the image is made for.
            assert_eq!(pod["securityContext"]["runAsUser"], 65_532);
        }
    }
    assert_eq!(pods, 2);
    assert!(read(CONTAINERFILE).contains("USER 65532:65532"));
}

#[test]
fn two_instances_run_and_one_of_them_may_go() {
    let documents = yaml(KUBERNETES[0]);
    let of = |kind: &str| {
        documents
            .iter()
            .find(|document| document["kind"] == kind)
            .expect("a document")
    };
    let labels = &of("Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(of("Deployment")["spec"]["replicas"], 2);
    assert_eq!(&of("Deployment")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&of("Service")["spec"]["selector"], labels);
    assert_eq!(&of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(of("PodDisruptionBudget")["spec"]["minAvailable"], 1);
}

/// It is killed in the middle of a drain otherwise.
#[test]
fn whoever_ends_the_service_waits_for_its_drain() {
    // Two seconds of notice, and what the service allows itself at most.
    let longest = 2 + earmark_adapters::http::SHUTDOWN_TIMEOUT_SECONDS + 15;
    let unit = read(UNIT);
    let of_unit = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec="));
    let documents = yaml(KUBERNETES[0]);
    let of_pod = documents[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
    let compose = yaml(COMPOSE);
    let of_container = compose[0]["services"]["earmark"]["stop_grace_period"].as_str();
    for waits in [
        of_unit.and_then(|time| time.strip_suffix('s')?.parse().ok()),
        of_pod,
        of_container.and_then(|time| time.strip_suffix('s')?.parse().ok()),
    ] {
        assert!(waits.is_some_and(|waits: u64| waits >= longest), "{waits:?}");
    }
}

#[test]
fn what_compose_uses_of_the_repository_is_there() {
    let compose = yaml(COMPOSE);
    for value in below(&compose[0]) {
        if let Some(mounted) = value.as_str().and_then(|text| text.strip_prefix("./")) {
            let (file, _) = mounted.split_once(':').expect("a mount");
            assert!(path(file).exists(), "{file}");
        }
    }
    assert_eq!(compose[0]["services"]["earmark"]["build"]["dockerfile"], CONTAINERFILE);
    // Prometheus calls the service by a name that it answers to.
    let prometheus = yaml("examples/operations/prometheus/prometheus.yml");
    let target = prometheus[0]["scrape_configs"][0]["static_configs"][0]["targets"][0].as_str();
    let (host, _) = target.and_then(|target| target.split_once(':')).expect("a target");
    let environment = &compose[0]["services"]["earmark"]["environment"];
    assert_eq!(environment["EARMARK__HTTP__HOSTS"], host);
    assert_eq!(prometheus[0]["scrape_configs"][0]["job_name"], "earmark");
}
