//! The document against its own schemas, and against the code that it describes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use earmark_adapters::messages::{BookMessages, CommandMessages};
use earmark_adapters::nats::subject_of;
use earmark_adapters::redis::line_allocated;
use earmark_adapters::wire::{EventJson, fact_from_json};
use earmark_application::{Books, BooksId, EncodedEvent, Epoch, MessageFormat};
use earmark_domain::{EVENT_TYPES, OrderId, Sku, Subject};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::document::value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(value);

/// The compiled schema at a place of the document.
fn schema(place: &str) -> Validator {
    let mut whole = DOCUMENT.pointer(place).expect("a schema").clone();
    whole["components"] = DOCUMENT["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&whole).expect("a schema")
}

/// Calls `found` for each object of the document, with its place.
fn each_object(place: &str, value: &Value, found: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            found(place, value);
            for (name, member) in members {
                each_object(&format!("{place}/{name}"), member, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                each_object(&format!("{place}/{at}"), item, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let mut used = BTreeSet::new();
    each_object("", &DOCUMENT, &mut |place, object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let target = reference.trim_start_matches('#');
            assert!(DOCUMENT.pointer(target).is_some(), "{place}: {reference}");
            used.insert(target.to_owned());
        }
    });
    for kind in ["messages", "schemas"] {
        for name in DOCUMENT["components"][kind].as_object().expect("components").keys() {
            assert!(used.contains(&format!("/components/{kind}/{name}")), "{kind}: {name}");
        }
    }
    for channel in DOCUMENT["channels"].as_object().expect("channels").keys() {
        assert!(used.contains(&format!("/channels/{channel}")), "{channel}");
    }
}

#[test]
fn every_example_of_a_message_is_as_its_schemas_say() {
    let messages = DOCUMENT["components"]["messages"].as_object().expect("messages");
    for (name, message) in messages {
        let examples = message["examples"].as_array().expect("examples");
        assert!(!examples.is_empty(), "{name}");
        let payload = schema(&format!("/components/messages/{name}/payload"));
        for example in examples {
            let faults: Vec<String> = payload
                .iter_errors(&example["payload"])
                .map(|fault| fault.to_string())
                .collect();
            assert!(faults.is_empty(), "{name}: {faults:?}");
            if message["headers"].is_object() {
                let headers = schema(&format!("/components/messages/{name}/headers"));
                assert!(headers.is_valid(&example["headers"]), "{name}");
            }
            let fields = message["payload"]["properties"].as_object();
            for (field, text) in fields.into_iter().flatten() {
                if text["contentSchema"].is_object() {
                    let place = format!("/components/messages/{name}/payload/properties/{field}/contentSchema");
                    let text = example["payload"][field].as_str().expect("a text");
                    let said: Value = serde_json::from_str(text).expect("JSON");
                    assert!(schema(&place).is_valid(&said), "{name}: {said}");
                }
            }
        }
    }
    assert!(messages.len() > EVENT_TYPES.len());
}

/// The event of an example, as relays get it.
fn encoded(example: &Value) -> EncodedEvent {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let order = example
        .get("order_id")
        .map(|order| OrderId::new(text(order)).expect("a name"));
    let subject = match (&example["sku"], &order) {
        (Value::String(sku), _) => Subject::Product {
            sku: Sku::new(sku).expect("a name"),
            version: example["version"].as_u64().expect("a version"),
        },
        (_, Some(order)) => Subject::Order(order.clone()),
        _ => unreachable!("an event is about something"),
    };
    let event_type = EVENT_TYPES.into_iter().find(|name| example["type"] == *name);
    EncodedEvent {
        sequence: example["sequence"].as_u64().expect("a sequence"),
        subject,
        order,
        event_type: event_type.expect("a known type"),
        occurred_at: text(&example["occurred_at"]).parse().expect("an instant"),
        decided_on: text(&example["decided_on"]).parse().expect("a day"),
        actor: text(&example["actor"]),
        correlation_id: text(&example["correlation_id"]),
        data: example["data"].to_string(),
    }
}

fn books() -> Books {
    let id: BooksId = "0f8fad5bd9cb469fa16570867728950e".parse().expect("books");
    Books::new(id, [Epoch { number: 1, after: 0 }].into())
}

#[test]
fn the_messages_of_nats_are_as_the_code_makes_them() {
    for name in EVENT_TYPES {
        let message = &DOCUMENT["components"]["messages"][name];
        let example = &message["examples"][0]["payload"];
        let event = encoded(example);
        fact_from_json(name, &event.data).expect("an event");
        assert_eq!(
            json!(EventJson::of(&event, &books()).expect("JSON")),
            *example,
            "{name}"
        );
        // The subject is the address of one channel that has the message.
        let subject = subject_of(name, &event.subject);
        let addresses: Vec<String> = DOCUMENT["channels"]
            .as_object()
            .expect("channels")
            .values()
            .filter(|channel| channel["messages"].get(name).is_some())
            .map(|channel| {
                let address = channel["address"].as_str().expect("an address");
                let types = channel["parameters"]["type"]["enum"].as_array().expect("types");
                assert!(types.contains(&json!(name)));
                address.replace("{type}", name).replace("{sku}", "LAMP-RED")
            })
            .collect();
        assert_eq!(addresses, [subject]);
    }
}

#[test]
fn the_message_of_the_books_channel_is_as_the_code_makes_it() {
    let event = encoded(&DOCUMENT["components"]["messages"]["Allocated"]["examples"][0]["payload"]);
    let payload = schema("/components/messages/LineAllocated/payload");
    let messages = line_allocated::messages_of(&event).expect("messages");
    assert_eq!(messages.len(), 2);
    for message in messages {
        let message: Value = serde_json::from_str(&message).expect("JSON");
        assert!(payload.is_valid(&message), "{message}");
    }
}

#[test]
fn the_examples_of_commands_are_read_and_answers_are_as_the_document_says() {
    let example = |name: &str| &DOCUMENT["components"]["messages"][name]["examples"][0]["payload"];
    let read = |format: &dyn MessageFormat, body: &str| format.read(body.as_bytes()).map(|command| command.name());
    let (nats, redis) = (example("NatsCommand").to_string(), &example("RedisCommand")["command"]);
    for body in [nats.as_str(), redis.as_str().expect("a text")] {
        assert_eq!(read(&CommandMessages, body), Ok("allocate"));
    }
    let counted = example("ChangeBatchQuantity").to_string();
    assert_eq!(read(&BookMessages, &counted), Ok("change_batch"));
    let answer = schema("/components/messages/Answer/payload");
    let refused = CommandMessages.unreadable("it is no JSON");
    let refused: Value = serde_json::from_str(&refused).expect("JSON");
    let faults: Vec<String> = answer.iter_errors(&refused).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{refused}: {faults:?}");
}

#[test]
fn a_batch_is_as_webhooks_get_it() {
    // The bytes that the test of the webhooks pins, with the bodies that events have.
    let example = &DOCUMENT["components"]["messages"]["EventBatch"]["examples"][0]["payload"][0];
    let pinned: Value =
        serde_json::from_str(include_str!("../../../adapters/tests/webhook/batch.json")).expect("a batch of the tests");
    let names = |event: &Value| -> BTreeSet<String> { event.as_object().expect("an event").keys().cloned().collect() };
    assert_eq!(names(example), names(&pinned[0]));
    let mut cloud_event = pinned[0].clone();
    cloud_event["data"] = example["data"].clone();
    assert!(
        schema("/components/schemas/CloudEvent").is_valid(&cloud_event),
        "{cloud_event:#}"
    );
}

#[test]
fn every_channel_has_an_operation_or_is_answered_on() {
    let mut worked_on = BTreeSet::new();
    for operation in DOCUMENT["operations"].as_object().expect("operations").values() {
        for channel in [&operation["channel"], &operation["reply"]["channel"]] {
            worked_on.extend(channel["$ref"].as_str().map(str::to_owned));
        }
    }
    let channels = DOCUMENT["channels"].as_object().expect("channels").keys();
    let all: BTreeSet<String> = channels.map(|name| format!("#/channels/{name}")).collect();
    assert_eq!(all, worked_on);
}
