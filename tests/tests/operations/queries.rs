//! The metrics that a query of Prometheus asks for.

use std::collections::BTreeSet;

/// A metric in a query, and the labels that choose among its series.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) metric: String,
    pub(crate) labels: BTreeSet<String>,
}

/// The metrics of the service in a query, and `up`, which Prometheus makes.
pub(crate) fn asked(query: &str) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut rest = query;
    while let Some(next) = rest.chars().next() {
        let name = word(rest);
        if next == '"' {
            rest = after_text(rest);
        } else if name.is_empty() {
            rest = &rest[next.len_utf8()..];
        } else {
            rest = &rest[name.len()..];
            if name == "up" || name.starts_with("earmark_") {
                let (labels, behind) = labels(rest);
                rest = behind;
                asked.push(Asked {
                    metric: name.to_owned(),
                    labels,
                });
            }
        }
    }
    asked
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    &text[..end]
}

/// What is behind the quoted text that a text begins with. Queries here escape nothing.
fn after_text(text: &str) -> &str {
    let text = &text[1..];
    text.find('"').map_or("", |end| &text[end + 1..])
}

/// The names in the braces that a text may begin with, and what is behind them.
fn labels(text: &str) -> (BTreeSet<String>, &str) {
    let mut names = BTreeSet::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (names, text);
    };
    while let Some(next) = rest.chars().next() {
        let name = word(rest);
        match next {
            '}' => return (names, &rest[1..]),
            '"' => rest = after_text(rest),
            _ if name.is_empty() => rest = &rest[next.len_utf8()..],
            _ => {
                names.insert(name.to_owned());
                rest = &rest[name.len()..];
            }
        }
    }
    (names, "")
}

#[test]
fn metrics_and_labels_are_found_in_queries() {
    let query = r#"sum by (le) (rate(earmark_a_total{route!~"/x/{up}|earmark_b", job="up"}[5m])) / earmark_c > up{}"#;
    let expected = [
        ("earmark_a_total", &["job", "route"][..]),
        ("earmark_c", &[]),
        ("up", &[]),
    ];
    let expected = expected.map(|(metric, labels)| Asked {
        metric: metric.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    });
    assert_eq!(asked(query), expected);
}
