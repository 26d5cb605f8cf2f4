//! Tokens: whether they are the provider's, for this service, and in force.

use chrono::{DateTime, Utc};
use earmark_application::SignInError;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    ClaimsVerificationError, ClientId, IdToken, IdTokenVerifier, JsonWebTokenType, Nonce, SignatureVerificationError,
};
use serde_json::Value;

use super::claims::{Claims, OtherClaims};

/// A token, and its claims.
pub(super) type Token =
    IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// By how much the clocks of the provider and of the service may differ.
pub(super) const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// How tokens may be signed: with a key of which others know only the public half. With a shared secret, or not at all, this
/// service or anybody could have signed them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What the head of a token may say of its kind; the second is that of access tokens (RFC 9068).
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// What a token is checked against.
pub(super) enum Purpose<'a> {
    /// It says who has signed in: for this client alone, and for this attempt.
    SignIn { client: &'a str, nonce: &'a Nonce },
    /// A caller shows it: for this audience, and perhaps for others, too.
    Call { audience: &'a str },
}

/// Why a token is not taken.
pub(super) enum Bad {
    /// It is signed with a key that the provider had not when it was asked last.
    UnknownKey,
    /// For any other reason.
    Other(SignInError),
}

fn refused(why: &impl ToString) -> Bad {
    Bad::Other(SignInError::Refused(why.to_string()))
}

/// The claims of a token, if all of it is in order.
///
/// # Errors
/// [`Bad`].
pub(super) fn check<'t>(
    token: &'t Token,
    purpose: &Purpose<'_>,
    provider: &CoreProviderMetadata,
    now: Timestamp,
) -> Result<&'t Claims, Bad> {
    let for_whom = match purpose {
        Purpose::SignIn { client, .. } => client,
        Purpose::Call { audience } => audience,
    };
    let (issuer, keys) = (provider.issuer().clone(), provider.jwks().clone());
    // Without a secret: no token that is signed with one is taken.
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
        IdTokenVerifier::new_public_client(ClientId::new((*for_whom).to_owned()), issuer, keys);
    let is_call = matches!(purpose, Purpose::Call { .. });
    let types = TYPES.map(|name| JsonWebTokenType::new(name.to_owned()).normalize());
    let ahead = seconds(now + LEEWAY);
    let behind = instant(now - LEEWAY);
    let verifier = verifier
        .set_allowed_algs(ALGORITHMS)
        .set_allowed_jose_types(types.into_iter().filter_map(Result::ok))
        .set_other_audience_verifier_fn(move |_| is_call)
        .set_time_fn(move || behind)
        .set_issue_time_verifier_fn(move |issued| match issued.timestamp() <= ahead {
            true => Ok(()),
            false => Err("it was issued in the future".to_owned()),
        });
    let claims = match purpose {
        Purpose::SignIn { nonce, .. } => token.claims(&verifier, *nonce),
        // What says who has signed in is for this service to read, and not for callers to show.
        Purpose::Call { .. } => token.claims(&verifier, |nonce: Option<&Nonce>| match nonce {
            None => Ok(()),
            Some(_) => Err("it is an ID token".to_owned()),
        }),
    };
    let claims = claims.map_err(|why| match why {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => Bad::UnknownKey,
        ClaimsVerificationError::Expired(_) => Bad::Other(SignInError::Expired),
        ClaimsVerificationError::SignatureVerification(why) => refused(&why),
        why => refused(&why),
    })?;
    if let Purpose::SignIn { client, .. } = purpose
        && claims.authorized_party().is_some_and(|party| party.as_str() != *client)
    {
        return Err(refused(&"it was given to another client"));
    }
    let others = &claims.additional_claims().0;
    if others
        .get("nbf")
        .is_some_and(|from| Value::as_f64(from).is_none_or(|from| from > to_f64(ahead)))
    {
        return Err(refused(&"it is not in force yet"));
    }
    Ok(claims)
}

/// When a token ends for this service.
pub(super) fn end(claims: &Claims) -> Option<Timestamp> {
    let end = Timestamp::from_second(claims.expiration().timestamp()).ok()?;
    end.checked_add(LEEWAY).ok()
}

fn seconds(at: Timestamp) -> i64 {
    at.as_second()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of the next millions of years are exact"
)]
const fn to_f64(seconds: i64) -> f64 {
    seconds as f64
}

fn instant(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(at.as_second(), 0).unwrap_or_default()
}
