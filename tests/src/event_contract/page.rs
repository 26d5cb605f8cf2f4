//! The page for people: what the schemas say, as tables.

use std::fmt::Write as _;

use earmark_adapters::wire::EVENT_FORMAT;
use earmark_domain::EVENT_TYPES;
use serde_json::Value;

use super::Schemas;

/// What no schema says.
const INTRODUCTION: &str = "\
# Events

Everything that changes stock, orders or promises is an event. `GET /v1/events` and its stream show them, and whoever is
named in the setting `events.urls` is told of them ([who is told how](guide/from-message-bus-to-relays.md)). In all places
an event is the same JSON.

This page is made from the code, as are the [JSON Schemas](events/v1/) of the types (draft 2020-12; `earmark events schema
TYPE` prints one) and the AsyncAPI document (`earmark asyncapi`, and `/asyncapi.json` of a service).

## What to rely on

- **At least once, in order for a product.** The same event can come twice, with the same `id`; no other event ever has
  that `id`. The `version`s of a product's events are 1, 2, 3, … without a gap.
- **Within a version of the format, changes are additive.** There may be more types, more fields, more words in a list of
  words, more reasons. Pass over what you do not know. What is here stays: no field goes, none gets another name, type or
  meaning, and none that is always there may be left out. The version is in the `$id` of each schema, and in the
  `dataschema` of the CloudEvents that webhooks get ([ADR 46](adr/0046-the-contract-of-events.md)).
- **Names are texts.** Compare ids, SKUs and references letter by letter: they are case-sensitive, and no numbers.

Quantities are whole units. Dates are days of the shop's calendar (`2026-02-01`), instants are in UTC
(`2026-02-01T09:30:00.123456Z`).
";

/// The page.
///
/// # Panics
/// When a type of event has no schema.
#[must_use]
pub fn page(schemas: &Schemas) -> String {
    let mut page = INTRODUCTION.to_owned();
    let common = &schemas["Allocated"];
    page.push_str("\n## The fields of every event\n\n");
    table(&mut page, common, |name| name != "data");
    write!(
        page,
        "| `data` | object | What happened: the fields of the type, below. |\n\n\
         An event of a product that concerns no order has no `order_id`. In an event of a whole order `sku` and `version` \
         are null.\n\n## The types, in version {EVENT_FORMAT}\n"
    )
    .expect("text can be written");
    for name in EVENT_TYPES {
        let schema = &schemas[name];
        let data = &schema["properties"]["data"];
        let about = match (&schema["properties"]["sku"]["type"], &schema["properties"]["order_id"]) {
            (Value::String(kind), _) if kind == "null" => "a whole order",
            (_, Value::Null) => "a product",
            _ => "a line of an order",
        };
        let meaning = text(&schema["description"]);
        write!(page, "\n### {name}\n\n{meaning} An event of {about}.\n\n").expect("text can be written");
        if data["properties"].is_object() {
            table(&mut page, data, |_| true);
        } else {
            page.push_str("Its `data` is empty.\n");
        }
        let example = &schema["examples"][0]["data"];
        write!(page, "\n```json\n{example}\n```\n").expect("text can be written");
    }
    page
}

/// The fields of an object: those that are always there, in their order, then the others.
fn table(page: &mut String, object: &Value, shown: impl Fn(&str) -> bool) {
    let required: Vec<&str> = object["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let all = object["properties"].as_object();
    let optional = all.into_iter().flatten().map(|(name, _)| name.as_str());
    let optional = optional.filter(|name| !required.contains(name));
    page.push_str("| field | value | meaning |\n| --- | --- | --- |\n");
    for name in required.iter().copied().chain(optional).filter(|name| shown(name)) {
        let field = &object["properties"][name];
        let there = if required.contains(&name) { "" } else { ", or left out" };
        writeln!(page, "| `{name}` | {}{there} | {} |", value(field), meaning(field)).expect("text can be written");
    }
}

fn meaning(field: &Value) -> &str {
    // Of a field that may be null, its variant has it.
    match text(&field["description"]) {
        "" => text(&field["anyOf"][0]["description"]),
        meaning => meaning,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a field can be.
fn value(schema: &Value) -> String {
    if let Some(kinds) = schema["type"].as_array() {
        let mut one = schema.clone();
        one["type"] = kinds[0].clone();
        return format!("{}, or null", value(&one));
    }
    if let Some(variants) = schema["anyOf"].as_array() {
        let known: Vec<String> = variants.iter().map(variant).filter(|text| !text.is_empty()).collect();
        return known.join(", ");
    }
    let number = |keyword: &str| schema[keyword].as_i64();
    match text(&schema["type"]) {
        "string" => match (text(&schema["format"]), number("maxLength")) {
            ("date", _) => "date".to_owned(),
            ("date-time", _) => "instant".to_owned(),
            (_, Some(most)) => format!("text of 1 to {most} characters"),
            _ => "text".to_owned(),
        },
        "integer" => match (number("minimum"), number("maximum")) {
            (Some(least), Some(most)) => format!("whole number, {least} to {most}"),
            (Some(least), None) => format!("whole number from {least}"),
            _ => "whole number".to_owned(),
        },
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", item(&schema["items"])),
        other => other.to_owned(),
    }
}

/// What the items of a list are.
fn item(schema: &Value) -> String {
    match schema["properties"].as_object() {
        Some(fields) => {
            let fields: Vec<&str> = fields.keys().map(String::as_str).collect();
            format!("`{{{}}}`", fields.join(", "))
        }
        None => format!("{}s", value(schema)),
    }
}

/// One of several things that a field can be; nothing for what later releases add.
fn variant(schema: &Value) -> String {
    if let Some(tag) = schema["required"][0].as_str() {
        return format!("`{{\"{tag}\": …}}`");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", text(word))).collect();
        return words.join(", ");
    }
    match text(&schema["type"]) {
        "null" => "null".to_owned(),
        _ if schema["anyOf"].is_array() => value(schema),
        _ => String::new(),
    }
}
