//! The contract of events: the schemas in `docs/events` are those of the code, and change within a version by additions
//! alone. `cargo xtask events` renews them, and the page.

use std::env;
use std::fs;

use earmark_tests::event_contract::{Change, Schemas, changes, current, page, page_path, store, stored};
use serde_json::{Value, json};

/// Set by `cargo xtask events`: what differs is written, if it may.
const RENEW: &str = "EARMARK_RENEW_EVENTS";

fn renews() -> bool {
    env::var_os(RENEW).is_some()
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_code_and_nothing_of_them_breaks() {
    let (before, now) = (stored().expect("schemas"), current());
    let changes = changes(&before, &now);
    let breaking: Vec<String> = changes
        .iter()
        .filter(|change| change.breaks)
        .map(ToString::to_string)
        .collect();
    assert!(
        breaking.is_empty(),
        "these changes break what others were told of events, and need another version (EVENT_FORMAT), or better a new \
         field or type beside the old:\n{}",
        breaking.join("\n")
    );
    if renews() {
        store(&now).expect("the schemas are written");
        return;
    }
    let additions: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert!(
        before == now,
        "docs/events is not up to date. Run `cargo xtask events`.\n{}",
        additions.join("\n")
    );
}

#[test]
fn the_page_of_events_says_what_the_schemas_say() {
    let now = page(&current());
    if renews() {
        fs::write(page_path(), now).expect("the page is written");
        return;
    }
    let before = fs::read_to_string(page_path()).expect("the page");
    assert!(
        before == now,
        "docs/events.md is not up to date. Run `cargo xtask events`."
    );
}

/// What is found after a change of one schema.
fn found(name: &str, change: impl FnOnce(&mut Value)) -> Vec<Change> {
    let before = current();
    let mut now = before.clone();
    change(now.get_mut(name).expect("a known type"));
    changes(&before, &now)
}

/// The data of an event, as its schema has it.
fn data(schema: &mut Value) -> &mut Value {
    &mut schema["properties"]["data"]
}

fn forget(list: &mut Value, word: &str) {
    list.as_array_mut().expect("a list").retain(|known| known != word);
}

fn breaks(changes: &[Change]) -> bool {
    changes.iter().any(|change| change.breaks)
}

#[test]
fn every_change_that_could_break_a_reader_is_found() {
    let field_gone = found("Allocated", |schema| {
        let data = data(schema);
        forget(&mut data["required"], "promised_on");
        data["properties"]
            .as_object_mut()
            .expect("fields")
            .remove("promised_on");
    });
    let optional_gone = found("Allocated", |schema| {
        data(schema)["properties"]
            .as_object_mut()
            .expect("fields")
            .remove("hold_until");
    });
    let renamed = found("Allocated", |schema| {
        let data = data(schema);
        forget(&mut data["required"], "quantity");
        data["required"].as_array_mut().expect("a list").push(json!("units"));
        let fields = data["properties"].as_object_mut().expect("fields");
        let field = fields.remove("quantity").expect("a field");
        fields.insert("units".to_owned(), field);
    });
    let retyped = found("Allocated", |schema| {
        data(schema)["properties"]["quantity"]["type"] = json!("string");
    });
    let nested = found("Allocated", |schema| {
        data(schema)["properties"]["allocations"]["items"]["properties"]["batch"]["type"] = json!("integer");
    });
    let null_at_times = found("Reallocated", |schema| {
        data(schema)["properties"]["promised_to"]["type"] = json!(["string", "null"]);
    });
    let wider = found("Allocated", |schema| {
        data(schema)["properties"]["quantity"]["maximum"] = json!(2_000_000_000);
    });
    let left_out_at_times = found("Allocated", |schema| forget(&mut data(schema)["required"], "split"));
    // Events that were written before do not have it.
    let always_there = found("Allocated", |schema| {
        data(schema)["required"]
            .as_array_mut()
            .expect("a list")
            .push(json!("hold_until"));
    });
    let new_and_always_there = found("Allocated", |schema| {
        let data = data(schema);
        data["properties"]["colour"] = json!({"type": "string"});
        data["required"].as_array_mut().expect("a list").push(json!("colour"));
    });
    let word_gone = found("Deallocated", |schema| {
        forget(&mut data(schema)["properties"]["why"]["anyOf"][0]["enum"], "reduced");
    });
    let reason_gone = found("PromiseChanged", |schema| {
        let reasons = data(schema)["properties"]["why"]["anyOf"]
            .as_array_mut()
            .expect("reasons");
        reasons.retain(|reason| reason["required"][0] != "batch_overdue");
    });
    let reason_word_gone = found("PromiseChanged", |schema| {
        let reasons = data(schema)["properties"]["why"]["anyOf"]
            .as_array_mut()
            .expect("reasons");
        for reason in reasons.iter_mut().filter(|reason| reason["anyOf"].is_array()) {
            forget(&mut reason["anyOf"][0]["enum"], "improved");
        }
    });
    let envelope = found("StockDepleted", |schema| forget(&mut schema["required"], "actor"));
    let named_otherwise = found("StockDepleted", |schema| {
        schema["properties"]["type"]["const"] = json!("SoldOut");
    });
    for (what, found) in [
        ("a field is gone", field_gone),
        ("a field that may be left out is gone", optional_gone),
        ("a field is renamed", renamed),
        ("a field has another type", retyped),
        ("a field of a part has another type", nested),
        ("a field may be null", null_at_times),
        ("a number may be larger", wider),
        ("a field may be left out", left_out_at_times),
        ("a field may not be left out", always_there),
        ("a new field may not be left out", new_and_always_there),
        ("a word is gone", word_gone),
        ("a reason is gone", reason_gone),
        ("a reason in one word is gone", reason_word_gone),
        ("a field of all events may be left out", envelope),
        ("a type has another name", named_otherwise),
    ] {
        assert!(breaks(&found), "{what}: {found:?}");
    }
    let before = current();
    let mut fewer = before.clone();
    fewer.remove("StockDepleted");
    assert!(breaks(&changes(&before, &fewer)));
}

#[test]
fn additions_and_other_words_break_nothing() {
    let before = current();
    let mut more: Schemas = before.clone();
    more.insert("ProductVanished".to_owned(), json!({}));
    let new_type = changes(&before, &more);
    let new_field = found("Allocated", |schema| {
        data(schema)["properties"]["colour"] = json!({"type": "string"});
    });
    let first_field = found("StockDepleted", |schema| {
        data(schema)["properties"] = json!({"since": {"type": "string"}});
    });
    let new_word = found("Deallocated", |schema| {
        let words = data(schema)["properties"]["why"]["anyOf"][0]["enum"].as_array_mut();
        words.expect("words").push(json!("lost"));
    });
    let new_reason = found("PromiseChanged", |schema| {
        let reasons = data(schema)["properties"]["why"]["anyOf"]
            .as_array_mut()
            .expect("reasons");
        reasons.insert(
            0,
            json!({"type": "object", "required": ["batch_lost"], "properties": {"batch_lost": {"type": "string"}}}),
        );
    });
    for (what, found) in [
        ("a new type", new_type),
        ("a new field", new_field),
        ("the first field", first_field),
        ("a new word", new_word),
        ("a new reason", new_reason),
    ] {
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert!(!breaks(&found), "{what}: {found:?}");
    }
    let words = found("Allocated", |schema| {
        schema["description"] = json!("Otherwise.");
        data(schema)["properties"]["quantity"]["description"] = json!("Otherwise.");
    });
    assert_eq!(words, []);
}
