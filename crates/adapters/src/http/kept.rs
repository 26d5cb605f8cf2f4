//! Answers as they are kept: a line of JSON with the status and the headers, and behind it the body as it was sent.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What stands before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    /// Names and values. All that handlers set; what belongs to the connection or the single request is added later.
    headers: Vec<(String, String)>,
}

/// An answer as bytes. `None`: a header is no text, which none of ours is.
pub(super) fn written(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let headers = headers
        .iter()
        .map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect::<Option<_>>()?;
    let head = Head {
        status: status.as_u16(),
        headers,
    };
    let mut written = serde_json::to_vec(&head).expect("numbers and text are always JSON");
    written.push(b'\n');
    written.extend_from_slice(body);
    Some(written)
}

/// The answer that was kept as these bytes. `None`: they are none.
pub(super) fn read(written: Vec<u8>) -> Option<HttpResponse> {
    let end = written.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&written[..end]).ok()?;
    let mut response = HttpResponse::build(StatusCode::from_u16(head.status).ok()?);
    for (name, value) in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.append_header((name, HeaderValue::from_str(&value).ok()?));
    }
    Some(response.body(Bytes::from(written).slice(end + 1..)))
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
    fn an_answer_comes_back_as_it_was() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ETAG, HeaderValue::from_static("\"7\""));
        let body = b"{\n\"a\": 1}\n";
        let kept = written(StatusCode::CREATED, &headers, body).expect("text");
        let again = read(kept).expect("an answer");
        assert_eq!(again.status(), StatusCode::CREATED);
        let sent: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut told: Vec<_> = again
            .headers()
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        told.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        assert_eq!(told.len(), sent.len());
        assert!(sent.iter().all(|header| told.contains(header)));
        assert_eq!(body_of(again), &body[..]);
    }

    #[test]
    fn an_empty_body_stays_empty() {
        let kept = written(StatusCode::OK, &HeaderMap::new(), b"").expect("text");
        let again = read(kept).expect("an answer");
        assert!(matches!(again.body().size(), actix_web::body::BodySize::Sized(0)));
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        for forged in [
            "",
            "{}",
            "{}\n",
            "{\"status\": 99, \"headers\": []}\n",
            "no JSON\nat all",
        ] {
            assert!(read(forged.as_bytes().to_vec()).is_none(), "{forged}");
        }
    }
}
