//! The schemas against what the encoder writes, in both directions, and against what they must not let pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use earmark_domain::{EVENT_TYPES, Fact};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::about::About;
use super::{any_event_schema, event_schema, exact_schema};
use crate::wire::events::tests::{books, event_of, fact, facts};
use crate::wire::events::{EventJson, data_schemas, fact_from_json, fact_to_json};

/// So many facts have every field, word and reason among them.
const MANY: usize = 1_000;

fn compiled(schema: &Value) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(schema).expect("a schema")
}

/// A schema of each type.
fn of_each_type(schema: impl Fn(&str) -> Option<Value>) -> BTreeMap<&'static str, Validator> {
    let one = |name| (name, compiled(&schema(name).expect("a known type")));
    EVENT_TYPES.into_iter().map(one).collect()
}

/// The event that a fact is written as.
fn written(fact: &Fact) -> Value {
    json!(EventJson::of(&event_of(fact), &books()).expect("its data is JSON"))
}

/// Events of all types, with every field and word.
fn many_events() -> impl Iterator<Item = Value> {
    let mut runner = TestRunner::deterministic();
    let more = (0..MANY).map(move |_| fact().new_tree(&mut runner).expect("a fact").current());
    facts().into_iter().chain(more).map(|fact| written(&fact))
}

fn require_valid(schema: &Validator, value: &Value) -> Result<(), TestCaseError> {
    let faults: Vec<String> = schema
        .iter_errors(value)
        .map(|error| format!("at {:?}: {error}", error.instance_path().to_string()))
        .collect();
    prop_assert!(faults.is_empty(), "{value:#}: {faults:?}");
    Ok(())
}

static EXACT: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| of_each_type(exact_schema));
static KNOWN: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| of_each_type(event_schema));
static ANY: LazyLock<Validator> = LazyLock::new(|| compiled(&any_event_schema()));

proptest! {
    #[test]
    fn whatever_is_written_is_as_the_schemas_say(fact in fact()) {
        let event = written(&fact);
        require_valid(&EXACT[fact.name()], &event)?;
        require_valid(&KNOWN[fact.name()], &event)?;
        require_valid(&ANY, &event)?;
    }
}

/// Everything that a schema allows: fields that are there and that are left out, nulls, words, variants.
fn allowed(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for kind in schema["type"].as_array().into_iter().flatten() {
        found.insert(format!("{path}: {kind}"));
    }
    for word in schema["enum"].as_array().into_iter().flatten() {
        found.insert(format!("{path} = {word}"));
    }
    let required = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        found.insert(path.clone());
        if !required.is_some_and(|required| required.iter().any(|field| field == name)) {
            found.insert(format!("{path} left out"));
        }
        allowed(property, &path, found);
    }
    if schema["items"].is_object() {
        allowed(&schema["items"], &format!("{path}/*"), found);
    }
    for (index, variant) in schema["oneOf"].as_array().into_iter().flatten().enumerate() {
        found.insert(format!("{path}|{index}"));
        allowed(variant, &format!("{path}|{index}"), found);
    }
}

/// What of it a value uses.
fn used(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    for kind in schema["type"].as_array().into_iter().flatten() {
        if jsonschema::is_valid(&json!({"type": kind}), value) {
            found.insert(format!("{path}: {kind}"));
        }
    }
    if schema["enum"].is_array() {
        found.insert(format!("{path} = {value}"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        match value.get(name) {
            Some(member) => {
                used(property, member, &path, found);
                found.insert(path);
            }
            None => {
                found.insert(format!("{path} left out"));
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        used(&schema["items"], item, &format!("{path}/*"), found);
    }
    for (index, variant) in schema["oneOf"].as_array().into_iter().flatten().enumerate() {
        if jsonschema::is_valid(variant, value) {
            found.insert(format!("{path}|{index}"));
            used(variant, value, &format!("{path}|{index}"), found);
        }
    }
}

#[test]
fn every_field_and_word_of_a_schema_is_written_by_some_event() {
    let schemas: BTreeMap<&str, Value> = EVENT_TYPES
        .into_iter()
        .map(|name| (name, exact_schema(name).expect("a known type")))
        .collect();
    let (mut all, mut met) = (BTreeSet::new(), BTreeSet::new());
    for (name, schema) in &schemas {
        allowed(schema, name, &mut all);
    }
    for event in many_events() {
        let name = event["type"].as_str().expect("a type");
        used(&schemas[name], &event, name, &mut met);
    }
    assert!(all.len() > 400, "{}", all.len());
    let never: Vec<&String> = all.difference(&met).collect();
    assert!(never.is_empty(), "no event has {never:#?}");
}

/// Calls `found` for each object of a schema, with its pointer.
fn each_object(schema: &Value, pointer: &str, found: &mut impl FnMut(&str, &Value)) {
    if schema["properties"].is_object() {
        found(pointer, schema);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        each_object(property, &format!("{pointer}/properties/{name}"), found);
    }
    if schema["items"].is_object() {
        each_object(&schema["items"], &format!("{pointer}/items"), found);
    }
    for (index, variant) in schema["oneOf"].as_array().into_iter().flatten().enumerate() {
        each_object(variant, &format!("{pointer}/oneOf/{index}"), found);
    }
}

#[test]
fn a_schema_with_a_renamed_or_retyped_field_does_not_pass() {
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in many_events() {
        let name = event["type"].as_str().expect("a type").to_owned();
        events.entry(name).or_default().push(event);
    }
    let mut changed = 0;
    for name in EVENT_TYPES {
        let schema = exact_schema(name).expect("a known type");
        let mut fields = Vec::new();
        each_object(&schema, "", &mut |pointer, object| {
            // What all events have in common is looked at once for each of the ways they are about something.
            if pointer.is_empty() && !["ProductNamed", "Allocated", "OrderPlaced"].contains(&name) {
                return;
            }
            let properties = object["properties"].as_object().expect("properties");
            fields.extend(properties.keys().map(|field| (pointer.to_owned(), field.clone())));
        });
        for (pointer, field) in fields {
            let mut renamed = schema.clone();
            let object = renamed.pointer_mut(&pointer).expect("an object");
            let property = object["properties"].as_object_mut().and_then(|all| all.remove(&field));
            object["properties"][format!("{field}_")] = property.expect("a property");
            for word in object
                .get_mut("required")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if *word == json!(field) {
                    *word = json!(format!("{field}_"));
                }
            }
            let mut retyped = schema.clone();
            retyped.pointer_mut(&pointer).expect("an object")["properties"][&field] =
                json!({"type": "number", "minimum": 1e30});
            for wrong in [renamed, retyped] {
                let wrong = compiled(&wrong);
                assert!(
                    events[name].iter().any(|event| !wrong.is_valid(event)),
                    "{name}: nobody notices another {pointer}/{field}"
                );
                changed += 1;
            }
        }
    }
    assert!(changed > 350, "{changed}");
}

#[test]
fn what_a_later_release_may_add_passes() {
    let passes = |event: &Value| {
        let name = event["type"].as_str().expect("a type");
        assert!(ANY.is_valid(event), "{event:#}");
        if let Some(schema) = KNOWN.get(name) {
            assert!(schema.is_valid(event), "{event:#}");
        }
    };
    for mut event in many_events().take(500) {
        event["more"] = json!({"any": 1});
        event["data"]["more"] = json!([1, "text"]);
        for list in ["from", "to", "allocations"] {
            for part in event["data"][list].as_array_mut().into_iter().flatten() {
                part["serial_numbers"] = json!([7]);
            }
        }
        passes(&event);
    }
    for (name, field, value) in [
        ("Deallocated", "why", json!("lost_in_transit")),
        ("OutOfStock", "kept", json!("referred")),
        ("PromiseChanged", "why", json!("strike")),
        (
            "PromiseChanged",
            "why",
            json!({"batch_on_fire": {"batch": "B", "since": 3}}),
        ),
        ("Backordered", "why", json!({"batch_on_fire": "B"})),
    ] {
        let mut event = example(name);
        event["data"][field] = value;
        passes(&event);
    }
    let mut unknown = example("ProductNamed");
    unknown["type"] = json!("ProductVanished");
    unknown["data"] = json!({"name": 7});
    passes(&unknown);
}

#[test]
fn what_is_known_does_not_change_within_a_version() {
    for (name, pointer, value) in [
        ("Allocated", "/data/quantity", json!("3")),
        ("Allocated", "/data/allocations/0/batch", json!(null)),
        ("Allocated", "/data/promised_on", json!("tomorrow")),
        ("Allocated", "/sku", json!(null)),
        ("Allocated", "/version", json!(0)),
        ("OrderPlaced", "/sku", json!("LAMP")),
        ("Deallocated", "/data/why", json!({"cancelled": true})),
        ("PromiseChanged", "/data/why", json!({"batch_received": 7})),
        ("PromiseChanged", "/data/why", json!(null)),
        ("Backordered", "/data/why", json!(["improved"])),
        ("ProductNamed", "/id", json!("17")),
        ("ProductNamed", "/type", json!(7)),
    ] {
        let mut event = example(name);
        *event.pointer_mut(pointer).expect("a field") = value;
        assert!(!ANY.is_valid(&event), "{event:#}");
        assert!(!KNOWN[name].is_valid(&event), "{event:#}");
    }
}

/// The example of a type.
fn example(name: &str) -> Value {
    event_schema(name).expect("a known type")["examples"][0].clone()
}

#[test]
fn every_example_is_what_the_encoder_writes() {
    for name in EVENT_TYPES {
        let example = example(name);
        assert!(EXACT[name].is_valid(&example), "{example:#}");
        let fact = fact_from_json(name, &example["data"].to_string()).expect("an event");
        let again: Value = serde_json::from_str(&fact_to_json(&fact)).expect("JSON");
        assert_eq!(again, example["data"], "{name}");
    }
}

#[test]
fn a_type_is_about_a_line_if_its_fact_names_one() {
    for fact in facts() {
        let data = data_schemas().into_iter().find(|data| data.event_type == fact.name());
        let about = data.expect("a known type").about;
        assert_eq!(about == About::Line, fact.line().is_some(), "{}", fact.name());
    }
}

#[test]
fn a_schema_says_what_it_is() {
    let schema = event_schema("Allocated").expect("a known type");
    assert_eq!(schema["$id"], "urn:earmark:event:1:Allocated");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(any_event_schema()["$id"], "urn:earmark:event:1");
    assert_eq!(event_schema("allocated"), None);
    // Every field says what it means.
    for name in EVENT_TYPES {
        let schema = exact_schema(name).expect("a known type");
        each_object(&schema, "", &mut |pointer, object| {
            for (field, property) in object["properties"].as_object().into_iter().flatten() {
                let is_described = property["description"].is_string() || property["oneOf"].is_array();
                assert!(is_described, "{name}{pointer}/{field}");
            }
        });
    }
}
