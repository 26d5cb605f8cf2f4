//! Secrets, and signatures with them: the symmetric scheme of Standard Webhooks.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::error::WebhookError;

/// What a secret begins with, so that it is known as one wherever it turns up.
const PREFIX: &str = "whsec_";

/// A secret has so many bytes, by the scheme: fewer can be guessed, and more add nothing.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The one in use, and that which takes its place.
const MAX_SECRETS: usize = 2;

/// The secrets that are shared with a receiver: one, or two while one takes the other's place.
pub(super) struct Secrets(Vec<Hmac<Sha256>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Reads secrets: `whsec_`, and 24 to 64 bytes as base64.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub(super) fn parse<S: AsRef<str>>(secrets: &[S]) -> Result<Self, WebhookError> {
        if secrets.is_empty() || secrets.len() > MAX_SECRETS {
            return Err(WebhookError::Secret(
                "there is one, or two while one takes the other's place",
            ));
        }
        let keys: Result<Vec<_>, _> = secrets.iter().map(|secret| key(secret.as_ref())).collect();
        keys.map(Self)
    }

    /// The signatures of a request at an instant, in seconds since 1970: one with each secret.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|key| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<String>>().join(" ")
    }
}

fn key(secret: &str) -> Result<Hmac<Sha256>, WebhookError> {
    let encoded = secret
        .strip_prefix(PREFIX)
        .ok_or(WebhookError::Secret("each begins with whsec_"))?;
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| WebhookError::Secret("what follows whsec_ is base64"))?;
    if !SECRET_BYTES.contains(&bytes.len()) {
        return Err(WebhookError::Secret("each has 24 to 64 bytes, before they are encoded"));
    }
    Hmac::new_from_slice(&bytes).map_err(|_| WebhookError::Secret("one has the wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests that the scheme's libraries have in common.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn sign(secrets: &[&str]) -> String {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let secrets = Secrets::parse(secrets).expect("secrets");
        secrets.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body)
    }

    #[test]
    fn a_signature_is_that_of_the_published_example() {
        assert_eq!(sign(&[SECRET]), SIGNATURE);
    }

    #[test]
    fn two_secrets_give_two_signatures() {
        let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(sign(&[other, SECRET]), format!("{} {SIGNATURE}", sign(&[other])));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for secrets in [
            &[][..],
            &[SECRET, SECRET, SECRET],
            &["C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
            &["whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD"],
            &["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7o"],
            &["whsec_dG9vIHNob3J0"],
            &[long.as_str()],
        ] {
            let refusal = Secrets::parse(secrets).expect_err("they are refused").to_string();
            assert!(!refusal.contains("C2FV") && !refusal.contains("dG9v"), "{refusal}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let shown = format!("{:?}", Secrets::parse(&[SECRET]));
        assert_eq!(shown, "Ok(Secrets(1))");
    }
}
