//! Bodies: their media type, and the whole body within its bounds of size and time.

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::task::consume_budget;

use crate::http::limits::BodyTime;
use crate::http::response::problem::Problem;
use crate::timeout::timeout;
use crate::wire::MAX_COMMAND_BYTES;
use crate::wire::answers::kinds;
use crate::wire::reading::faults::shortened;

/// The media types of the bodies of single calls.
pub(crate) const JSON: &[&str] = &["application/json"];

/// The media type of the forms by which people sign in and out.
pub(crate) const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// The media types of bodies of lines; the first is the one that messages name.
pub(crate) const LINES: &[&str] = &[
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json",
];

/// How much of a body that is too large is still read, so that the client gets the answer and not a reset connection.
const MAX_DRAINED_BYTES: usize = 8 * MAX_COMMAND_BYTES;

/// Checks the media type of a request, which it has even if its body is empty.
///
/// # Errors
/// 415 for any other, none, or a compressed body.
pub(crate) fn require_media_type(request: &HttpRequest, allowed: &[&str]) -> Result<(), Problem> {
    let wrong = |detail: String| Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return wrong("the body must not be compressed".to_owned());
    }
    if !request.headers().contains_key(header::CONTENT_TYPE) {
        return wrong(format!("the Content-Type must be {}, is missing", allowed[0]));
    }
    let given = request.content_type();
    if allowed.iter().any(|allowed| given.eq_ignore_ascii_case(allowed)) {
        Ok(())
    } else {
        wrong(format!(
            "the Content-Type must be {}, is {}",
            allowed[0],
            shortened(given)
        ))
    }
}

/// The whole body.
///
/// # Errors
/// A problem when it is too large, or does not arrive whole and in time.
pub(crate) async fn whole_body(
    time: BodyTime<'_>,
    request: &HttpRequest,
    mut payload: Payload,
) -> Result<Bytes, Problem> {
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
        let first = first.map_err(|error| cut_off(&error))?;
        // Most bodies arrive together with their head.
        if announced == Some(first.len()) && first.len() <= MAX_COMMAND_BYTES {
            return Ok(first);
        }
        let mut length = first.len();
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(MAX_COMMAND_BYTES));
        if length <= MAX_COMMAND_BYTES {
            body.extend_from_slice(&first);
        }
        while let Some(chunk) = payload.next().await {
            // A client may send a byte at a time, and others must get their turn.
            consume_budget().await;
            let chunk = chunk.map_err(|error| cut_off(&error))?;
            length += chunk.len();
            if length > MAX_DRAINED_BYTES {
                break;
            }
            if length <= MAX_COMMAND_BYTES {
                body.extend_from_slice(&chunk);
            }
        }
        if length > MAX_COMMAND_BYTES {
            Err(too_large())
        } else {
            Ok(body.freeze())
        }
    };
    timeout(time.clock, time.limit, read).await.unwrap_or_else(|| {
        let detail = format!("the body did not arrive whole within {} seconds", time.limit.as_secs());
        Err(Problem::new(&kinds::REQUEST_TIMEOUT, detail).closing())
    })
}

/// The problem for a body that was cut off.
pub(crate) fn cut_off(error: &PayloadError) -> Problem {
    tracing::debug!(%error, "a body was cut off");
    Problem::new(&kinds::BROKEN_BODY, "the body did not arrive whole").closing()
}
