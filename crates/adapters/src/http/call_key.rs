//! The key that a request names its call with, and what the call is.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, IF_MATCH};
use earmark_application::{Fingerprint, IdempotencyKey, MAX_IDEMPOTENCY_KEY_CHARS};
use sha2::{Digest, Sha256};

use super::input::percent_decoded;
use super::kinds;
use super::problem::Problem;

/// The header that the key comes in.
pub(super) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key of a request that bears the header.
///
/// It is the string of a structured field, in double quotes, or stands bare; either way it is the same key.
///
/// # Errors
/// A problem when there is none, or more than one, or something else.
pub(super) fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let wrong = |told: &str| Problem::new(&kinds::INVALID_IDEMPOTENCY_KEY, format!("the Idempotency-Key {told}"));
    let mut given = headers.get_all(&IDEMPOTENCY_KEY);
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(wrong("must stand once"));
    };
    let value = value
        .to_str()
        .map_err(|_| wrong("must be made of visible ASCII characters"))?;
    let Some(text) = unquoted(value) else {
        return Err(wrong("begins with a double quote, and is no quoted text to its end"));
    };
    IdempotencyKey::new(&text).map_err(|_| {
        wrong(&format!(
            "must have 1 to {MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters, is another text"
        ))
    })
}

/// A text without the quotes around it, if it has any. `None`: they don't match.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(text),
            // A quote and a backslash can stand within, behind a backslash; nothing else can be written so.
            '\\' => text.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

/// What a request asks for: its method, path, query, condition and body, each with its length, so that none passes into
/// the next.
pub(super) fn fingerprint(request: &ServiceRequest, body: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    let uri = request.uri();
    let method = request.method().as_str();
    let conditions = request.headers().get_all(IF_MATCH).map(|line| line.as_bytes());
    // On another version it is asked for anew: who was refused for a stale one may not hear that again.
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

/// Whether a request only wants to know what would become of it.
pub(super) fn is_preview(query: &str) -> bool {
    let decoded = |text: &str| percent_decoded(text).is_some_and(|text| text == "preview");
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| decoded(name) && percent_decoded(value).is_some_and(|value| value == "true"))
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
    fn a_key_is_the_same_bare_and_in_quotes() {
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
    fn what_is_no_key_is_told() {
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
            let told = key(&[bad.as_bytes()]).expect_err(bad);
            assert!(
                told.starts_with("invalid_idempotency_key: the Idempotency-Key "),
                "{told}"
            );
        }
        assert!(key(&["x".repeat(256).as_bytes()]).is_err());
        assert!(key(&[b"\xc3\xbc"]).is_err());
        assert!(key(&[b"a", b"a"]).is_err(), "one key names one call");
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
    fn a_preview_is_known_however_it_is_spelt() {
        for preview in ["preview=true", "a=b&preview=true", "pre%76iew=tr%75e&x"] {
            assert!(is_preview(preview), "{preview}");
        }
        for none in ["", "preview", "preview=false", "previews=true", "a=preview=true"] {
            assert!(!is_preview(none), "{none}");
        }
    }
}
