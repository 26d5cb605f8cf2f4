//! What a request brings: path, query and body, read once and with every fault gathered.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::api::Mode;
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::fields::{Faults, Fields};
use super::json::{Json, Unreadable, parse};
use super::kinds;
use super::problem::{Problem, shortened};

/// The largest body of a single call. The largest order, 500 lines with the longest names, is a third of it.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long a body may take to arrive whole: 1 MiB over the slowest mobile line, and no more, so that a client that
/// trickles can't hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a body that is refused for its size is still read, so that the client hears of it rather than of a
/// reset connection.
const MAX_DRAINED_BYTES: usize = 8 * MAX_BODY_BYTES;

/// A request that is being read.
#[derive(Debug)]
pub(super) struct Input<'a> {
    request: &'a HttpRequest,
    /// What was wrong so far.
    pub(super) faults: Faults,
    /// Whether a preview is asked for.
    preview: bool,
}

impl<'a> Input<'a> {
    /// A request whose query may only have these parameters. Others are faults: they are never ignored, for a client
    /// that asks for something unknown must not get something else.
    pub(super) fn of(request: &'a HttpRequest, parameters: &[&str]) -> (Self, Query) {
        let mut faults = Faults::default();
        let query = Query::read(request.query_string(), parameters, &mut faults);
        let input = Self {
            request,
            faults,
            preview: false,
        };
        (input, query)
    }

    /// A request for a command, which may be previewed.
    pub(super) fn of_command(request: &'a HttpRequest) -> (Self, Mode) {
        if request.query_string().is_empty() {
            return (Self::without_query(request), Mode::default());
        }
        let (mut input, query) = Self::of(request, &["preview"]);
        let preview = query.optional("preview", &mut input.faults, true_or_false);
        input.preview = preview.flatten().unwrap_or(false);
        let mode = Mode {
            preview: input.preview,
            if_version: None,
        };
        (input, mode)
    }

    /// A request that takes no query parameters.
    pub(super) fn without_query(request: &'a HttpRequest) -> Self {
        Self::of(request, &[]).0
    }

    /// A segment of the path.
    pub(super) fn path<T, E: Display>(
        &mut self,
        name: &'static str,
        new: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        // The router decodes what it can and lets the rest stand, so what is badly encoded shows in the path as sent.
        if percent_decoded(self.request.uri().path()).is_none() {
            self.faults.add(name, "must be percent-encoded UTF-8");
            return None;
        }
        let segment = self.request.match_info().get(name).unwrap_or_default();
        // It leaves %25, %2F and %2B encoded; after those nothing is encoded twice.
        let segment = percent_decoded(segment).unwrap_or_default();
        new(&segment).map_err(|error| self.faults.add(name, error)).ok()
    }

    /// The body, which says that it is JSON. [`json`] reads it.
    ///
    /// # Errors
    /// A problem when it is too large, of another media type, or not whole.
    pub(super) async fn body(&self, payload: Payload) -> Result<Bytes, Problem> {
        media_type(self.request, &["application/json"])?;
        whole_body(self.request, payload).await
    }

    /// The body of a call that can do without one: none at all counts as an object without fields.
    ///
    /// # Errors
    /// As [`body`](Self::body).
    pub(super) async fn body_if_any(&self, payload: Payload) -> Result<Bytes, Problem> {
        let body = whole_body(self.request, payload).await?;
        if body.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        media_type(self.request, &["application/json"])?;
        Ok(body)
    }

    /// What was read, if nothing is at fault.
    ///
    /// # Errors
    /// All faults as one problem.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        finish(self.faults, read).map_err(|problem| problem.of_preview_if(self.preview))
    }
}

/// `true` or `false`, as text.
fn true_or_false(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("must be true or false, is \"{}\"", shortened(other))),
    }
}

/// What was read, if nothing is at fault.
pub(super) fn finish<T>(mut faults: Faults, read: Option<T>) -> Result<T, Problem> {
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        _ => {
            if faults.is_empty() {
                faults.add("", "the request could not be read");
            }
            Err(Problem::invalid(faults))
        }
    }
}

/// A text as JSON.
///
/// # Errors
/// A problem when it is not: then there are no fields to tell faults of.
pub(super) fn json(text: &[u8]) -> Result<Json<'_>, Problem> {
    parse(text).map_err(|unreadable| match unreadable {
        Unreadable::Malformed(told) => Problem::new(&kinds::MALFORMED_JSON, told),
        Unreadable::Immense { field } => {
            let mut faults = Faults::default();
            faults.add(field, "is a number too large to read");
            Problem::invalid(faults)
        }
    })
}

/// Walks an object with `read`, and holds it to the fields that were asked for.
pub(super) fn object<T>(
    json: &Json<'_>,
    path: &str,
    faults: &mut Faults,
    read: impl FnOnce(&mut Fields<'_>, &mut Faults) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::of(json, path, faults)?;
    let value = read(&mut fields, faults);
    fields.finish(faults);
    value
}

/// Holds a request to a media type.
///
/// # Errors
/// 415 for any other, none, or a compressed body.
pub(super) fn media_type(request: &HttpRequest, allowed: &[&str]) -> Result<(), Problem> {
    let wrong = |told: String| Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, told));
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return wrong("the body must not be compressed".to_owned());
    }
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else {
        return wrong(format!("the Content-Type must be {}, is missing", allowed[0]));
    };
    let given = String::from_utf8_lossy(given.as_bytes());
    let essence = given.split(';').next().unwrap_or_default().trim();
    if allowed.iter().any(|allowed| essence.eq_ignore_ascii_case(allowed)) {
        Ok(())
    } else {
        wrong(format!(
            "the Content-Type must be {}, is {}",
            allowed[0],
            shortened(essence)
        ))
    }
}

/// The whole body.
///
/// # Errors
/// A problem when it is too large, or does not arrive whole and in time.
pub(super) async fn whole_body(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(&kinds::PAYLOAD_TOO_LARGE, "the body has more than 1 MiB").closing();
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_DRAINED_BYTES) {
        return Err(too_large());
    }
    let read = async {
        let Some(first) = payload.next().await else {
            return Ok(Bytes::new());
        };
        let first = first.map_err(|error| broken(&error))?;
        // Most bodies come whole with their head.
        if announced == Some(first.len()) && first.len() <= MAX_BODY_BYTES {
            return Ok(first);
        }
        let mut length = first.len();
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(MAX_BODY_BYTES));
        if length <= MAX_BODY_BYTES {
            body.extend_from_slice(&first);
        }
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| broken(&error))?;
            length += chunk.len();
            if length > MAX_DRAINED_BYTES {
                break;
            }
            if length <= MAX_BODY_BYTES {
                body.extend_from_slice(&chunk);
            }
        }
        if length > MAX_BODY_BYTES {
            Err(too_large())
        } else {
            Ok(body.freeze())
        }
    };
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(body) => body,
        Err(_) => Err(Problem::new(
            &kinds::REQUEST_TIMEOUT,
            "the body did not arrive whole within 30 seconds",
        )
        .closing()),
    }
}

/// A body that did not arrive.
pub(super) fn broken(error: &PayloadError) -> Problem {
    tracing::debug!(%error, "a body broke off");
    Problem::new(&kinds::BROKEN_BODY, "the body did not arrive whole").closing()
}

/// The parameters of a query.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn read(query: &str, known: &[&str], faults: &mut Faults) -> Self {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| percent_decoded(&text.replace('+', " ")).map(Cow::into_owned);
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                faults.add(shortened(name), "must be percent-encoded UTF-8");
                continue;
            };
            if !known.contains(&name.as_str()) {
                let told = match known {
                    [] => "is not a known parameter; there are none here".to_owned(),
                    known => format!("is not a known parameter; there are {}", known.join(", ")),
                };
                faults.add(shortened(&name), told);
            } else if read.get(&name).is_some() {
                faults.add(name, "stands more than once");
            } else {
                read.0.push((name, value));
            }
        }
        read
    }

    /// A parameter as text, where it was given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that may be left out. `None`: it is at fault.
    pub(super) fn optional<T, E: Display>(
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

/// Text of a page's length: 1 to `most`.
pub(super) fn limit(most: usize) -> impl FnOnce(&str) -> Result<usize, String> {
    move |text| {
        digits(text)
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| format!("must be a whole number from 1 to {most}, is \"{}\"", shortened(text)))
    }
}

/// A sequence number: 0 or more.
pub(super) fn sequence(text: &str) -> Result<u64, String> {
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

/// Percent-decodes a text; `None` when it is not well encoded, or not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| {
                char::from(byte?)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            };
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Percent-encodes a text as one segment of a path, and ends `path` with it.
pub(super) fn push_percent_encoded(path: &mut String, text: &str) {
    path.reserve(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
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
    fn a_parameter_stands_once_and_is_well_encoded() {
        assert_eq!(faults_of("limit=1&limit=2", &["limit"]), ["limit"]);
        assert_eq!(faults_of("search=%ff", &["search"]), ["search"]);
        assert_eq!(faults_of("search=%4", &["search"]), ["search"]);
        assert!(faults_of("search=two+words%21&&", &["search"]).is_empty());
    }

    #[test]
    fn a_page_has_at_least_one_entry_and_not_too_many() {
        assert_eq!(limit(100)("100"), Ok(100));
        for bad in ["0", "101", "-1", "+1", "", " 1", "1e2", "99999999999999999999999"] {
            assert!(limit(100)(bad).is_err(), "{bad}");
        }
        assert!(sequence("9223372036854775808").is_err());
        assert_eq!(sequence("0"), Ok(0));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_again(text in "\\PC{0,24}") {
            let mut encoded = String::new();
            push_percent_encoded(&mut encoded, &text);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
            prop_assert_eq!(percent_decoded(&encoded), Some(Cow::Borrowed(text.as_str())));
        }

        #[test]
        fn any_query_is_read_or_told(query in ".{0,64}") {
            drop(faults_of(&query, &["limit"]));
        }
    }
}
