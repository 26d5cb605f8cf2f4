//! `earmark export audit`: who did what when, and who was refused it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::{Run, Sandbox, column};
use crate::service::Service;

const COLUMNS: &str = "at,until,who,address,what,sku,about,outcome,needs,count,correlation_id,sequence";

fn rows(run: &Run) -> Vec<[&str; 12]> {
    let mut lines = run.out.lines();
    assert_eq!(lines.next(), Some(COLUMNS));
    lines.map(column).collect()
}

/// A database with two keys, batches, and a service that has refused calls until it ended.
fn refused() -> Sandbox {
    let sandbox = Sandbox::stocked();
    sandbox
        .run(["keys", "create", "--name", "root", "--role", "admin"])
        .succeeds();
    let viewer = sandbox
        .run(["keys", "create", "--name", "desk", "--role", "viewer"])
        .succeeds();
    let service = Service::start(&sandbox, &["serve"]);
    for _ in 0..3 {
        assert!(service.get("/v1/products").starts_with("HTTP/1.1 401"));
    }
    let viewer = format!("authorization: Bearer {}\r\n", viewer.out.trim());
    assert!(service.get_with("/v1/keys", &viewer).starts_with("HTTP/1.1 403"));
    // At once: what was refused in the last second is written when the service ends.
    let ended = service.end();
    assert!(ended.status.success());
    sandbox.run(["keys", "revoke", "desk"]).succeeds();
    sandbox
}

#[test]
fn the_audit_has_what_was_done_and_what_was_refused_in_order_of_time() {
    let sandbox = refused();
    let audit = sandbox.run(["export", "audit"]).succeeds();
    let rows = rows(&audit);
    let at = |row: &[&str; 12]| row[0].parse::<Timestamp>().expect("an instant");
    assert!(rows.is_sorted_by_key(at), "{}", audit.out);
    // What was done to the stock, by the files that were imported.
    let batch = rows.iter().find(|row| row[4] == "BatchCreated").expect("a batch");
    assert_eq!((batch[2], batch[7], batch[9]), ("import", "done", "1"));
    assert!(
        !batch[5].is_empty() && !batch[6].is_empty() && !batch[11].is_empty(),
        "{batch:?}"
    );
    let events = sandbox.run(["export", "events"]).succeeds();
    let of_events = rows.iter().filter(|row| !row[11].is_empty()).count();
    assert_eq!(of_events, events.out.lines().count() - 1);
    // And what was decided on access, behind it.
    let decisions: Vec<[&str; 7]> = rows
        .iter()
        .filter(|row| row[11].is_empty())
        .map(|row| [row[2], row[3], row[4], row[6], row[7], row[8], row[9]])
        .collect();
    let operator = decisions[0][0];
    assert!(
        operator.len() > "cli:".len() && operator.starts_with("cli:"),
        "{operator}"
    );
    assert_eq!(
        decisions,
        [
            [operator, "", "create_key", "root", "done", "", "1"],
            [operator, "", "create_key", "desk", "done", "", "1"],
            ["", "127.0.0.1", "list_products", "", "no_key", "", "3"],
            ["desk", "127.0.0.1", "list_keys", "", "forbidden", "admin", "1"],
            [operator, "", "revoke_key", "desk", "done", "", "1"],
        ]
    );
}

#[test]
fn the_audit_has_the_same_rows_as_ndjson_and_of_a_part_of_the_time() {
    let sandbox = refused();
    let all = sandbox.run(["export", "audit"]).succeeds();
    let all = rows(&all).len();
    let json = sandbox.run(["export", "audit", "--format", "ndjson"]).succeeds();
    let lines: Vec<BTreeMap<String, Value>> = json
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), all);
    for line in &lines {
        let mut members: Vec<&str> = line.keys().map(String::as_str).collect();
        let mut columns: Vec<&str> = COLUMNS.split(',').collect();
        members.sort_unstable();
        columns.sort_unstable();
        assert_eq!(members, columns);
    }
    let refused = lines
        .iter()
        .find(|line| line["outcome"] == "no_key")
        .expect("a refusal");
    let at = refused["at"].as_str().expect("an instant");
    let of_time = |arguments: &[&str]| {
        let run = sandbox.run([&["export", "audit"], arguments].concat()).succeeds();
        rows(&run).len()
    };
    let (before, since) = (of_time(&["--until", at]), of_time(&["--since", at]));
    assert_eq!(before + since, all);
    assert_eq!(since, 3);
    assert_eq!(of_time(&["--since", at, "--until", at]), 0);
    let wrong = sandbox.run(["export", "orders", "--since", at]).fails_with(2);
    assert!(wrong.err.contains("for the audit"), "{}", wrong.err);
    sandbox.run(["export", "audit", "--since", "yesterday"]).fails_with(2);
}
