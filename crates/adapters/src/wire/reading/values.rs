//! From JSON values to domain types. The error is the message of the fault.

use std::fmt::Display;

use earmark_domain::{Count, Quantity, QuantityError};
use jiff::civil::Date;
use serde_json::Number;

use super::faults::shortened;
use super::json::Json;

/// A name, or any other type that is made from text.
pub fn text<T, E: Display>(new: impl FnOnce(&str) -> Result<T, E>) -> impl FnOnce(&Json<'_>) -> Result<T, String> {
    move |json| match json {
        Json::Text(text) => new(text).map_err(|error| error.to_string()),
        other => Err(format!("must be text, is {}", other.kind())),
    }
}

/// `true` or `false`.
///
/// # Errors
/// For any other value.
pub fn yes_or_no(json: &Json<'_>) -> Result<bool, String> {
    match json {
        Json::Bool(value) => Ok(*value),
        other => Err(format!("must be true or false, is {}", other.kind())),
    }
}

/// One of a set of words.
pub fn word<T: Copy>(words: &'static [(&'static str, T)]) -> impl FnOnce(&Json<'_>) -> Result<T, String> {
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
///
/// # Errors
/// For any other value.
pub fn quantity(json: &Json<'_>) -> Result<Quantity, String> {
    units(json, 1, Quantity::new)
}

/// A counted quantity: 0 to 1,000,000,000.
///
/// # Errors
/// For any other value.
pub fn count(json: &Json<'_>) -> Result<Count, String> {
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

/// A whole number within the bounds of the type that `new` makes.
pub fn whole_number<T, E: Display>(
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

/// The number as a whole one. `5.0` and `5e0` are whole, as in JSON Schema.
fn whole(number: &Number) -> Option<i128> {
    if let Some(whole) = number.as_i128() {
        return Some(whole);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    format!("{float:.0}").parse().ok()
}

/// A day, in the form `YYYY-MM-DD` only.
///
/// # Errors
/// For any other text.
pub fn date(text: &str) -> Result<Date, String> {
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
    // Databases have no year 0.
    if date.year() < 1 { Err(wrong()) } else { Ok(date) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json::parse;
    use super::*;

    fn json(text: &str) -> Json<'_> {
        parse(text.as_bytes()).expect("JSON")
    }

    #[test]
    fn a_quantity_is_whole_and_within_bounds_in_any_notation() {
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
    fn a_date_exists_and_is_written_in_full() {
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
    fn the_fault_of_an_unknown_word_lists_the_known_words() {
        let read = word(&[("reject", 1), ("backorder", 2)]);
        assert_eq!(
            read(&json("\"later\"")),
            Err("must be one of reject, backorder, is \"later\"".to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_number_is_a_quantity_or_a_fault(
            number in any::<f64>().prop_filter("JSON has no other numbers", |n| n.is_finite()),
        ) {
            let read = Number::from_f64(number).map(Json::Number).map(|json| quantity(&json));
            let whole = number.fract() == 0.0 && (1.0..=1e9).contains(&number);
            prop_assert_eq!(read.map(|read| read.is_ok()), Some(whole));
        }

        #[test]
        fn any_text_is_a_date_or_a_fault(text in ".{0,12}") {
            drop(date(&text));
        }
    }
}
