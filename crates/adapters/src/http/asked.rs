//! On which condition a write is asked for: `If-Match`, as RFC 9110 has it, on the version of a product.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};

use super::kinds;
use super::problem::Problem;

/// A version that nothing ever has: what a write is held to that none of its tags can match.
pub(super) const NO_VERSION: u64 = u64::MAX;

/// What must hold for a write to be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// There is something to write on: `*`.
    Any,
    /// It has one of these versions.
    Versions(Vec<u64>),
}

impl IfMatch {
    /// The condition of a request, if it makes one.
    ///
    /// # Errors
    /// A problem when it can't be read, or is one that this interface can't check.
    pub(super) fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        if headers.contains_key(header::IF_NONE_MATCH) {
            return Err(Problem::condition_not_supported("If-None-Match"));
        }
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(None);
        }
        parse(&whole(headers)).map(Some).ok_or_else(|| {
            Problem::new(
                &kinds::MALFORMED_CONDITION,
                "If-Match must be * or ETags in double quotes, parted by commas",
            )
        })
    }
}

/// The header's lines as the one list that they are.
fn whole(headers: &HeaderMap) -> Vec<u8> {
    let lines: Vec<&[u8]> = headers.get_all(header::IF_MATCH).map(|line| line.as_bytes()).collect();
    lines.join(&b","[..])
}

/// Reads `*` or a list of tags. A weak tag never matches, nor does one that this interface has not made; neither is a
/// fault.
fn parse(text: &[u8]) -> Option<IfMatch> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    if text.trim_ascii() == b"*" {
        return Some(IfMatch::Any);
    }
    let mut versions = Vec::new();
    let mut met = false;
    let mut rest = text;
    loop {
        rest = &rest[rest.iter().take_while(|byte| is_space(byte)).count()..];
        match rest {
            [] if met => return Some(IfMatch::Versions(versions)),
            // Empty entries of a list are passed over.
            [b',', after @ ..] => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let (strong, quoted) = match rest {
            [b'W', b'/', quoted @ ..] => (false, quoted),
            quoted => (true, quoted),
        };
        let [b'"', inner @ ..] = quoted else { return None };
        let end = inner.iter().position(|byte| *byte == b'"')?;
        let (tag, after) = (&inner[..end], &inner[end + 1..]);
        if tag.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return None;
        }
        met = true;
        versions.extend(version(tag).filter(|_| strong));
        let spaces = after.iter().take_while(|byte| is_space(byte)).count();
        match &after[spaces..] {
            [] => rest = &[],
            [b',', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

/// The version that a tag of this interface stands for. Nothing that can be written on has version 0.
fn version(tag: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(tag).ok()?;
    let version: u64 = text.parse().ok()?;
    (version > 0 && version.to_string() == text).then_some(version)
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
    fn a_weak_tag_or_a_foreign_one_is_read_and_never_matches() {
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
