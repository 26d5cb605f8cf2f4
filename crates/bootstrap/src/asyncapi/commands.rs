//! Commands in: the streams of NATS and Redis, and the book's channel.

use earmark_adapters::redis::CHANGE_BATCH_QUANTITY;
use serde_json::{Value, json};

use super::parts::{Parts, reference};
use super::schemas::schema;

/// The messages.
const NATS: &str = "NatsCommand";
const REDIS: &str = "RedisCommand";
const BOOK: &str = "ChangeBatchQuantity";
const ANSWER: &str = "Answer";

pub(super) fn describe(parts: &mut Parts) {
    answers(parts);
    nats(parts);
    redis(parts);
    book(parts);
}

/// A command of the examples.
fn command() -> Value {
    json!({"allocate": {"order_id": "order-7", "sku": "LAMP-RED", "quantity": 3}})
}

fn answers(parts: &mut Parts) {
    let message = json!({
        "name": ANSWER,
        "title": "The answer to a command",
        "summary": "The status and the body that the single call would have had. Only a product that was set, a message \
                    that was carried out before, and a problem that is told by its words alone are answered otherwise.",
        "contentType": "application/json",
        "payload": {"anyOf": [schema("BulkAnswer"), product_set(), carried_out_before(), problem_in_words()]},
        "tags": [{"name": "commands"}],
        "examples": [
            {
                "name": "refused",
                "payload": {
                    "status": 404,
                    "body": {
                        "type": "/problems/unknown_sku",
                        "title": "Unknown SKU",
                        "status": 404,
                        "detail": "there is no product LAMP-RED",
                        "code": "unknown_sku",
                        "skus": ["LAMP-RED"],
                    },
                },
            },
            {"name": "again", "payload": {"status": 200, "unchanged": true, "body": {"already_processed": true}}},
        ],
    });
    parts.message(ANSWER, message);
    let channel = json!({
        "address": null,
        "title": "The subject that the sender has named",
        "description": "Not one of the server (`$…`), of events (`earmark.…`) or of the stream of the commands.",
        "servers": [{"$ref": "#/servers/nats"}],
    });
    parts.channel("natsAnswers", channel, [ANSWER]);
    let channel = json!({
        "address": "earmark:reply:{name}",
        "title": "The list that the sender has named",
        "description": "Answers are appended to it (`BLPOP` takes the next one). It ends by itself.",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": {"name": {"description": "As the sender has chosen it."}},
    });
    parts.channel("redisAnswers", channel, [ANSWER]);
}

/// An answer with this status and a body of these members, which are always there.
fn answer(description: &str, status: &Value, unchanged: Option<bool>, body: &Value) -> Value {
    let required: Vec<&String> = body
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    let mut properties = json!({
        "status": status,
        "body": {"type": "object", "required": required, "properties": body},
    });
    if let Some(unchanged) = unchanged {
        properties["unchanged"] = json!({
            "type": "boolean", "const": unchanged, "description": "The command has changed nothing.",
        });
    }
    json!({
        "type": "object",
        "description": description,
        "required": properties.as_object().map(|members| members.keys().collect::<Vec<_>>()),
        "properties": properties,
    })
}

/// The answer to the command that sets a product, which has read no more of it than that takes.
fn product_set() -> Value {
    let body = json!({
        "sku": {"type": "string", "description": "The product."},
        "name": {"type": ["string", "null"], "description": "Its name, if it has one."},
        "safety_stock": {"type": "integer", "minimum": 0, "description": "Units kept back from new promises."},
        "version": {"type": "integer", "minimum": 0, "description": "Its version now."},
    });
    let status = json!({"type": "integer", "const": 200, "description": "It is set."});
    answer("A product that was set, without its stock.", &status, None, &body)
}

/// The answer to a message that comes again after it was carried out. Of what it was answered then nothing is kept.
fn carried_out_before() -> Value {
    let status = json!({"type": "integer", "const": 200, "description": "It is done."});
    let meaning = "The message was carried out before, and what it says is not done again.";
    let body = json!({"already_processed": {"type": "boolean", "const": true, "description": meaning}});
    answer(
        "The answer to a message that was carried out before, whatever it was answered then.",
        &status,
        Some(true),
        &body,
    )
}

/// A problem that is told by its words alone: every fault of a message that can't be read is in one text, since the
/// message is kept aside with it, and of a refusal that is told again no more than its words is kept.
fn problem_in_words() -> Value {
    let text = |meaning: &str| json!({"type": "string", "description": meaning});
    let status = json!({
        "type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the problem.",
    });
    let body = json!({
        "type": text("The path of a page that explains it."),
        "title": text("The same for every problem of the kind."),
        "status": status,
        "detail": text("What went wrong, for people: every fault of what can't be read."),
        "code": text("What went wrong: a code, as the single call would have had it."),
    });
    answer(
        "The answer to a message that can't be read, or that comes again after it was refused: a problem without the members \
         that its kind has besides.",
        &status,
        None,
        &body,
    )
}

/// What a command is answered on, if the sender names a place.
fn reply(channel: &str, location: &str, description: &str) -> Value {
    json!({
        "address": {"location": location, "description": description},
        "channel": reference("channels", channel),
    })
}

fn nats(parts: &mut Parts) {
    let headers = json!({
        "type": "object",
        "properties": {
            "Nats-Msg-Id": {
                "type": "string",
                "description": "The sender's id of the command: what comes again under it is not carried out again. Left \
                                out: its place in the stream is the id.",
            },
            "Earmark-Correlation-Id": {
                "type": "string",
                "description": "The id of the request that it belongs to: the `correlation_id` of the events it causes.",
            },
            "Earmark-Reply-To": {"type": "string", "description": "The subject that the answer is published to."},
        },
    });
    let message = json!({
        "name": NATS,
        "title": "A command, in NATS",
        "summary": "One command under its name, as a line of `POST /v1/bulk`.",
        "contentType": "application/json",
        "headers": headers,
        "payload": schema("BulkCommand"),
        "correlationId": {"location": "$message.header#/Earmark-Correlation-Id"},
        "tags": [{"name": "commands"}],
        "examples": [{
            "name": "one",
            "headers": {"Nats-Msg-Id": "desk-4-1041", "Earmark-Reply-To": "desk-4.answers"},
            "payload": command(),
        }],
    });
    parts.message(NATS, message);
    let channel = json!({
        "address": "{subject}",
        "title": "Commands in NATS",
        "description": "A stream of JetStream, which is made if it is missing. A command is acknowledged once its effects are \
                        stored; one that can't be read, or is refused for good, is kept aside with the reason.",
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {
            "subject": {
                "description": "A subject of the stream: its name in small letters, alone or with more behind it.",
                "examples": ["commands", "commands.desk-4"],
            },
        },
    });
    parts.channel("natsCommands", channel, [NATS]);
    let operation = json!({
        "title": "Take commands from NATS",
        "summary": "In the order of the stream, each once in effect.",
        "reply": reply("natsAnswers", "$message.header#/Earmark-Reply-To", "Left out: nobody awaits an answer."),
        "tags": [{"name": "commands"}],
    });
    parts.operation("takeCommandsFromNats", "receive", "natsCommands", operation);
}

fn redis(parts: &mut Parts) {
    let message = json!({
        "name": REDIS,
        "title": "A command as an entry",
        "summary": "The fields of an entry.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["command"],
            "properties": {
                "command": {
                    "type": "string",
                    "description": "One command under its name as JSON text, as a line of `POST /v1/bulk`.",
                    "contentMediaType": "application/json",
                    "contentSchema": schema("BulkCommand"),
                },
                "id": {
                    "type": "string",
                    "description": "The sender's id of the command: what comes again under it is not carried out again. \
                                    Left out: the entry is its id.",
                },
                "correlation_id": {
                    "type": "string",
                    "description": "The id of the request that it belongs to: the `correlation_id` of the events it causes.",
                },
                "reply_to": {
                    "type": "string",
                    "pattern": "^earmark:reply:",
                    "description": "The list that the answer is appended to.",
                },
            },
        },
        "tags": [{"name": "commands"}],
        "examples": [{
            "name": "one",
            "payload": {
                "command": command().to_string(), "id": "desk-4-1041", "reply_to": "earmark:reply:desk-4",
            },
        }],
    });
    parts.message(REDIS, message);
    let channel = json!({
        "address": "{stream}",
        "title": "Commands in a stream of Redis",
        "description": "The key of the stream. All services are one consumer group.",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": {"stream": {"description": "As the URL names it (`stream`).", "default": "earmark:commands"}},
    });
    parts.channel("redisCommands", channel, [REDIS]);
    let operation = json!({
        "title": "Take commands from Redis",
        "summary": "Each once in effect.",
        "reply": reply("redisAnswers", "$message.payload#/reply_to", "Left out: nobody awaits an answer."),
        "tags": [{"name": "commands"}],
    });
    parts.operation("takeCommandsFromRedis", "receive", "redisCommands", operation);
}

fn book(parts: &mut Parts) {
    let message = json!({
        "name": BOOK,
        "title": "A batch has another quantity",
        "summary": "As in \"Architecture Patterns with Python\".",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["batchref", "qty"],
            "properties": {
                "batchref": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The batch."},
                "qty": {
                    "type": "integer", "minimum": 0, "maximum": 1_000_000_000, "description": "Its quantity now, in units.",
                },
            },
        },
        "tags": [{"name": "commands"}],
        "examples": [{"name": "one", "payload": {"batchref": "PO-1042", "qty": 98}}],
    });
    parts.message(BOOK, message);
    let channel = json!({
        "address": CHANGE_BATCH_QUANTITY,
        "title": "The book's channel of quantities",
        "description": "A channel keeps nothing: what is published while no service listens is lost.",
        "servers": [{"$ref": "#/servers/redis"}],
    });
    parts.channel("changeBatchQuantity", channel, [BOOK]);
    let operation = json!({
        "title": "Take quantities from the book's channel",
        "summary": "One service at a time acts on it.",
        "tags": [{"name": "commands"}],
    });
    parts.operation("takeBatchQuantities", "receive", "changeBatchQuantity", operation);
}
