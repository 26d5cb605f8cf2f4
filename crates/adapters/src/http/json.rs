//! Reading JSON without losing what is wrong with it.
//!
//! Deserialising straight into a type stops at the first fault and forgets a key that stands twice. Here a body becomes
//! a plain tree first, keys in the order sent and repeats kept; [`Fields`](super::fields::Fields) walks it and tells
//! every fault. The tree borrows its texts from the body wherever they stand there as they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Number};

/// A JSON value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order sent; a key may stand twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
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
pub(super) fn parse(bytes: &[u8]) -> Result<Json<'_>, Unreadable> {
    let told = match read(bytes, None) {
        Ok(json) => return Ok(json),
        Err(told) => told,
    };
    // The parser has no error kind of its own for this one, and it is a fault of a value, not of the syntax.
    if !told.starts_with("number out of range") {
        return Err(Unreadable::Malformed(told));
    }
    // Nearly every body is read to its end, so only for this one is it kept where the parser is.
    let mut trail = Trail::default();
    drop(read(bytes, Some(&mut trail)));
    Err(Unreadable::Immense { field: trail.path() })
}

/// Reads a value, and says what is wrong where that fails; `trail` is where the parser was then.
fn read<'a>(bytes: &'a [u8], trail: Option<&mut Trail>) -> Result<Json<'a>, String> {
    let mut deserializer = Deserializer::from_slice(bytes);
    let json = Seed { trail }.deserialize(&mut deserializer);
    json.and_then(|json| deserializer.end().map(|()| json))
        .map_err(|error| error.to_string())
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

/// Reads a value.
struct Seed<'t> {
    /// Kept where it is given.
    trail: Option<&'t mut Trail>,
}

impl Seed<'_> {
    fn enter(&mut self, step: impl FnOnce() -> Step) {
        if let Some(trail) = &mut self.trail {
            trail.0.push(step());
        }
    }

    fn leave(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.0.pop();
        }
    }

    /// For what lies within.
    fn within(&mut self) -> Seed<'_> {
        Seed {
            trail: self.trail.as_deref_mut(),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        loop {
            self.enter(|| Step::Index(list.len()));
            let value = access.next_element_seed(self.within())?;
            self.leave();
            match value {
                Some(value) => list.push(value),
                None => return Ok(Json::List(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = access.next_key_seed(Key)? {
            self.enter(|| Step::Key(key.clone().into_owned()));
            let value = access.next_value_seed(self.within())?;
            self.leave();
            object.push((key, value));
        }
        Ok(Json::Object(object))
    }
}

/// Reads a key.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
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
    fn a_text_is_read_as_it_is_meant_whether_it_can_be_borrowed_or_not() {
        let borrowed = Json::Text(Cow::Borrowed("é/1"));
        for body in [&b"{\"k\": \"\xc3\xa9/1\"}"[..], br#"{"\u006b": "\u00e9\/1"}"#] {
            assert_eq!(
                parse(body),
                Ok(Json::Object(vec![(Cow::Borrowed("k"), borrowed.clone())]))
            );
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
