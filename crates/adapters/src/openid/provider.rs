//! The provider of the settings.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use earmark_application::{AccessToken, Clock, IdentityProvider, Person, SignInAttempt, SignInError, TokenHolder};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse,
};

use super::address::SecureUrl;
use super::claims::{ClaimPath, Claims, OtherClaims, RoleMapping, person};
use super::client::{HttpClient, NoAnswer, root_cause};
use super::known::{ANSWER_TIMEOUT, Knowledge, Known};
use super::tokens::{Bad, Purpose, Token, check, end};
use crate::timeout::timeout;
use crate::tls::TlsError;

/// The scope that every sign-in asks for.
const OPENID: &str = "openid";

/// A provider, and what it calls this service.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Its address, as it calls itself.
    pub issuer: SecureUrl,
    /// What it calls this service.
    pub client_id: String,
    /// By what it knows this service. `None`: the service has nothing that others don't know.
    pub client_secret: Option<String>,
    /// Where it sends browsers back to.
    pub redirect_url: SecureUrl,
    /// What it is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim with the roles.
    pub roles_claim: ClaimPath,
    /// What the values in it mean.
    pub roles: RoleMapping,
    /// For whom its access tokens are that callers may show. `None`: they show none.
    pub audience: Option<String>,
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret.
        f.debug_struct("ProviderSettings")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// A provider can't be used as it is set.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// It can't be asked encrypted.
    #[error("the identity provider can't be asked: {0}")]
    Tls(#[from] TlsError),
    /// An address is none for the protocol.
    #[error("{0} is no address that an identity provider can be given")]
    Address(String),
}

/// What the provider answers to a code.
type TokenResponse = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// This service as a client of the provider.
type OpenIdClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    TokenResponse,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An identity provider that speaks OpenID Connect. It is asked when it is first needed, so the service starts without it.
pub struct OpenIdProvider {
    settings: ProviderSettings,
    redirect: RedirectUrl,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    knowledge: Knowledge,
}

impl fmt::Debug for OpenIdProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenIdProvider")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl OpenIdProvider {
    /// The provider of these settings.
    ///
    /// # Errors
    /// [`OpenIdError`].
    pub fn new(settings: ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, OpenIdError> {
        let unusable = |address: &SecureUrl| OpenIdError::Address(address.to_string());
        let issuer = IssuerUrl::new(settings.issuer.to_string()).map_err(|_| unusable(&settings.issuer))?;
        let redirect = settings.redirect_url.to_string();
        let redirect = RedirectUrl::new(redirect).map_err(|_| unusable(&settings.redirect_url))?;
        Ok(Self {
            http: HttpClient::new(&settings.issuer)?,
            knowledge: Knowledge::new(issuer, Arc::clone(&clock)),
            settings,
            redirect,
            clock,
        })
    }

    /// This service as a client of the provider that is known so.
    fn client(&self, known: &Known) -> OpenIdClient {
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let client = OpenIdClient::from_provider_metadata(known.metadata.clone(), id, secret);
        let client = client.set_redirect_uri(self.redirect.clone());
        let methods = known.metadata.token_endpoint_auth_methods_supported();
        let takes = |method: &CoreClientAuthMethod| methods.is_some_and(|methods| methods.contains(method));
        // Without a word every provider takes the other way.
        if takes(&CoreClientAuthMethod::ClientSecretPost) && !takes(&CoreClientAuthMethod::ClientSecretBasic) {
            return client.set_auth_type(AuthType::RequestBody);
        }
        client
    }

    /// The claims of a token, which may be signed with a key that is new.
    async fn claims<'t>(&self, token: &'t Token, purpose: &Purpose<'_>) -> Result<&'t Claims, SignInError> {
        let known = self.knowledge.current(&self.http).await?;
        match check(token, purpose, &known.metadata, self.clock.now()) {
            Ok(claims) => return Ok(claims),
            Err(Bad::Other(why)) => return Err(why),
            Err(Bad::UnknownKey) => {}
        }
        let unknown = || SignInError::Refused("it is signed with a key that is not the provider's".to_owned());
        // Whoever sends keys of their own must not keep the provider busy, so this may be no more than what is known.
        let newer = self
            .knowledge
            .newer(&self.http, Some(&known))
            .await
            .map_err(|_| unknown())?;
        match check(token, purpose, &newer.metadata, self.clock.now()) {
            Ok(claims) => Ok(claims),
            Err(Bad::Other(why)) => Err(why),
            Err(Bad::UnknownKey) => Err(unknown()),
        }
    }

    fn person(&self, claims: &Claims) -> Result<Person, SignInError> {
        person(claims, &self.settings.roles_claim, &self.settings.roles)
    }
}

#[async_trait]
impl IdentityProvider for OpenIdProvider {
    async fn begin(&self, attempt: &SignInAttempt) -> Result<String, SignInError> {
        let known = self.knowledge.current(&self.http).await?;
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let client = self.client(&known);
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != OPENID);
        let request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(scopes.map(|scope| Scope::new(scope.clone())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0.to_string())
    }

    async fn finish(&self, attempt: &SignInAttempt, code: &str) -> Result<Person, SignInError> {
        let known = self.knowledge.current(&self.http).await?;
        let unusable = |why: &dyn Error| SignInError::Unavailable(why.to_string());
        let client = self.client(&known);
        let exchange = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let exchange = exchange.map_err(|why| unusable(&why))?;
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let answer = exchange.set_pkce_verifier(verifier).request_async(&self.http);
        let answer = timeout(&*self.clock, ANSWER_TIMEOUT, answer).await;
        let answer = answer.unwrap_or_else(|| {
            let why = format!("no answer within {} seconds", ANSWER_TIMEOUT.as_secs());
            Err(RequestTokenError::Request(NoAnswer::new(why)))
        });
        let answer = answer.map_err(|why| exchange_failed(&why))?;
        let Some(token) = answer.extra_fields().id_token() else {
            return Err(SignInError::Refused(
                "the provider answers without an ID token".to_owned(),
            ));
        };
        let purpose = Purpose::SignIn {
            client: &self.settings.client_id,
            nonce: &Nonce::new(attempt.nonce.clone()),
        };
        self.person(self.claims(token, &purpose).await?)
    }

    fn takes_tokens(&self) -> bool {
        self.settings.audience.is_some()
    }

    async fn holder_of(&self, token: &AccessToken) -> Result<TokenHolder, SignInError> {
        let refused = |why: &str| SignInError::Refused(why.to_owned());
        let Some(audience) = &self.settings.audience else {
            return Err(refused("no tokens are taken"));
        };
        let token: Token = token.text.parse().map_err(|_| refused("it is no JWT"))?;
        let claims = self.claims(&token, &Purpose::Call { audience }).await?;
        Ok(TokenHolder {
            person: self.person(claims)?,
            ends_at: end(claims).ok_or_else(|| refused("its end is no instant"))?,
        })
    }
}

/// Why a code is worth nothing. What the provider has answered is not shown, unless it is one of the errors of the protocol.
fn exchange_failed(error: &RequestTokenError<NoAnswer, StandardErrorResponse<CoreErrorResponseType>>) -> SignInError {
    match error {
        RequestTokenError::Request(why) => {
            tracing::warn!(%why, "the identity provider does not answer");
            SignInError::Unavailable(why.to_string())
        }
        RequestTokenError::ServerResponse(answer) => SignInError::Refused(answer.error().to_string()),
        other => {
            let cause: &(dyn Error + 'static) = other;
            SignInError::Refused(format!("its answer can't be read: {}", root_cause(cause)))
        }
    }
}
