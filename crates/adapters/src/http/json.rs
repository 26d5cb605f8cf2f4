//! Reading JSON without losing what is wrong with it.
//!
//! Deserialising straight into a type stops at the first fault and forgets a key that stands twice. Here a body becomes
//! a plain tree first, keys in the order sent and repeats kept; [`Fields`](super::fields::Fields) walks it and tells
//! every fault.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Number};

/// A JSON value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    /// In the order sent; a key may stand twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What it is, for people.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Why bytes are no JSON that could be walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// They are not one JSON value. Says what was met, and where.
    Malformed(String),
    /// They are, but a number in them is past what any number type holds. Names the field.
    Immense {
        /// Where it stands, as a path from the root.
        field: String,
    },
}

/// Reads one JSON value, and nothing after it.
pub(super) fn parse(bytes: &[u8]) -> Result<Json, Unreadable> {
    let mut trail = Trail::default();
    let mut deserializer = Deserializer::from_slice(bytes);
    let seed = Seed { trail: &mut trail };
    let result = seed
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json));
    result.map_err(|error| {
        let told = error.to_string();
        // The parser has no error kind of its own for this one, and it is a fault of a value, not of the syntax.
        if told.starts_with("number out of range") {
            Unreadable::Immense { field: trail.path() }
        } else {
            Unreadable::Malformed(told)
        }
    })
}

/// Where in the tree the parser is.
#[derive(Debug, Default)]
struct Trail(Vec<Step>);

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Trail {
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(&super::problem::shortened(key)),
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(&super::problem::shortened(key));
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

struct Seed<'a> {
    trail: &'a mut Trail,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        loop {
            self.trail.0.push(Step::Index(list.len()));
            let Some(value) = access.next_element_seed(Seed {
                trail: &mut *self.trail,
            })?
            else {
                break;
            };
            self.trail.0.pop();
            list.push(value);
        }
        self.trail.0.pop();
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            self.trail.0.push(Step::Key(key.clone()));
            let value = access.next_value_seed(Seed {
                trail: &mut *self.trail,
            })?;
            self.trail.0.pop();
            object.push((key, value));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_kept_twice() {
        let json = parse(br#"{"a": 1, "a": 2}"#).expect("JSON");
        let Json::Object(entries) = json else {
            unreachable!("an object was sent")
        };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (bytes, place) in [
            (&b""[..], "line 1 column 0"),
            (b"{\"a\": 1} x", "line 1 column 10"),
            (b"{\"a\": }", "line 1 column 7"),
            (b"{\n\"a\": \"\xff\"}", "line 2"),
            (b"{\"a\": \"\\ud800\"}", "line 1"),
        ] {
            let Err(Unreadable::Malformed(told)) = parse(bytes) else {
                unreachable!("must be malformed")
            };
            assert!(told.contains(place), "{told}");
        }
    }

    #[test]
    fn an_immense_number_is_the_fault_of_its_field() {
        let bytes = br#"{"lines": [{"quantity": 1}, {"quantity": 1e999}]}"#;
        assert_eq!(
            parse(bytes),
            Err(Unreadable::Immense {
                field: "lines[1].quantity".to_owned()
            })
        );
    }

    #[test]
    fn a_value_nested_without_end_does_not_exhaust_the_stack() {
        let bytes = b"[".repeat(1_000_000);
        assert!(matches!(parse(&bytes), Err(Unreadable::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            drop(parse(&bytes));
        }

        #[test]
        fn what_is_json_to_others_is_json_here(text in "[\\[\\]{}:,\" 0-9a-z.e-]{0,24}") {
            prop_assert_eq!(
                parse(text.as_bytes()).is_ok(),
                serde_json::from_str::<serde_json::Value>(&text).is_ok()
            );
        }
    }
}
