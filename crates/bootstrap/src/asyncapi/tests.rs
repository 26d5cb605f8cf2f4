//! The document against its own schemas, and against the code that it describes.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use earmark_adapters::clock::SystemClock;
use earmark_adapters::memory::MemoryStore;
use earmark_adapters::messages::{BookMessages, CommandMessages};
use earmark_adapters::nats::subject_of;
use earmark_adapters::redis::line_allocated;
use earmark_adapters::wire::answers::kinds;
use earmark_adapters::wire::{EventJson, fact_from_json};
use earmark_application::{
    Books, BooksId, CommandError, EncodedEvent, Engine, EngineSettings, Envelope, Epoch, MessageFormat, NoMeter,
    Principal, Roles,
};
use earmark_domain::{EVENT_TYPES, MessageId, OrderId, Outcome, Processed, Sku, Subject};
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
                let types = channel["parameters"]["type"]["examples"].as_array().expect("types");
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
}

/// What the document says is wrong with an answer.
fn faults_of(schema: &Validator, answer: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    schema.iter_errors(&answer).map(|fault| fault.to_string()).collect()
}

/// A day with every command. The last two are refused.
const DAY: [&str; 20] = [
    r#"{"create_batch": {"reference": "b-1", "sku": "LAMP", "quantity": 20, "eta": "2999-01-01"}}"#,
    r#"{"put_product": {"sku": "LAMP", "name": "A lamp"}}"#,
    r#"{"change_batch": {"reference": "b-1", "quantity": 30}}"#,
    r#"{"receive_batch": {"reference": "b-1", "quantity": 30}}"#,
    r#"{"allocate": {"order_id": "o-1", "sku": "LAMP", "quantity": 2}}"#,
    r#"{"place_order": {"order_id": "o-2", "lines": [{"sku": "LAMP", "quantity": 2}], "hold_seconds": 600}}"#,
    r#"{"replace_order": {"order_id": "o-2", "lines": [{"sku": "LAMP", "quantity": 3}], "hold_seconds": 600}}"#,
    r#"{"confirm_order": {"order_id": "o-2"}}"#,
    r#"{"change_order": {"order_id": "o-2", "priority": 5}}"#,
    r#"{"change_line": {"order_id": "o-2", "line_id": "LAMP", "quantity": 4}}"#,
    r#"{"dispatch_order": {"order_id": "o-2"}}"#,
    r#"{"undo_dispatch": {"order_id": "o-2"}}"#,
    r#"{"reallocate": {"sku": "LAMP"}}"#,
    r#"{"quote": {"lines": [{"sku": "LAMP", "quantity": 1}]}}"#,
    r#"{"cancel_line": {"order_id": "o-2", "line_id": "LAMP"}}"#,
    r#"{"cancel_order": {"order_id": "o-1"}}"#,
    r#"{"undo_receipt": {"reference": "b-1"}}"#,
    r#"{"cancel_batch": {"reference": "b-1"}}"#,
    r#"{"allocate": {"order_id": "o-3", "sku": "LAMP", "quantity": 2}}"#,
    r#"{"change_batch": {"reference": "nowhere", "quantity": 2}}"#,
];

#[tokio::test]
async fn every_command_is_answered_as_the_document_says_and_so_is_what_comes_again() {
    let store = Arc::new(MemoryStore::new());
    let (engine, lanes) = Engine::new(
        Arc::clone(&store) as _,
        store,
        Arc::new(SystemClock::new()),
        Arc::new(NoMeter),
        EngineSettings::default(),
    );
    for lane in lanes {
        tokio::spawn(lane.run());
    }
    let answer = schema("/components/messages/Answer/payload");
    let mut known = BTreeSet::new();
    for round in ["first", "again"] {
        for (number, body) in DAY.iter().enumerate() {
            let command = CommandMessages.read(body.as_bytes()).expect(body);
            let id = MessageId::new("nats/ORDERS", &number.to_string()).expect("an id");
            let envelope = Envelope {
                message_id: Some(id),
                ..Envelope::new(command, Principal::new("desk", Roles::ALL), "request".into())
            };
            let answered = engine.execute(envelope).await;
            assert_eq!(
                answered.is_ok(),
                round == "again" || number < 18,
                "{round} {body}: {answered:?}"
            );
            let told = CommandMessages.answer(&answered);
            let faults = faults_of(&answer, &told);
            assert!(faults.is_empty(), "{round} {body}: {told} {faults:?}");
            let command: Value = serde_json::from_str(body).expect("JSON");
            known.extend(command.as_object().into_iter().flat_map(|named| named.keys().cloned()));
        }
    }
    let commands = DOCUMENT["components"]["schemas"]["BulkCommand"]["oneOf"].as_array();
    let commands = commands.expect("commands").iter().map(|command| {
        let named = command["required"][0].as_str();
        named.expect("a name").to_owned()
    });
    assert_eq!(known, commands.collect());
}

#[test]
fn a_problem_of_every_kind_that_is_told_by_its_words_is_as_the_document_says() {
    let answer = schema("/components/messages/Answer/payload");
    for kind in kinds::ALL {
        let words = format!("{}: it is so", kind.code);
        let again = Ok(Outcome::AlreadyProcessed(Processed::Refused(words.clone())));
        let formats: [&dyn MessageFormat; 2] = [&CommandMessages, &BookMessages];
        for format in formats {
            for told in [format.answer(&again), format.unreadable(&words)] {
                let faults = faults_of(&answer, &told);
                assert!(faults.is_empty(), "{told}: {faults:?}");
                assert!(told.contains(kind.code), "{told}");
            }
        }
    }
    for error in [
        CommandError::Busy,
        CommandError::Unavailable,
        CommandError::Internal,
        CommandError::ShuttingDown,
    ] {
        let told = CommandMessages.answer(&Err(error));
        assert_eq!(faults_of(&answer, &told), [""; 0], "{told}");
    }
    for not_so in [
        r#"{"status": 200, "body": {"already_processed": false}}"#,
        r#"{"status": 404, "body": {"code": "unknown_sku"}}"#,
        r#"{"status": 200, "body": {"type": "/problems/x", "title": "x", "status": 200, "detail": "x", "code": "x"}}"#,
    ] {
        assert_ne!(faults_of(&answer, not_so), [""; 0], "{not_so}");
    }
}

#[test]
fn an_event_of_a_type_that_was_added_later_passes_and_one_of_a_known_type_is_held_to_its_schema() {
    let any = schema("/components/schemas/Event");
    for name in EVENT_TYPES {
        let example = &DOCUMENT["components"]["messages"][name]["examples"][0]["payload"];
        let faults = faults_of(&any, &example.to_string());
        assert!(faults.is_empty(), "{name}: {faults:?}");
        let mut later = example.clone();
        later["type"] = json!("CountedByDrone");
        later["data"] = json!({"drone": 7});
        let faults = faults_of(&any, &later.to_string());
        assert!(faults.is_empty(), "{faults:?}");
        later["type"] = json!(name);
        later["data"] = json!("none");
        assert!(!any.is_valid(&later), "{name} has other data");
        later["type"] = json!("CountedByDrone");
        later["sequence"] = json!("seven");
        assert!(!any.is_valid(&later), "what all events have in common holds for it too");
    }
    let batch = schema("/components/messages/EventBatch/payload");
    let mut later = DOCUMENT["components"]["messages"]["EventBatch"]["examples"][0]["payload"].clone();
    later[0]["type"] = json!("earmark.CountedByDrone");
    later[0]["data"]["type"] = json!("CountedByDrone");
    assert!(batch.is_valid(&later));
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
