//! What is known of the provider: its addresses and its keys, read when they are first needed, kept for a while, and read
//! anew when it signs with a key that is not among them. However many ask, and whatever they show, it is asked every few
//! seconds at most.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use earmark_application::{Clock, SignInError};
use openidconnect::core::CoreProviderMetadata;
use openidconnect::{DiscoveryError, IssuerUrl};
use url::Url;

use super::address::is_secure;
use super::client::{HttpClient, NoAnswer, root_cause};
use crate::timeout::timeout;

/// How long the provider may take to answer one question of a person who waits. Who has not answered by then is not there.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// After so long it is read anew: addresses seldom change.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

/// For so long it is used when it can't be read anew. A key that the provider has withdrawn is not taken for longer.
const USED_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// It is read so often at most, also by those who show tokens with keys that nobody knows.
const READ_EVERY: Duration = Duration::from_secs(5);

/// What the provider says of itself, and its keys.
pub(super) struct Known {
    pub(super) metadata: CoreProviderMetadata,
    /// When it was read.
    at: Duration,
}

/// What is known of the provider.
pub(super) struct Knowledge {
    issuer: IssuerUrl,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<Arc<Known>>>,
    /// When it was last asked. Whoever asks holds it, so that one asks at a time.
    asked: tokio::sync::Mutex<Option<Duration>>,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knowledge")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Knowledge {
    /// Nothing is known yet.
    pub(super) fn new(issuer: IssuerUrl, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            clock,
            known: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
        }
    }

    /// What is known, and still fresh.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`].
    pub(super) async fn current(&self, http: &HttpClient) -> Result<Arc<Known>, SignInError> {
        let known = self.last();
        let now = self.clock.monotonic();
        match known {
            Some(known) if now.saturating_sub(known.at) < FRESH_FOR => Ok(known),
            Some(old) => match self.newer(http, Some(&old)).await {
                Err(_) if now.saturating_sub(old.at) < USED_FOR => Ok(old),
                newer => newer,
            },
            None => self.newer(http, None).await,
        }
    }

    /// What is known after this; `None`: after nothing.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`], also when it was asked for just before.
    pub(super) async fn newer(&self, http: &HttpClient, than: Option<&Known>) -> Result<Arc<Known>, SignInError> {
        let mut asked = self.asked.lock().await;
        // Whoever has asked meanwhile has asked for all.
        if let Some(known) = self.last().filter(|known| than.is_none_or(|than| known.at > than.at)) {
            return Ok(known);
        }
        let now = self.clock.monotonic();
        if asked.is_some_and(|last| now.saturating_sub(last) < READ_EVERY) {
            return Err(SignInError::Unavailable("it was asked just before".to_owned()));
        }
        *asked = Some(now);
        let discovered = CoreProviderMetadata::discover_async(self.issuer.clone(), http);
        let read = match timeout(&*self.clock, ANSWER_TIMEOUT, discovered).await {
            Some(read) => read.map_err(|why| reason(&why)).and_then(checked),
            None => Err(format!("no answer within {} seconds", ANSWER_TIMEOUT.as_secs())),
        };
        // Who does not answer in time is not asked again at once.
        *asked = Some(self.clock.monotonic());
        match read {
            Ok(metadata) => {
                let known = Arc::new(Known { metadata, at: now });
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                Ok(known)
            }
            Err(why) => {
                tracing::warn!(issuer = %self.issuer.as_str(), %why, "the identity provider does not say what it is");
                Err(SignInError::Unavailable(why))
            }
        }
    }

    fn last(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Checks that nobody is sent to an address that can be read and changed on the way. (Where the service itself sends
/// something, its client checks.)
fn checked(metadata: CoreProviderMetadata) -> Result<CoreProviderMetadata, String> {
    let address: &Url = metadata.authorization_endpoint().url();
    if is_secure(address) {
        return Ok(metadata);
    }
    Err(format!("{address} is not encrypted"))
}

/// Why there is nothing to know. What the provider has answered is not shown.
fn reason(error: &DiscoveryError<NoAnswer>) -> String {
    match error {
        DiscoveryError::Response(_, _, why) => why.clone(),
        other => {
            let cause: &(dyn Error + 'static) = other;
            root_cause(cause)
        }
    }
}
