//! What is wrong with a token.

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

use super::{CLIENT_SECRET, random};

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// With the key of the provider.
    Own,
    /// With a key of somebody else, under the name of the provider's.
    Foreign,
    /// Not at all.
    None,
    /// With the secret that the service shares with the provider.
    Secret,
    /// With the public key of the provider, as if it were a secret.
    PublicKey,
}

type Change = Arc<dyn Fn(&mut Value, &mut Value) + Send + Sync>;

/// What is changed in a token before it is signed, and how it is signed.
#[derive(Clone)]
pub struct Forgery {
    change: Option<Change>,
    seal: Seal,
    /// Whether the provider answers without a token.
    pub(super) has_no_token: bool,
}

impl fmt::Debug for Forgery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forgery")
            .field("seal", &self.seal)
            .finish_non_exhaustive()
    }
}

impl Forgery {
    /// Nothing is wrong.
    #[must_use]
    pub fn none() -> Self {
        Self {
            change: None,
            seal: Seal::Own,
            has_no_token: false,
        }
    }

    /// There is no token.
    #[must_use]
    pub fn missing() -> Self {
        Self {
            has_no_token: true,
            ..Self::none()
        }
    }

    /// Something is changed in the claims.
    #[must_use]
    pub fn of_claims(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self {
            change: Some(Arc::new(move |_, claims| change(claims))),
            ..Self::none()
        }
    }

    /// Something is changed in the head.
    #[must_use]
    pub fn of_head(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self {
            change: Some(Arc::new(move |head, _| change(head))),
            ..Self::none()
        }
    }

    /// It is signed otherwise.
    #[must_use]
    pub fn sealed(self, seal: Seal) -> Self {
        Self { seal, ..self }
    }

    pub(super) fn change(&self, head: &mut Value, claims: &mut Value) {
        match self.seal {
            Seal::None => head["alg"] = "none".into(),
            Seal::Secret | Seal::PublicKey => head["alg"] = "HS256".into(),
            Seal::Own | Seal::Foreign => {}
        }
        if let Some(change) = &self.change {
            change(head, claims);
        }
    }

    pub(super) fn seal(&self, own: &Ed25519KeyPair, text: &[u8]) -> Vec<u8> {
        let with = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::sign(&key, text).as_ref().to_vec()
        };
        match self.seal {
            Seal::Own => own.sign(text).as_ref().to_vec(),
            Seal::Foreign => {
                let other = Ed25519KeyPair::from_seed_unchecked(&random()).expect("a key");
                other.sign(text).as_ref().to_vec()
            }
            Seal::None => Vec::new(),
            Seal::Secret => with(CLIENT_SECRET.as_bytes()),
            Seal::PublicKey => with(own.public_key().as_ref()),
        }
    }
}
