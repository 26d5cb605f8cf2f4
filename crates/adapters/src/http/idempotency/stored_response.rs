//! The bytes of a stored response: a line of JSON with the status and the headers, then the body as it was sent.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The line before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    /// Names and values: those that handlers set. Headers of the connection or of one request are added later.
    headers: Vec<(String, String)>,
}

/// A response as bytes. `None`: a header is not text, which never happens with the headers of this interface.
pub(crate) fn encode(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let headers = headers
        .iter()
        .map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect::<Option<_>>()?;
    let head = Head {
        status: status.as_u16(),
        headers,
    };
    let mut bytes = serde_json::to_vec(&head).expect("numbers and text are always JSON");
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Some(bytes)
}

/// The response that was stored as these bytes. `None`: they are not one.
pub(crate) fn decode(bytes: Vec<u8>) -> Option<HttpResponse> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
    let mut response = HttpResponse::build(StatusCode::from_u16(head.status).ok()?);
    for (name, value) in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.append_header((name, HeaderValue::from_str(&value).ok()?));
    }
    Some(response.body(Bytes::from(bytes).slice(end + 1..)))
}

#[cfg(test)]
mod tests {
    use actix_web::body::{MessageBody, to_bytes};
    use actix_web::http::header;
    use futures::FutureExt;

    use super::*;

    fn body_of(response: HttpResponse) -> Bytes {
        let body = to_bytes(response.into_body()).now_or_never().expect("it is there");
        body.unwrap_or_default()
    }

    #[test]
    fn a_response_survives_the_round_trip() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ETAG, HeaderValue::from_static("\"7\""));
        let body = b"{\n\"a\": 1}\n";
        let stored = encode(StatusCode::CREATED, &headers, body).expect("text");
        let again = decode(stored).expect("an answer");
        assert_eq!(again.status(), StatusCode::CREATED);
        let sent: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut decoded: Vec<_> = again
            .headers()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        decoded.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        assert_eq!(decoded.len(), sent.len());
        assert!(sent.iter().all(|header| decoded.contains(header)));
        assert_eq!(body_of(again), &body[..]);
    }

    #[test]
    fn an_empty_body_stays_empty() {
        let stored = encode(StatusCode::OK, &HeaderMap::new(), b"").expect("text");
        let again = decode(stored).expect("an answer");
        assert!(matches!(again.body().size(), actix_web::body::BodySize::Sized(0)));
    }

    #[test]
    fn other_bytes_are_not_a_response() {
        for forged in [
            "",
            "{}",
            "{}\n",
            "{\"status\": 99, \"headers\": []}\n",
            "no JSON\nat all",
        ] {
            assert!(decode(forged.as_bytes().to_vec()).is_none(), "{forged}");
        }
    }
}
