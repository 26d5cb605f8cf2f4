//! The identity provider: who knows people, and says who they are and what they may do.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::access::{AccessToken, Person};

/// What binds the two halves of a sign-in to each other, and to the browser in which it was begun. Each part is a text that
/// nobody guesses.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// The provider gives it back: what comes back without it was not begun here.
    pub state: String,
    /// The provider writes it into what it signs: what has another was signed for another sign-in.
    pub nonce: String,
    /// The provider gives the person's token to nobody else than who knows this. 43 to 128 characters.
    pub verifier: String,
}

impl fmt::Debug for SignInAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInAttempt(…)")
    }
}

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The provider does not answer, or answers what makes no sense.
    #[error("the identity provider is not there: {0}")]
    Unavailable(String),
    /// What was shown has expired.
    #[error("the token has expired")]
    Expired,
    /// What was shown is not the provider's, not for this service, or not valid.
    #[error("it is refused: {0}")]
    Refused(String),
}

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// The person.
    pub person: Person,
    /// When the token expires.
    pub ends_at: Timestamp,
}

/// The identity provider. Every call answers within seconds, also while the provider is away.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Begins a sign-in: the address to send the browser to.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`].
    async fn begin(&self, attempt: &SignInAttempt) -> Result<String, SignInError>;

    /// Ends a sign-in with the code that the browser has brought back: who it is. It MUST be asked only for a browser that
    /// has begun this very attempt.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn finish(&self, attempt: &SignInAttempt, code: &str) -> Result<Person, SignInError>;

    /// Whether callers may show tokens of the provider.
    fn takes_tokens(&self) -> bool;

    /// Whom a token stands for that the provider has given to a caller.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn holder_of(&self, token: &AccessToken) -> Result<TokenHolder, SignInError>;
}
