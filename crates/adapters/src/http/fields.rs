//! Walking what was sent, field by field, and gathering every fault on the way.
//!
//! Each read answers `None` when the value is at fault, and the walk goes on: a caller that sends three wrong fields is
//! told of three. What comes out is domain types, so whoever holds them need not check again.

use std::borrow::Cow;
use std::fmt::Display;

use earmark_domain::{Count, Quantity, QuantityError};
use jiff::civil::Date;
use serde_json::Number;

use super::json::Json;
use super::problem::shortened;

/// The most faults one answer names. Every field of the largest order can be at fault and told; beyond that the body
/// is rubbish, and repeating it costs more than it helps.
const MAX_FAULTS: usize = 2_000;

/// Room for the fields of nearly every object, so that asking for them takes no more room later.
const USUAL_FIELDS: usize = 8;

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which one, as a path: `lines[2].quantity`. Empty: the body as a whole.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) message: String,
}

/// The fields at fault so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Faults {
    told: Vec<Fault>,
    untold: usize,
}

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Display) {
        if self.told.len() < MAX_FAULTS {
            self.told.push(Fault {
                field: field.into(),
                message: message.to_string(),
            });
        } else {
            self.untold += 1;
        }
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Those that are told, and how many more there are.
    pub(super) fn into_parts(self) -> (Vec<Fault>, usize) {
        (self.told, self.untold)
    }
}

/// An object that is being read. [`finish`](Fields::finish) ends it.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    entries: &'a [(Cow<'a, str>, Json<'a>)],
    /// Its own path; empty for the root.
    path: &'a str,
    /// The fields that it may have, as far as they were asked for, each with whether it has been met at the end.
    known: Vec<(&'static str, bool)>,
}

impl<'a> Fields<'a> {
    /// The object at `path`. Anything else is a fault.
    pub(super) fn of(json: &'a Json<'a>, path: &'a str, faults: &mut Faults) -> Option<Self> {
        let Json::Object(entries) = json else {
            faults.add(path, format_args!("must be an object, is {}", json.kind()));
            return None;
        };
        Some(Self {
            entries,
            path,
            known: Vec::with_capacity(USUAL_FIELDS),
        })
    }

    /// The path of one of its fields.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The value of a field, where one was sent.
    pub(super) fn get(&mut self, name: &'static str) -> Option<&'a Json<'a>> {
        self.known.push((name, false));
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A field that has to be there.
    pub(super) fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<T> {
        let Some(json) = self.get(name) else {
            faults.add(self.path_of(name), "is missing");
            return None;
        };
        read(json)
            .map_err(|message| faults.add(self.path_of(name), message))
            .ok()
    }

    /// A field that may be left out, or be null, which is the same. `None`: it is at fault.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            None | Some(Json::Null) => Some(None),
            Some(json) => read(json)
                .map(Some)
                .map_err(|message| faults.add(self.path_of(name), message))
                .ok(),
        }
    }

    /// A field that may be left out, but must not be null: that could be taken to mean that something is to be taken
    /// away. `None`: it is at fault.
    pub(super) fn given<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            None => Some(None),
            Some(json) => read(json)
                .map(Some)
                .map_err(|message| faults.add(self.path_of(name), message))
                .ok(),
        }
    }

    /// A field that is a list, whose items are read one by one, each with its own path. `None`: it, or one of them, is
    /// at fault.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        faults: &mut Faults,
        mut read: impl FnMut(&Json<'_>, &str, &mut Faults) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        let sent = match self.get(name) {
            None | Some(Json::Null) => return Some(None),
            Some(Json::List(sent)) => sent,
            Some(other) => {
                faults.add(self.path_of(name), format_args!("must be a list, is {}", other.kind()));
                return None;
            }
        };
        let field = self.path_of(name);
        if sent.is_empty() || sent.len() > most {
            let told = format!("must have 1 to {most} entries, has {}", sent.len());
            faults.add(field, told);
            return None;
        }
        let mut items = Vec::with_capacity(sent.len());
        for (index, json) in sent.iter().enumerate() {
            items.extend(read(json, &format!("{field}[{index}]"), faults));
        }
        (items.len() == sent.len()).then_some(Some(items))
    }

    /// Ends the object: what was not asked for is unknown, and nothing may stand twice.
    pub(super) fn finish(mut self, faults: &mut Faults) {
        for (key, _) in self.entries {
            match self.known.iter_mut().find(|(name, _)| name == key) {
                Some((_, met)) if !*met => *met = true,
                Some(_) => faults.add(self.path_of(key), "stands more than once"),
                None => {
                    let known: Vec<&str> = self.known.iter().map(|(name, _)| *name).collect();
                    let field = self.path_of(&shortened(key));
                    faults.add(
                        field,
                        format_args!("is not known here; the fields are {}", known.join(", ")),
                    );
                }
            }
        }
    }
}

/// Text that is a name, or anything else that is made from text.
pub(super) fn text<T, E: Display>(
    new: impl FnOnce(&str) -> Result<T, E>,
) -> impl FnOnce(&Json<'_>) -> Result<T, String> {
    move |json| match json {
        Json::Text(text) => new(text).map_err(|error| error.to_string()),
        other => Err(format!("must be text, is {}", other.kind())),
    }
}

/// `true` or `false`.
pub(super) fn yes_or_no(json: &Json<'_>) -> Result<bool, String> {
    match json {
        Json::Bool(value) => Ok(*value),
        other => Err(format!("must be true or false, is {}", other.kind())),
    }
}

/// One of some words.
pub(super) fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl FnOnce(&Json<'_>) -> Result<T, String> {
    move |json| {
        let allowed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        match json {
            Json::Text(text) => words
                .iter()
                .find(|(word, _)| word == text)
                .map(|(_, value)| *value)
                .ok_or_else(|| format!("must be one of {}, is \"{}\"", allowed(), shortened(text))),
            other => Err(format!("must be one of {}, is {}", allowed(), other.kind())),
        }
    }
}

/// A quantity: 1 to 1,000,000,000.
pub(super) fn quantity(json: &Json<'_>) -> Result<Quantity, String> {
    units(json, 1, Quantity::new)
}

/// A counted quantity: 0 to 1,000,000,000.
pub(super) fn count(json: &Json<'_>) -> Result<Count, String> {
    units(json, 0, Count::new)
}

fn units<T>(json: &Json<'_>, least: u8, new: impl FnOnce(i128) -> Result<T, QuantityError>) -> Result<T, String> {
    match json {
        Json::Number(number) => match whole(number) {
            Some(whole) => new(whole).map_err(|error| error.to_string()),
            None => Err(format!(
                "must be a whole number from {least} to 1000000000, is {number}"
            )),
        },
        other => Err(format!(
            "must be a whole number from {least} to 1000000000, is {}",
            other.kind()
        )),
    }
}

/// A whole number that `new` finds within its bounds.
pub(super) fn whole_number<T, E: Display>(
    new: impl FnOnce(i128) -> Result<T, E>,
) -> impl FnOnce(&Json<'_>) -> Result<T, String> {
    move |json| match json {
        Json::Number(number) => match whole(number) {
            Some(whole) => new(whole).map_err(|error| error.to_string()),
            None => Err(format!("must be a whole number, is {number}")),
        },
        other => Err(format!("must be a whole number, is {}", other.kind())),
    }
}

/// The number as a whole one. `5.0` and `5e0` are whole, as JSON Schema has it.
fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    format!("{float:.0}").parse().ok()
}

/// A day, `YYYY-MM-DD` and nothing else.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("must be a date like 2026-01-31, is \"{}\"", shortened(text));
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(wrong());
    }
    let date: Date = text
        .parse()
        .map_err(|_| format!("must be a date that exists, is \"{text}\""))?;
    // No database, and no shop, has a year 0.
    if date.year() < 1 { Err(wrong()) } else { Ok(date) }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use earmark_domain::Sku;
    use proptest::prelude::*;

    use super::super::json::parse;
    use super::*;

    fn json(text: &str) -> Json<'_> {
        parse(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn every_field_at_fault_is_told() {
        let body = json(r#"{"sku": 7, "quantity": 0, "split": "yes", "prio": 1, "eta": "2026-02-30", "eta": null}"#);
        let mut faults = Faults::default();
        let mut fields = Fields::of(&body, "", &mut faults).expect("an object");
        assert_eq!(fields.required("sku", &mut faults, text(Sku::from_str)), None);
        assert_eq!(fields.required("quantity", &mut faults, quantity), None);
        assert_eq!(fields.required("order_id", &mut faults, text(Sku::from_str)), None);
        assert_eq!(fields.optional("split", &mut faults, yes_or_no), None);
        assert_eq!(fields.optional("eta", &mut faults, text(date)), None);
        assert_eq!(fields.optional("line_id", &mut faults, text(Sku::from_str)), Some(None));
        fields.finish(&mut faults);
        let told: Vec<(String, String)> = faults
            .into_parts()
            .0
            .into_iter()
            .map(|f| (f.field, f.message))
            .collect();
        let told: Vec<(&str, &str)> = told.iter().map(|(f, m)| (f.as_str(), m.as_str())).collect();
        assert_eq!(
            told,
            [
                ("sku", "must be text, is a number"),
                ("quantity", "must be a whole number from 1 to 1000000000, is 0"),
                ("order_id", "is missing"),
                ("split", "must be true or false, is text"),
                ("eta", "must be a date that exists, is \"2026-02-30\""),
                (
                    "prio",
                    "is not known here; the fields are sku, quantity, order_id, split, eta, line_id"
                ),
                ("eta", "stands more than once"),
            ]
        );
    }

    #[test]
    fn a_quantity_is_whole_and_within_bounds_however_it_is_written() {
        for good in ["1", "5.0", "1e3", "1000000000"] {
            assert!(quantity(&json(good)).is_ok(), "{good}");
        }
        for bad in [
            "0",
            "-1",
            "1.5",
            "1000000001",
            "18446744073709551616",
            "1e300",
            "\"5\"",
            "null",
            "true",
            "[]",
        ] {
            assert!(quantity(&json(bad)).is_err(), "{bad}");
        }
        assert_eq!(count(&json("0")).map(Count::get), Ok(0));
        assert_eq!(count(&json("-0")).map(Count::get), Ok(0));
    }

    #[test]
    fn a_date_exists_and_is_spelt_out() {
        assert!(date("2024-02-29").is_ok());
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "20260101",
            "2026-01-01T00:00:00Z",
            " 2026-01-01",
            "0000-01-01",
            "-001-01-01",
            "２０２６-01",
            "",
        ] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_word_is_told_with_the_known_ones() {
        let read = word(&[("reject", 1), ("backorder", 2)]);
        assert_eq!(
            read(&json("\"later\"")),
            Err("must be one of reject, backorder, is \"later\"".to_owned())
        );
    }

    #[test]
    fn a_body_of_rubbish_is_not_repeated_whole() {
        let mut faults = Faults::default();
        for _ in 0..5_000 {
            faults.add("x", "y");
        }
        let (told, untold) = faults.into_parts();
        assert_eq!((told.len(), untold), (MAX_FAULTS, 3_000));
    }

    proptest! {
        #[test]
        fn any_number_is_a_quantity_or_told(number in any::<f64>().prop_filter("JSON has no others", |n| n.is_finite())) {
            let read = Number::from_f64(number).map(Json::Number).map(|json| quantity(&json));
            let whole = number.fract() == 0.0 && (1.0..=1e9).contains(&number);
            prop_assert_eq!(read.map(|read| read.is_ok()), Some(whole));
        }

        #[test]
        fn any_text_is_a_date_or_told(text in ".{0,12}") {
            drop(date(&text));
        }
    }
}
