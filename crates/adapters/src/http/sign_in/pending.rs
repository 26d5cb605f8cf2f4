//! A sign-in that was begun with the identity provider and has not come back: all that is kept of it is in a cookie of the
//! browser that has begun it, so that it may come back at any instance.
//!
//! The cookie has a secret of 256 random bits, and when it was drawn. What binds the two halves of the sign-in to each other
//! is derived from both by a hash: of what the provider and the address bar show nobody learns the secret, and whoever
//! changes the instant has another sign-in.

use actix_web::http::header::HeaderMap;
use earmark_application::SignInAttempt;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::cookie::{CookiePlace, digits, is_digits};

/// How long a person may take at the provider.
const LASTS: SignedDuration = SignedDuration::from_mins(10);

/// The name of the cookie.
const NAME: &str = "earmark_sign_in";

/// The same, which browsers take only from this very host, encrypted, for the whole of it.
const HOST_NAME: &str = "__Host-earmark_sign_in";

/// A sign-in that has not come back.
pub(super) struct Pending {
    /// The secret in hexadecimal digits, a dot, and the second in which it was drawn.
    text: String,
}

impl Pending {
    /// A sign-in that begins now.
    pub(super) fn new(secret: [u8; 32], now: Timestamp) -> Self {
        Self {
            text: format!("{}.{}", digits(&secret), now.as_second()),
        }
    }

    /// The one in the cookie of a request, if it is not over; `None`: there is none, or several, of which one could be
    /// somebody else's.
    pub(super) fn of(place: CookiePlace<'_>, headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let text = place.only(headers, name(place))?;
        let (secret, second) = text.split_once('.')?;
        let second: i64 = second.parse().ok().filter(|read: &i64| read.to_string() == second)?;
        let began_at = Timestamp::from_second(second).ok()?;
        let age = now.duration_since(began_at);
        // Another instance may be a second ahead.
        let lasts = age < LASTS && age > SignedDuration::from_mins(-1);
        (is_digits(secret) && lasts).then(|| Self { text: text.to_owned() })
    }

    /// What binds its halves to each other, and to this browser.
    pub(super) fn attempt(&self) -> SignInAttempt {
        let derived = |what: &str| {
            let hash = Sha256::new_with_prefix(what)
                .chain_update([0_u8])
                .chain_update(&self.text);
            let hash: [u8; 32] = hash.finalize().into();
            digits(&hash)
        };
        SignInAttempt {
            state: derived("state"),
            nonce: derived("nonce"),
            verifier: derived("verifier"),
        }
    }

    /// The cookie that keeps it. The provider sends the browser back from another site, so it is sent along then.
    pub(super) fn given(&self, place: CookiePlace<'_>) -> String {
        place.cookie(name(place), &self.text, LASTS.as_secs(), "Lax")
    }

    /// The cookie that takes it away: what has come back does not come back again.
    pub(super) fn taken(place: CookiePlace<'_>) -> String {
        place.cookie(name(place), "", 0, "Lax")
    }
}

const fn name(place: CookiePlace<'_>) -> &'static str {
    if place.is_own_host() { HOST_NAME } else { NAME }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;
    use crate::http::site::BasePath;

    const SECRET: [u8; 32] = [0xa5; 32];

    fn sent(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).expect("a value"));
        headers
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_767_225_600).expect("an instant")
    }

    fn attempt_of(place: CookiePlace<'_>, cookie: &str, seconds: i64) -> Option<SignInAttempt> {
        let at = now() + SignedDuration::from_secs(seconds);
        Pending::of(place, &sent(cookie), at).map(|pending| pending.attempt())
    }

    #[test]
    fn what_is_kept_in_a_browser_is_the_same_sign_in_for_ten_minutes() {
        for is_encrypted in [false, true] {
            let base = BasePath::default();
            let place = CookiePlace {
                is_encrypted,
                base: &base,
            };
            let pending = Pending::new(SECRET, now());
            let given = pending.given(place);
            for part in ["HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"] {
                assert!(given.split("; ").any(|known| known == part), "{given}");
            }
            assert_eq!(given.contains("; Secure"), is_encrypted);
            let cookie = given.split(';').next().expect("a pair");
            assert_eq!(cookie.starts_with("__Host-"), is_encrypted);
            assert_eq!(attempt_of(place, cookie, 599), Some(pending.attempt()));
            assert_eq!(attempt_of(place, cookie, 600), None);
            assert_eq!(attempt_of(place, cookie, -61), None);
            assert!(Pending::taken(place).contains("Max-Age=0"));
        }
    }

    #[test]
    fn whoever_changes_anything_has_another_sign_in_or_none() {
        let base = BasePath::default();
        let place = CookiePlace {
            is_encrypted: false,
            base: &base,
        };
        let attempt = Pending::new(SECRET, now()).attempt();
        let secret = "a5".repeat(32);
        let of = |value: &str| attempt_of(place, &format!("{NAME}={value}"), 1);
        let second = now().as_second();
        assert_eq!(of(&format!("{secret}.{second}")), Some(attempt.clone()));
        let later = of(&format!("{secret}.{}", second + 1)).expect("a sign-in");
        let other = of(&format!("{}.{second}", "a6".repeat(32))).expect("a sign-in");
        for different in [&later, &other] {
            assert_ne!(different.state, attempt.state);
            assert_ne!(different.nonce, attempt.nonce);
            assert_ne!(different.verifier, attempt.verifier);
        }
        for wrong in [
            String::new(),
            secret.clone(),
            format!("{secret}."),
            format!("{secret}.+{second}"),
            format!("{secret}.0{second}"),
            format!("{}.{second}", secret.to_uppercase()),
            format!("{}.{second}", &secret[1..]),
            format!("{secret}.99999999999999999999"),
            format!("{secret}.{second}; {NAME}={secret}.{second}"),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_that_is_shown_is_the_secret_or_another_of_its_parts() {
        let SignInAttempt { state, nonce, verifier } = Pending::new(SECRET, now()).attempt();
        let secret = "a5".repeat(32);
        for (one, other) in [
            (&state, &nonce),
            (&nonce, &verifier),
            (&state, &verifier),
            (&state, &secret),
        ] {
            assert_ne!(one, other);
        }
        assert!((43..=128).contains(&verifier.len()), "as the standard has it");
    }
}
