//! The cookies of people who sign in: what they are called, what a browser may do with them, and what that of a session
//! stands for.
//!
//! It has an id of 256 random bits, of which the service keeps a hash. No script reads it, and no page of another site has it
//! sent. Where the connection is encrypted it goes over no other, and is called so that no page of another name, and nobody
//! on the way, can have set it.

use actix_web::http::header::{COOKIE, HeaderMap};
use earmark_application::{SESSION_LIFETIME, SessionHash};
use sha2::{Digest, Sha256};

use crate::http::site::BasePath;

/// The name of the cookie.
const NAME: &str = "earmark_session";

/// The same, which browsers take only from this very host, encrypted, for the whole of it.
const HOST_NAME: &str = "__Host-earmark_session";

/// Hexadecimal digits of an id.
const DIGITS: usize = 64;

/// An id, to be given to a browser.
pub(crate) struct SessionId(String);

impl SessionId {
    /// The id of these random bits.
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self(digits(&secret))
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> SessionHash {
        hash(&self.0)
    }
}

/// Where a cookie is given and taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookiePlace<'a> {
    /// Whether the client has come encrypted.
    pub(crate) is_encrypted: bool,
    /// The path that a proxy puts before those of the service.
    pub(crate) base: &'a BasePath,
}

impl CookiePlace<'_> {
    /// Whether its cookies are for this very host, encrypted, and for the whole of it.
    pub(super) const fn is_own_host(self) -> bool {
        self.is_encrypted && self.base.is_root()
    }

    const fn name(self) -> &'static str {
        if self.is_own_host() { HOST_NAME } else { NAME }
    }

    fn path(self) -> String {
        if self.base.is_root() {
            "/".to_owned()
        } else {
            self.base.to_string()
        }
    }

    /// A `Set-Cookie`. Its parts are chosen here and need no quotes.
    pub(super) fn cookie(self, name: &str, value: &str, lasts: i64, same_site: &str) -> String {
        let path = self.path();
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; Max-Age={lasts}; HttpOnly; SameSite={same_site}{secure}")
    }

    /// The value of a cookie; `None`: there is none of the name, or there are several, of which one could be somebody
    /// else's.
    pub(super) fn only<'h>(self, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        let sent = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let pairs = sent
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.split_once('='));
        let mut given = pairs.filter(|(known, _)| known.trim() == name);
        match (given.next(), given.next()) {
            (Some((_, value)), None) => Some(value.trim()),
            _ => None,
        }
    }

    /// The cookie that gives a browser an id.
    pub(crate) fn given(self, id: &SessionId) -> String {
        self.cookie(self.name(), &id.0, SESSION_LIFETIME.as_secs(), "Strict")
    }

    /// The cookie that takes it away.
    pub(crate) fn taken(self) -> String {
        self.cookie(self.name(), "", 0, "Strict")
    }

    /// The session that a request shows; `None`: it shows none, or several, of which one could be somebody else's.
    pub(crate) fn session(self, headers: &HeaderMap) -> Option<SessionHash> {
        let id = self.only(headers, self.name())?;
        is_digits(id).then(|| hash(id))
    }
}

/// 256 bits in hexadecimal digits.
pub(super) fn digits(bytes: &[u8]) -> String {
    let digit = |bits: u8| char::from_digit(u32::from(bits), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Whether a text is 256 bits in hexadecimal digits.
pub(super) fn is_digits(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == DIGITS && text.bytes().all(is_digit)
}

fn hash(id: &str) -> SessionHash {
    SessionHash(Sha256::digest(id.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn sent(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let value = HeaderValue::from_str(cookie).expect("a value");
            headers.append(HeaderName::from_static("cookie"), value);
        }
        headers
    }

    #[test]
    fn the_id_that_is_given_is_the_one_that_is_taken() {
        let id = SessionId::new([171; 32]);
        let root = BasePath::default();
        let shop: BasePath = "/shop".parse().expect("a path");
        for (is_encrypted, base, name) in [
            (false, &root, NAME),
            (true, &root, HOST_NAME),
            (false, &shop, NAME),
            (true, &shop, NAME),
        ] {
            let place = CookiePlace { is_encrypted, base };
            let text = place.given(&id);
            assert!(text.starts_with(&format!("{name}=abababab")), "{text}");
            for part in ["HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
                assert!(text.contains(part), "{text}");
            }
            assert_eq!(text.contains("Secure"), is_encrypted, "{text}");
            let path = if base.is_root() { "Path=/" } else { "Path=/shop" };
            assert!(text.split("; ").any(|part| part == path), "{text}");
            let shown = format!("a=b; {}", text.split(';').next().expect("a pair"));
            assert_eq!(place.session(&sent(&[&shown])), Some(id.hash()));
        }
    }

    #[test]
    fn what_is_no_id_or_more_than_one_is_no_session() {
        let root = BasePath::default();
        let place = CookiePlace {
            is_encrypted: true,
            base: &root,
        };
        let id = "a".repeat(64);
        let of = |cookies: &[&str]| place.session(&sent(cookies));
        assert!(of(&[&format!("{HOST_NAME}={id}")]).is_some());
        // Whoever can't encrypt can't have set the one with the prefix.
        assert_eq!(of(&[&format!("{NAME}={id}")]), None);
        for wrong in [
            format!("{HOST_NAME}="),
            format!("{HOST_NAME}={}", "A".repeat(64)),
            format!("{HOST_NAME}={}", "a".repeat(63)),
            format!("{HOST_NAME}={id}; {HOST_NAME}={}", "b".repeat(64)),
            HOST_NAME.to_owned(),
        ] {
            assert_eq!(of(&[&wrong]), None, "{wrong}");
        }
        assert_eq!(of(&[&format!("{HOST_NAME}={id}"), &format!("{HOST_NAME}={id}")]), None);
    }
}
