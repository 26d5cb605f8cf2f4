//! Percent encoding, and the parameters of a query.

use std::borrow::Cow;
use std::fmt::Display;

use percent_encoding::percent_decode_str;

use crate::wire::reading::faults::{Faults, shortened};
use crate::wire::words::Word;

/// The most entries of a page: each has some hundred bytes, so that a page is a moderate response.
pub(crate) const MAX_PAGE: usize = 500;

/// The entries of a page without a limit: about what a screen shows.
pub(crate) const DEFAULT_PAGE: usize = 50;

/// Decodes percent-encoded text. `None`: an escape is incomplete, or the result is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    let escapes_are_complete = text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    // The crate passes an incomplete escape on as it is, and a client must not get something else than it asked for.
    escapes_are_complete
        .then(|| percent_decode_str(text).decode_utf8().ok())
        .flatten()
}

/// The pairs of a query, decoded. `Err`: the name, undecoded, of a pair that can't be decoded.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = Result<(String, String), &str>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| percent_decoded(&text.replace('+', " ")).map(Cow::into_owned);
        decoded(name).zip(decoded(value)).ok_or(name)
    })
}

/// The parameters of a query.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may have these parameters. Any other is a fault.
    pub(crate) fn read(query: &str, known: &[&str], faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for pair in pairs(query) {
            let (name, value) = match pair {
                Ok(pair) => pair,
                Err(name) => {
                    faults.add(shortened(name), "must be percent-encoded UTF-8");
                    continue;
                }
            };
            if !known.contains(&name.as_str()) {
                let message = match known {
                    [] => "is not a known parameter; there are none here".to_owned(),
                    known => format!("is not a known parameter; there are {}", known.join(", ")),
                };
                faults.add(shortened(&name), message);
            } else if read.get(&name).is_some() {
                faults.add(name, "is given more than once");
            } else {
                read.0.push((name, value));
            }
        }
        read
    }

    /// A parameter as text, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// An optional parameter. `None`: it is at fault.
    pub(crate) fn optional<T, E: Display>(
        &self,
        name: &str,
        faults: &mut Faults,
        new: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            None => Some(None),
            Some(text) => new(text).map(Some).map_err(|error| faults.add(name, error)).ok(),
        }
    }
}

/// `true` or `false`, as text.
pub(crate) fn true_or_false(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("must be true or false, is \"{}\"", shortened(other))),
    }
}

/// One of a few words.
pub(crate) fn word<T: Word>(text: &str) -> Result<T, String> {
    let words = || T::ALL.iter().copied();
    words().find(|word| word.spelt() == text).ok_or_else(|| {
        let all: Vec<&str> = words().map(Word::spelt).collect();
        format!("must be one of {}, is \"{}\"", all.join(", "), shortened(text))
    })
}

/// The limit of a page: 1 to `most` entries.
pub(crate) fn limit(most: usize) -> impl FnOnce(&str) -> Result<usize, String> {
    move |text| {
        digits(text)
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| format!("must be a whole number from 1 to {most}, is \"{}\"", shortened(text)))
    }
}

/// A sequence number: 0 or more.
pub(crate) fn sequence(text: &str) -> Result<u64, String> {
    // Databases count in 63 bits.
    digits::<u64>(text)
        .filter(|sequence| i64::try_from(*sequence).is_ok())
        .ok_or_else(|| format!("must be a sequence number, is \"{}\"", shortened(text)))
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults_of(query: &str, known: &[&str]) -> Vec<String> {
        let mut faults = Faults::default();
        let _ = Query::read(query, known, &mut faults);
        faults.into_parts().0.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn an_unknown_parameter_is_never_ignored() {
        assert_eq!(faults_of("preview=true", &[]), ["preview"]);
        assert_eq!(faults_of("limit=1&preview", &["limit"]), ["preview"]);
    }

    #[test]
    fn a_parameter_is_given_once_and_is_well_encoded() {
        assert_eq!(faults_of("limit=1&limit=2", &["limit"]), ["limit"]);
        assert_eq!(faults_of("search=%ff", &["search"]), ["search"]);
        assert_eq!(faults_of("search=%4", &["search"]), ["search"]);
        assert!(faults_of("search=two+words%21&&", &["search"]).is_empty());
    }

    #[test]
    fn a_page_has_at_least_one_entry_and_at_most_the_limit() {
        assert_eq!(limit(100)("100"), Ok(100));
        for bad in ["0", "101", "-1", "+1", "", " 1", "1e2", "99999999999999999999999"] {
            assert!(limit(100)(bad).is_err(), "{bad}");
        }
        assert!(sequence("9223372036854775808").is_err());
        assert_eq!(sequence("0"), Ok(0));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_has_faults(query in ".{0,64}") {
            drop(faults_of(&query, &["limit"]));
        }
    }
}
