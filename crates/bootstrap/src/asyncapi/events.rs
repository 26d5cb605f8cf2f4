//! Events out: the stream of NATS, the stream and the channel of Redis, and webhooks.

use earmark_adapters::redis::line_allocated;
use earmark_adapters::wire::events::{About, data_schemas};
use serde_json::{Value, json};

use super::parts::Parts;
use super::schemas::{event, event_name, schema};

/// The message of an entry of Redis.
const ENTRY: &str = "EventEntry";

/// The message of the book's channel.
const LINE_ALLOCATED: &str = "LineAllocated";

/// The message of a webhook.
const BATCH: &str = "EventBatch";

pub(super) fn describe(parts: &mut Parts) {
    nats(parts);
    redis(parts);
    book(parts);
    webhooks(parts);
}

/// The id of the event of the examples.
const ID: &str = "0f8fad5bd9cb469fa16570867728950e-1-17";

/// Of a type in a subject: `enum` would say that there are no more.
const TYPE: &str = "The type of the event. A later release may add types.";

/// Of the trace of an event.
const TRACE: &str =
    "The context of the trace that caused the event (W3C Trace Context), if whoever caused it has told it.";

fn nats(parts: &mut Parts) {
    let types = data_schemas();
    for data in &types {
        let schema_of_type = event(data.event_type);
        let message = json!({
            "name": data.event_type,
            "title": data.event_type,
            "summary": schema_of_type["description"],
            "contentType": "application/json",
            "headers": nats_headers(),
            "payload": schema(&event_name(data.event_type)),
            "correlationId": {
                "description": "The id of the request or the message that caused the event.",
                "location": "$message.payload#/correlation_id",
            },
            "tags": [{"name": "events"}],
            "examples": [{
                "name": "one",
                "headers": {
                    "Nats-Msg-Id": ID,
                    "Content-Type": "application/json",
                    "Nats-Expected-Last-Msg-Id": "0f8fad5bd9cb469fa16570867728950e-1-16",
                },
                "payload": schema_of_type["examples"][0],
            }],
        });
        parts.message(data.event_type, message);
    }
    let of = |whole_orders: bool| {
        let fitting = types
            .iter()
            .filter(move |data| (data.about == About::Order) == whole_orders);
        fitting.map(|data| data.event_type).collect::<Vec<_>>()
    };
    let (of_products, of_orders) = (of(false), of(true));
    let about = |text: &str| {
        format!(
            "{text} In a stream of JetStream, which is made if it is missing. Each message is stored only behind the one \
             before it, so the stream has no gap and no repeat within its window of duplicates."
        )
    };
    let channel = json!({
        "address": "earmark.{type}.{sku}",
        "title": "Events of products, in NATS",
        "description": about("The events of products and of lines, by type and SKU."),
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {
            "type": {"description": TYPE, "examples": of_products},
            "sku": {
                "description": "The SKU, percent-encoded where it has white space, a control character, one of `. * > %`, \
                                or a letter outside of ASCII: `Süß 1.5` is `S%C3%BC%C3%9F%201%2E5`.",
                "examples": ["LAMP-RED"],
            },
        },
    });
    parts.channel("natsProductEvents", channel, of_products.iter().copied());
    let channel = json!({
        "address": "earmark.{type}",
        "title": "Events of whole orders, in NATS",
        "description": about("The events of whole orders, by type."),
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {"type": {"description": TYPE, "examples": of_orders}},
    });
    parts.channel("natsOrderEvents", channel, of_orders.iter().copied());
    for (name, channel, of) in [
        ("sendProductEventsToNats", "natsProductEvents", "products and lines"),
        ("sendOrderEventsToNats", "natsOrderEvents", "whole orders"),
    ] {
        let operation = json!({
            "title": format!("Tell NATS of {of}"),
            "summary": format!("Each event of {of} becomes a message, in the order of the log."),
            "tags": [{"name": "events"}],
        });
        parts.operation(name, "send", channel, operation);
    }
}

fn nats_headers() -> Value {
    let text = |meaning: &str| json!({"type": "string", "description": meaning});
    json!({
        "type": "object",
        "required": ["Nats-Msg-Id", "Content-Type"],
        "properties": {
            "Nats-Msg-Id": text("The `id` of the event: repeats are recognised by it."),
            "Content-Type": {"type": "string", "const": "application/json", "description": "The media type of the body."},
            "Nats-Expected-Last-Msg-Id": text("The event that this one follows; left out of the first message of a call."),
            "Nats-Expected-Last-Sequence": text("The end of the stream that the first message of a call follows."),
            "Nats-Expected-Stream": text("The stream, in the first message of a call."),
            "traceparent": text(TRACE),
            "Earmark-Replayed-After": text(
                "There in an event that is sent once more, out of its order: the event up to which all are delivered or \
                 decided on, or `none`.",
            ),
        },
    })
}

fn redis(parts: &mut Parts) {
    let example = event("Allocated")["examples"][0].clone();
    let message = json!({
        "name": ENTRY,
        "title": "An event as an entry",
        "summary": "The fields of an entry. Its entry id is `<epoch>-<sequence>000000`; events that are sent once more, out \
                    of their order, count the last six digits up.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["id", "type", "event"],
            "properties": {
                "id": {"type": "string", "description": "The `id` of the event: repeats are recognised by it."},
                "type": {"type": "string", "description": "The type of the event."},
                "event": {
                    "type": "string",
                    "description": "The event as JSON text.",
                    "contentMediaType": "application/json",
                    "contentSchema": schema("Event"),
                },
                "traceparent": {"type": "string", "description": TRACE},
            },
        },
        "tags": [{"name": "events"}],
        "examples": [{
            "name": "one",
            "payload": {"id": ID, "type": "Allocated", "event": example.to_string()},
        }],
    });
    parts.message(ENTRY, message);
    let channel = json!({
        "address": "{stream}",
        "title": "Events in a stream of Redis",
        "description": "The key of the stream, which keeps about as many entries as the URL says (`maxlen`).",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": {"stream": {"description": "As the URL names it (`stream`).", "default": "earmark"}},
    });
    parts.channel("redisEvents", channel, [ENTRY]);
    let operation = json!({
        "title": "Tell Redis",
        "summary": "Each event becomes an entry, in the order of the log.",
        "tags": [{"name": "events"}],
    });
    parts.operation("sendEventsToRedis", "send", "redisEvents", operation);
}

fn book(parts: &mut Parts) {
    let message = json!({
        "name": LINE_ALLOCATED,
        "title": "A line has units in a batch",
        "summary": "As in \"Architecture Patterns with Python\": once for each batch that a line is allocated in, when it is \
                    allocated and when it moves.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["orderid", "sku", "qty", "batchref"],
            "additionalProperties": false,
            "properties": {
                "orderid": {"type": "string", "description": "The order."},
                "sku": {"type": "string", "description": "The product."},
                "qty": {
                    "type": "integer", "minimum": 1, "maximum": 1_000_000_000, "description": "Units in this batch.",
                },
                "batchref": {"type": "string", "description": "The batch."},
            },
        },
        "tags": [{"name": "events"}],
        "examples": [{
            "name": "one",
            "payload": {"orderid": "order-7", "sku": "LAMP-RED", "qty": 3, "batchref": "PO-1042"},
        }],
    });
    parts.message(LINE_ALLOCATED, message);
    let channel = json!({
        "address": line_allocated::CHANNEL,
        "title": "The book's channel of allocations",
        "description": "A channel keeps nothing: who is away misses it.",
        "servers": [{"$ref": "#/servers/redis"}],
    });
    parts.channel("lineAllocated", channel, [LINE_ALLOCATED]);
    let operation = json!({
        "title": "Tell the book's channel",
        "summary": "Published once the event's entry is new in the stream.",
        "tags": [{"name": "events"}],
    });
    parts.operation("publishLineAllocated", "send", "lineAllocated", operation);
}

fn webhooks(parts: &mut Parts) {
    let data = event("Allocated")["examples"][0].clone();
    let example = json!([{
        "id": ID,
        "source": "urn:earmark:0f8fad5bd9cb469fa16570867728950e",
        "specversion": "1.0",
        "type": "earmark.Allocated",
        "datacontenttype": "application/json",
        "dataschema": "urn:earmark:event:1:Allocated",
        "subject": "LAMP-RED",
        "time": "2026-02-01T09:30:00Z",
        "data": data,
    }]);
    let headers = json!({
        "type": "object",
        "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
        "properties": {
            "webhook-id": {
                "type": "string",
                "description": "The id of the delivery: the same when it is repeated, with the same bytes.",
            },
            "webhook-timestamp": {"type": "string", "description": "The seconds since 1970, of the attempt."},
            "webhook-signature": {
                "type": "string",
                "description": "By the scheme of Standard Webhooks; two, with a space between, while the secret is changed.",
            },
        },
    });
    let message = json!({
        "name": BATCH,
        "title": "Events as a batch of CloudEvents",
        "summary": "Up to 100 events, in the order of the log.",
        "contentType": "application/cloudevents-batch+json",
        "headers": headers,
        "payload": {"type": "array", "minItems": 1, "maxItems": 100, "items": schema("CloudEvent")},
        "tags": [{"name": "events"}],
        "examples": [{
            "name": "one",
            "headers": {
                "webhook-id": "0f8fad5bd9cb469fa16570867728950e-1-17_1-17",
                "webhook-timestamp": "1769938200",
                "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            },
            "payload": example,
        }],
    });
    parts.message(BATCH, message);
    let channel = json!({
        "address": "/{path}",
        "title": "Webhooks",
        "description": "The path of the receiver's URL. 2xx says that all events of the batch are taken; 429, 502, 503 and \
                        504 ask for a pause, and 410 for no more.",
        "servers": [{"$ref": "#/servers/receiver"}],
        "parameters": {"path": {"description": "As the URL names it."}},
    });
    parts.channel("webhooks", channel, [BATCH]);
    let operation = json!({
        "title": "Tell a receiver",
        "summary": "One request at a time for a receiver; what is not taken is sent again.",
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        "tags": [{"name": "events"}],
    });
    parts.operation("sendEventsToWebhooks", "send", "webhooks", operation);
}
