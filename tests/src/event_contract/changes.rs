//! What has changed between two editions of the schemas, and whether it is additive.
//!
//! Whoever reads events was told two things: what a schema says holds for every event of the version, those of the past
//! too, as the log keeps them; and what a schema does not know may come. So a change is additive if it only names what
//! could have come before: a type, a field that may be left out, a word, a reason. Whatever is not known to be additive
//! is breaking. The wording of descriptions, and examples, are no part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::Schemas;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether it needs another version.
    pub breaks: bool,
    /// Where, by type and field.
    pub place: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.breaks { "breaking" } else { "additive" };
        write!(f, "{kind}: {} {}", self.place, self.what)
    }
}

/// The keywords that promise nothing.
const WORDING: [&str; 4] = ["$comment", "description", "examples", "title"];

/// All that has changed but for the wording.
#[must_use]
pub fn changes(before: &Schemas, now: &Schemas) -> Vec<Change> {
    let mut found = Found::default();
    for (name, schema) in before {
        match now.get(name) {
            Some(new) => found.schema(name, schema, new),
            None => found.breaking(name, "is written no more"),
        }
    }
    for name in now.keys().filter(|name| !before.contains_key(*name)) {
        found.additive(name, "is a new type");
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Change>);

impl Found {
    fn breaking(&mut self, place: &str, what: impl fmt::Display) {
        self.add(true, place, &what);
    }

    fn additive(&mut self, place: &str, what: impl fmt::Display) {
        self.add(false, place, &what);
    }

    fn add(&mut self, breaks: bool, place: &str, what: &dyn fmt::Display) {
        self.0.push(Change {
            breaks,
            place: place.to_owned(),
            what: what.to_string(),
        });
    }

    fn schema(&mut self, place: &str, before: &Value, now: &Value) {
        let (Some(old), Some(new)) = (before.as_object(), now.as_object()) else {
            if before != now {
                self.breaking(place, format_args!("was {before} and is {now}"));
            }
            return;
        };
        let keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for keyword in keywords {
            match keyword.as_str() {
                wording if WORDING.contains(&wording) => {}
                "properties" => self.fields(place, old, new),
                // Told with the fields.
                "required" => {}
                "items" => self.schema(&format!("{place}[]"), &before["items"], &now["items"]),
                "anyOf" => self.variants(place, &before["anyOf"], &now["anyOf"]),
                "enum" => self.words(place, &before["enum"], &now["enum"]),
                // The names of the other variants: told with these.
                "propertyNames" => {}
                _ if before[keyword] == now[keyword] => {}
                _ => self.breaking(
                    place,
                    format_args!("had {keyword} {} and has {}", before[keyword], now[keyword]),
                ),
            }
        }
    }

    fn fields(&mut self, place: &str, before: &Map<String, Value>, now: &Map<String, Value>) {
        let (old, new) = (fields(before), fields(now));
        let (old_required, new_required) = (required(before), required(now));
        for (name, schema) in &old {
            let place = format!("{place}.{name}");
            let Some(new) = new.get(name) else {
                self.breaking(&place, "is gone");
                continue;
            };
            match (old_required.contains(name), new_required.contains(name)) {
                (true, false) => self.breaking(&place, "may be left out, and never was before"),
                (false, true) => {
                    self.breaking(
                        &place,
                        "is always there, and events that were written before may not have it",
                    );
                }
                _ => {}
            }
            self.schema(&place, schema, new);
        }
        for name in new.keys().filter(|name| !old.contains_key(*name)) {
            let place = format!("{place}.{name}");
            if new_required.contains(name) {
                self.breaking(
                    &place,
                    "is new and always there, and events that were written before don't have it",
                );
            } else {
                self.additive(&place, "is new, and may be left out");
            }
        }
    }

    fn variants(&mut self, place: &str, before: &Value, now: &Value) {
        let (old, new) = (by_key(before), by_key(now));
        for (key, variant) in &old {
            match new.get(key) {
                Some(new) => self.schema(&format!("{place}|{key}"), variant, new),
                None => self.breaking(place, format_args!("is never {key} any more")),
            }
        }
        for key in new.keys().filter(|key| !old.contains_key(*key)) {
            if old.contains_key(OTHERS) {
                self.additive(place, format_args!("may be {key}"));
            } else {
                self.breaking(
                    place,
                    format_args!("may be {key}, and nobody was told to expect others"),
                );
            }
        }
    }

    fn words(&mut self, place: &str, before: &Value, now: &Value) {
        let words = |list: &Value| -> BTreeSet<String> {
            list.as_array().into_iter().flatten().map(ToString::to_string).collect()
        };
        let (old, new) = (words(before), words(now));
        for word in old.difference(&new) {
            self.breaking(place, format_args!("is never {word} any more"));
        }
        for word in new.difference(&old) {
            self.additive(place, format_args!("may be {word}"));
        }
    }
}

fn fields(schema: &Map<String, Value>) -> BTreeMap<&str, &Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let all = properties.into_iter().flatten();
    all.map(|(name, field)| (name.as_str(), field)).collect()
}

fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The variant that stands for those to come.
const OTHERS: &str = "another";

/// Variants, by what tells them apart: the member that names one, its words, its type.
fn by_key(variants: &Value) -> BTreeMap<String, &Value> {
    let key = |variant: &Value| {
        if let Some(tag) = variant["required"][0].as_str() {
            tag.to_owned()
        } else if variant["enum"].is_array() {
            "a word".to_owned()
        } else if let (Some(kind), false) = (variant["type"].as_str(), variant["propertyNames"].is_object()) {
            kind.to_owned()
        } else if variant["anyOf"].is_array() {
            "one of several".to_owned()
        } else {
            OTHERS.to_owned()
        }
    };
    let all = variants.as_array().into_iter().flatten();
    all.map(|variant| (key(variant), variant)).collect()
}
