//! A JSON value as a tree that keeps what is wrong with it.
//!
//! Deserialising straight into a type stops at the first fault and drops repeated keys. So a body becomes a plain tree
//! first, with its keys in the order sent and repeats kept; [`fields`](super::fields) walks it. The tree borrows its
//! strings from the body where they have no escapes.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Number};

use super::exact::first_rounded;
use super::faults::shortened;

/// With what the parser's message begins when a number exceeds every type.
const OUT_OF_RANGE: &str = "number out of range";

/// What is wrong with a field whose number is out of range: [`JsonError::NumberOutOfRange`].
pub const NOT_EXACT: &str = "is a number that is too large, or has too many digits, to be read exactly";

/// A JSON value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object: its entries in the order sent; a key may occur twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// What it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
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

/// Why bytes can't be read as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// They are not one JSON value. Says what was met, and where.
    Malformed(String),
    /// They are, but one number in them exceeds every number type, or has more digits than any type keeps and would be
    /// taken for a whole number that it is not.
    NumberOutOfRange {
        /// The path of the number from the root.
        field: String,
    },
}

/// Reads one JSON value, with nothing after it.
///
/// # Errors
/// [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    let rounded = Cell::new(false);
    let mut trail = Trail::default();
    match read(bytes, None, &rounded) {
        Ok(json) if !rounded.get() => return Ok(json),
        Ok(json) => match first_rounded(bytes) {
            Some(number) => trail.last = Some(number),
            None => return Ok(json),
        },
        // The parser has no error kind of its own for this fault, which is one of a value and not of the syntax.
        Err(message) if message.starts_with(OUT_OF_RANGE) => {}
        Err(message) => return Err(JsonError::Malformed(message)),
    }
    // Tracking the position costs time, so a second pass finds it, for this rare body alone.
    drop(read(bytes, Some(&mut trail), &rounded));
    Err(JsonError::NumberOutOfRange { field: trail.path() })
}

/// Reads a value. On failure `trail` holds the parser's position. `rounded` is set if there is a number that may have
/// become a whole one by rounding.
fn read<'a>(bytes: &'a [u8], trail: Option<&mut Trail>, rounded: &Cell<bool>) -> Result<Json<'a>, String> {
    let mut deserializer = Deserializer::from_slice(bytes);
    let json = Seed { trail, rounded }.deserialize(&mut deserializer);
    json.and_then(|json| deserializer.end().map(|()| json))
        .map_err(|error| error.to_string())
}

/// The parser's position in the tree.
#[derive(Debug, Default)]
struct Trail {
    steps: Vec<Step>,
    /// How many numbers have been read.
    numbers: usize,
    /// The number at which reading ends.
    last: Option<usize>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Trail {
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(&shortened(key)),
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(&shortened(key));
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// Reads a value.
struct Seed<'t> {
    /// Kept up to date, where given.
    trail: Option<&'t mut Trail>,
    rounded: &'t Cell<bool>,
}

impl Seed<'_> {
    fn enter(&mut self, step: impl FnOnce() -> Step) {
        if let Some(trail) = &mut self.trail {
            trail.steps.push(step());
        }
    }

    fn leave(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.steps.pop();
        }
    }

    /// A seed for a nested value.
    fn nested(&mut self) -> Seed<'_> {
        Seed {
            trail: self.trail.as_deref_mut(),
            rounded: self.rounded,
        }
    }

    /// A number, unless reading ends at it.
    fn number<'de, E: Error>(self, number: Option<Number>) -> Result<Json<'de>, E> {
        if let Some(trail) = self.trail {
            if trail.last == Some(trail.numbers) {
                return Err(E::custom(OUT_OF_RANGE));
            }
            trail.numbers += 1;
        }
        number.map(Json::Number).ok_or_else(|| E::custom(OUT_OF_RANGE))
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
        self.number(Some(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        self.number(Some(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        if value.fract() == 0.0 {
            self.rounded.set(true);
        }
        self.number(Number::from_f64(value))
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
            let value = access.next_element_seed(self.nested())?;
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
            let value = access.next_value_seed(self.nested())?;
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
    fn a_repeated_key_is_kept_twice() {
        let json = parse(br#"{"a": 1, "a": 2}"#).expect("JSON");
        let Json::Object(entries) = json else {
            unreachable!("an object was sent")
        };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn malformed_json_is_reported_with_its_position() {
        for (bytes, place) in [
            (&b""[..], "line 1 column 0"),
            (b"{\"a\": 1} x", "line 1 column 10"),
            (b"{\"a\": }", "line 1 column 7"),
            (b"{\n\"a\": \"\xff\"}", "line 2"),
            (b"{\"a\": \"\\ud800\"}", "line 1"),
        ] {
            let Err(JsonError::Malformed(message)) = parse(bytes) else {
                unreachable!("must be malformed")
            };
            assert!(message.contains(place), "{message}");
        }
    }

    #[test]
    fn borrowed_and_escaped_strings_read_the_same() {
        let borrowed = Json::Text(Cow::Borrowed("é/1"));
        for body in [&b"{\"k\": \"\xc3\xa9/1\"}"[..], br#"{"\u006b": "\u00e9\/1"}"#] {
            assert_eq!(
                parse(body),
                Ok(Json::Object(vec![(Cow::Borrowed("k"), borrowed.clone())]))
            );
        }
    }

    #[test]
    fn a_number_out_of_range_is_a_fault_of_its_field() {
        let bytes = br#"{"lines": [{"quantity": 1}, {"quantity": 1e999}]}"#;
        assert_eq!(
            parse(bytes),
            Err(JsonError::NumberOutOfRange {
                field: "lines[1].quantity".to_owned()
            })
        );
    }

    #[test]
    fn a_number_that_would_be_rounded_to_a_whole_one_is_a_fault_of_its_field() {
        for number in [
            "0.99999999999999999999999",
            "1000000000.00000000000001",
            "99999999999999999999999.5",
            "1e-400",
        ] {
            let body = format!(r#"{{"a": 1, "b": [2.0, "3.5\"", -4e0, {number}], "c": {number}}}"#);
            let field = "b[3]".to_owned();
            assert_eq!(
                parse(body.as_bytes()),
                Err(JsonError::NumberOutOfRange { field }),
                "{number}"
            );
        }
        for number in [
            "1.0",
            "1e3",
            "1000000000.000000000000000000000",
            "0.1e1",
            "100e-2",
            "0.0",
            "0e-999",
            "0.5",
        ] {
            assert!(parse(format!("[{number}]").as_bytes()).is_ok(), "{number}");
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let bytes = b"[".repeat(1_000_000);
        assert!(matches!(parse(&bytes), Err(JsonError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            drop(parse(&bytes));
        }

        #[test]
        fn accepts_what_serde_json_accepts(text in "[\\[\\]{}:,\" 0-9a-z.e-]{0,24}") {
            prop_assert_eq!(
                parse(text.as_bytes()).is_ok(),
                serde_json::from_str::<serde_json::Value>(&text).is_ok()
            );
        }
    }
}
