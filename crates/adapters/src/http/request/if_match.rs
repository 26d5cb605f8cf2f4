//! The conditions of a write (RFC 9110): `If-Match`, on the version of a product or an order, and `If-None-Match: *`, that
//! what it creates is new.

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag, HeaderMap, HeaderName};

use crate::http::response::problem::Problem;
use crate::wire::answers::kinds;

/// The condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// It exists: `*`.
    Any,
    /// It has one of these versions.
    Versions(Vec<u64>),
}

impl IfMatch {
    /// The condition of a request, if it has one.
    ///
    /// # Errors
    /// A problem when it is malformed, or is one that this interface does not support.
    pub(crate) fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(None);
        }
        parse(&joined(headers, &header::IF_MATCH)).map(Some).ok_or_else(|| {
            Problem::new(
                &kinds::MALFORMED_CONDITION,
                "If-Match must be * or ETags in double quotes, separated by commas",
            )
        })
    }
}

/// Whether what a request creates has to be new: `If-None-Match: *`.
///
/// # Errors
/// A problem when the condition names versions: no write depends on what it must not have.
pub(crate) fn must_be_new(request: &HttpRequest) -> Result<bool, Problem> {
    let headers = request.headers();
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return Ok(false);
    }
    if joined(headers, &header::IF_NONE_MATCH).trim_ascii() == b"*" {
        Ok(true)
    } else {
        Err(Problem::condition_not_supported("If-None-Match with ETags"))
    }
}

/// The lines of a header as the one list that they are.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let lines: Vec<&[u8]> = headers.get_all(name).map(|line| line.as_bytes()).collect();
    lines.join(&b","[..])
}

/// Reads `*` or a list of ETags; empty entries of the list are ignored. A weak tag or one of another origin never
/// matches; neither is an error.
fn parse(list: &[u8]) -> Option<IfMatch> {
    let list = String::from_utf8_lossy(list);
    if list.trim() == "*" {
        return Some(IfMatch::Any);
    }
    let mut quoted = false;
    // The typed header of the framework splits at commas in quotes too, and drops what it can't read.
    let entries = list.split(|char| {
        quoted ^= char == '"';
        char == ',' && !quoted
    });
    let tags = entries
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::parse::<EntityTag>)
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    let versions = tags.iter().filter(|tag| !tag.weak).filter_map(|tag| version(tag.tag()));
    (!tags.is_empty()).then(|| IfMatch::Versions(versions.collect()))
}

/// The version in a tag of this interface. No version is 0.
fn version(tag: &str) -> Option<u64> {
    let version: u64 = tag.parse().ok()?;
    (version > 0 && version.to_string() == tag).then_some(version)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn versions(of: &[u64]) -> Option<IfMatch> {
        Some(IfMatch::Versions(of.to_vec()))
    }

    #[test]
    fn a_condition_is_a_star_or_a_list_of_tags() {
        assert_eq!(parse(b" * "), Some(IfMatch::Any));
        assert_eq!(parse(b"\"17\""), versions(&[17]));
        assert_eq!(parse(b" \"17\" ,, \"18\",\t\"4\","), versions(&[17, 18, 4]));
    }

    #[test]
    fn a_weak_tag_or_one_of_another_origin_never_matches() {
        for never in [
            &b"W/\"17\""[..],
            b"\"017\"",
            b"\"+17\"",
            b"\"0\"",
            b"\"\"",
            b"\"a,b\"",
            b"\"\xc3\xa9\"",
            b"\"99999999999999999999\"",
        ] {
            assert_eq!(parse(never), versions(&[]), "{never:?}");
        }
        assert_eq!(parse(b"W/\"17\", \"18\""), versions(&[18]));
    }

    #[test]
    fn anything_else_is_malformed() {
        for bad in [
            &b""[..],
            b" ",
            b",",
            b"17",
            b"\"17",
            b"17\"",
            b"*, \"17\"",
            b"\"17\", *",
            b"\"17\" \"18\"",
            b"w/\"17\"",
            b"\"1 7\"",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..32)) {
            drop(parse(&bytes));
        }
    }
}
