//! The `Idempotency-Key` of a request, and the fingerprint of the call under it.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH};
use earmark_application::{Fingerprint, IdempotencyKey, MAX_IDEMPOTENCY_KEY_CHARS};
use sha2::{Digest, Sha256};

use crate::http::request::query::pairs;
use crate::http::response::problem::Problem;
use crate::wire::answers::kinds;

/// The header of the key.
pub(crate) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that marks an answer which had been stored before. Other services with such keys use the same name.
pub(crate) static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request that has the header: the string of a structured field (RFC 8941) in double quotes, or the same
/// text without quotes.
///
/// # Errors
/// A problem unless there is exactly one key.
pub(crate) fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let wrong = |message: &str| {
        Problem::new(
            &kinds::INVALID_IDEMPOTENCY_KEY,
            format!("the Idempotency-Key {message}"),
        )
    };
    let mut given = headers.get_all(&IDEMPOTENCY_KEY);
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(wrong("must occur once"));
    };
    let value = value
        .to_str()
        .map_err(|_| wrong("must be made of visible ASCII characters"))?;
    let Some(text) = unquoted(value) else {
        return Err(wrong("begins with a double quote and is not a quoted text"));
    };
    IdempotencyKey::new(&text).map_err(|_| {
        wrong(&format!(
            "must have 1 to {MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters"
        ))
    })
}

/// A text without the quotes around it, if it has any. `None`: the quotes don't match.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(text),
            // A backslash escapes a quote and a backslash, and nothing else.
            '\\' => text.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

/// A digest of a request: its method, path, query, condition and body, each behind its length, so that two requests
/// with the same bytes at other boundaries differ.
pub(crate) fn fingerprint(request: &ServiceRequest, body: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    let uri = request.uri();
    let method = request.method().as_str();
    let conditions = request.headers().get_all(IF_MATCH).map(|line| line.as_bytes());
    // With another version it is another request: one that was refused for a stale version must not get that refusal
    // again.
    let condition = conditions.collect::<Vec<_>>().join(&b","[..]);
    for part in [
        method.as_bytes(),
        uri.path().as_bytes(),
        uri.query().unwrap_or_default().as_bytes(),
        &condition,
        body,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Fingerprint(hash.finalize().into())
}

/// Whether a query asks for a preview.
pub(crate) fn is_preview(query: &str) -> bool {
    pairs(query)
        .flatten()
        .any(|(name, value)| name == "preview" && value == "true")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;

    fn key(values: &[&[u8]]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                IDEMPOTENCY_KEY.clone(),
                HeaderValue::from_bytes(value).expect("a header value"),
            );
        }
        key_of(&headers)
            .map(|key| key.as_str().to_owned())
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        for (given, wanted) in [
            (
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
            ),
            ("\"8e03978e\"", "8e03978e"),
            ("\"a\\\"b\\\\c\"", "a\"b\\c"),
            ("a\"b\\c", "a\"b\\c"),
            ("k", "k"),
        ] {
            assert_eq!(key(&[given.as_bytes()]).as_deref(), Ok(wanted), "{given}");
        }
        assert!(key(&["x".repeat(255).as_bytes()]).is_ok());
        assert!(key(&[format!("\"{}\"", "x".repeat(255)).as_bytes()]).is_ok());
    }

    #[test]
    fn an_invalid_key_is_a_problem() {
        for bad in [
            "",
            "\"\"",
            "\"",
            "\"open",
            "\"a\" b",
            "\"a\\n\"",
            "\"a\\",
            "two words",
            "\"two words\"",
        ] {
            let problem = key(&[bad.as_bytes()]).expect_err(bad);
            assert!(
                problem.starts_with("invalid_idempotency_key: the Idempotency-Key "),
                "{problem}"
            );
        }
        assert!(key(&["x".repeat(256).as_bytes()]).is_err());
        assert!(key(&[b"\xc3\xbc"]).is_err());
        assert!(key(&[b"a", b"a"]).is_err(), "a request has one key");
    }

    #[test]
    fn another_request_has_another_fingerprint() {
        let of = |method: &str, uri: &str, body: &str| {
            let request = TestRequest::default()
                .method(method.parse().expect("a method"))
                .uri(uri);
            fingerprint(&request.to_srv_request(), body.as_bytes())
        };
        let one = of("POST", "/v1/orders?a=b", "{}");
        assert_eq!(one, of("POST", "/v1/orders?a=b", "{}"));
        for other in [
            of("PUT", "/v1/orders?a=b", "{}"),
            of("POST", "/v1/order?a=b", "s{}"),
            of("POST", "/v1/orders", "a=b{}"),
            of("POST", "/v1/orders?a=b", "{} "),
            of("POST", "/v1/orders?a=b", ""),
        ] {
            assert_ne!(one, other);
        }
        let on = TestRequest::post()
            .uri("/v1/orders?a=b")
            .insert_header((IF_MATCH, "\"3\""));
        assert_ne!(one, fingerprint(&on.to_srv_request(), b"{}"));
    }

    #[test]
    fn a_preview_is_recognised_in_any_encoding() {
        for preview in ["preview=true", "a=b&preview=true", "pre%76iew=tr%75e&x"] {
            assert!(is_preview(preview), "{preview}");
        }
        for none in ["", "preview", "preview=false", "previews=true", "a=preview=true"] {
            assert!(!is_preview(none), "{none}");
        }
    }
}
