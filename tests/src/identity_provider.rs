//! An identity provider of one's own for one case: it signs in whom it is told to at once, and forges what it is told to.
//!
//! It speaks as much of OpenID Connect as a client needs: discovery, keys, the authorization endpoint and the token endpoint
//! with PKCE. What the real ones do besides, `cargo xtask openid` tries.

mod forged;
mod http;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use forged::{Forgery, Seal};
use http::{Answer, Request};

/// What the provider calls the service.
pub const CLIENT: &str = "earmark";

/// By what it knows the service.
pub const CLIENT_SECRET: &str = "the-secret-of-the-client";

/// The host that it sends browsers back to. Nothing is there: a case takes the path to the service that it tries.
pub const HOST: &str = "https://earmark.example";

/// For whom its access tokens are.
pub const AUDIENCE: &str = "earmark-api";

/// What it does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    Answers,
    /// It takes the question, and says nothing.
    Hangs,
    /// It says that it can't.
    Fails,
}

/// A key that it signs with.
struct SigningKey {
    id: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    fn new(id: String) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&random()).expect("a key");
        Self { id, pair }
    }

    fn public(&self) -> Value {
        let x = encoded(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": x})
    }
}

/// A code, and what it was given for.
struct Given {
    redirect: String,
    nonce: Value,
    challenge: String,
    claims: Value,
}

struct Desk {
    key: SigningKey,
    keys_made: usize,
    mood: Mood,
    /// Who is signed in next.
    person: Value,
    forgery: Forgery,
    codes: HashMap<String, Given>,
    asked: HashMap<String, usize>,
}

/// A provider that listens on loopback until it is dropped.
pub struct IdentityProvider {
    issuer: String,
    desk: Arc<Mutex<Desk>>,
    serving: JoinHandle<()>,
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("random bytes");
    bytes
}

/// Bytes as tokens have them.
fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What time it is at the provider.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a provider goes by a clock of its own")]
pub fn clock() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The seconds since 1970.
fn now() -> i64 {
    clock().as_second()
}

impl IdentityProvider {
    /// Starts one that signs in a viewer.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let desk = Desk {
            key: SigningKey::new("key-0".to_owned()),
            keys_made: 1,
            mood: Mood::Answers,
            person: json!({"sub": "1", "email": "anna@shop.example", "email_verified": true, "roles": ["viewer"]}),
            forgery: Forgery::none(),
            codes: HashMap::new(),
            asked: HashMap::new(),
        };
        let desk = Arc::new(Mutex::new(desk));
        let (shared, own) = (Arc::clone(&desk), issuer.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (desk, issuer) = (Arc::clone(&shared), own.clone());
                tokio::spawn(http::serve(stream, move |request| answer(&desk, &issuer, &request)));
            }
        });
        Self { issuer, desk, serving }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of a service that has people signed in by it, as environment variables.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        self.settings_under("")
    }

    /// The same, where a proxy puts a path before those of the service.
    #[must_use]
    pub fn settings_under(&self, base: &str) -> Vec<(String, String)> {
        let redirect = format!("{HOST}{base}/sign-in/callback");
        let settings = [
            ("ISSUER", self.issuer.as_str()),
            ("CLIENT_ID", CLIENT),
            ("CLIENT_SECRET", CLIENT_SECRET),
            ("REDIRECT_URL", &redirect),
            ("AUDIENCE", AUDIENCE),
        ];
        let variable = |(name, value): (&str, &str)| (format!("EARMARK__SIGN_IN__{name}"), value.to_owned());
        settings.map(variable).into()
    }

    /// Its address.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Has it sign in another person from now on.
    pub fn knows(&self, person: Value) {
        self.desk().person = person;
    }

    /// Has it forge what it signs from now on.
    pub fn forges(&self, forgery: Forgery) {
        self.desk().forgery = forgery;
    }

    /// Has it do so from now on.
    pub fn is_now(&self, mood: Mood) {
        self.desk().mood = mood;
    }

    /// Has it sign with another key from now on; the one before is withdrawn.
    pub fn rotates_its_key(&self) {
        let mut desk = self.desk();
        desk.key = SigningKey::new(format!("key-{}", desk.keys_made));
        desk.keys_made += 1;
    }

    /// How often it was asked for a path.
    #[must_use]
    pub fn times_asked(&self, path: &str) -> usize {
        self.desk().asked.get(path).copied().unwrap_or_default()
    }

    /// What it gives the browser of whoever is sent to this address: an address to go back to.
    ///
    /// # Panics
    /// When it is not asked as the standard has it.
    #[must_use]
    pub fn visited(&self, address: &str) -> String {
        let path = address.strip_prefix(&self.issuer).expect("an address of the provider");
        let request = Request::get(path);
        assert_eq!(request.path, "/authorize");
        authorize(&mut self.desk(), &request)
    }

    /// An access token with these claims, besides those that every one has.
    #[must_use]
    pub fn access_token(&self, claims: &Value, forgery: &Forgery) -> String {
        let mut all = json!({
            "iss": self.issuer, "aud": AUDIENCE, "exp": now() + 300, "iat": now(), "client_id": "robot", "jti": encoded(&random()),
        });
        merge(&mut all, claims);
        signed(&self.desk().key, "at+jwt", all, forgery)
    }
}

fn merge(all: &mut Value, more: &Value) {
    let members = all.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
}

/// A token, or what is forged of it.
fn signed(key: &SigningKey, kind: &str, mut claims: Value, forgery: &Forgery) -> String {
    let mut head = json!({"alg": "EdDSA", "typ": kind, "kid": key.id});
    forgery.change(&mut head, &mut claims);
    let [head, claims] = [head, claims].map(|part| encoded(part.to_string().as_bytes()));
    let text = format!("{head}.{claims}");
    let seal = forgery.seal(&key.pair, text.as_bytes());
    format!("{text}.{}", encoded(&seal))
}

fn answer(desk: &Mutex<Desk>, issuer: &str, request: &Request) -> Option<Answer> {
    let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
    *desk.asked.entry(request.path.clone()).or_default() += 1;
    match desk.mood {
        Mood::Hangs => return None,
        Mood::Fails => return Some(Answer::json(503, &json!({"error": "temporarily_unavailable"}))),
        Mood::Answers => {}
    }
    let at = |path: &str| format!("{issuer}{path}");
    Some(match request.path.as_str() {
        "/.well-known/openid-configuration" => Answer::json(
            200,
            &json!({
                "issuer": issuer,
                "authorization_endpoint": at("/authorize"),
                "token_endpoint": at("/token"),
                "jwks_uri": at("/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                // What it says it may sign with is not what a client takes.
                "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
            }),
        ),
        "/keys" => Answer::json(200, &json!({"keys": [desk.key.public()]})),
        "/token" => token(&mut desk, issuer, request),
        _ => Answer::json(404, &json!({})),
    })
}

/// Signs the person in, and answers where the browser goes back to.
fn authorize(desk: &mut Desk, request: &Request) -> String {
    let of = |name: &str| request.parameter(name).unwrap_or_default();
    assert_eq!(
        [of("response_type"), of("client_id"), of("code_challenge_method")],
        ["code", CLIENT, "S256"]
    );
    let redirect = of("redirect_uri");
    assert!(
        redirect.starts_with(HOST) && redirect.ends_with("/sign-in/callback"),
        "{redirect}"
    );
    assert!(of("scope").split(' ').any(|scope| scope == "openid"));
    assert!(
        of("state").len() >= 43 && of("nonce").len() >= 43,
        "nobody guesses them"
    );
    let code = encoded(&random());
    let given = Given {
        redirect: redirect.clone(),
        nonce: json!(of("nonce")),
        challenge: of("code_challenge"),
        claims: desk.person.clone(),
    };
    desk.codes.insert(code.clone(), given);
    format!("{redirect}?code={code}&state={}", of("state"))
}

/// Gives a token for a code: once, and to the client that has asked for it alone.
fn token(desk: &mut Desk, issuer: &str, request: &Request) -> Answer {
    let refused = |why: &str| Answer::json(400, &json!({"error": why}));
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("{CLIENT}:{CLIENT_SECRET}"));
    if request.header("authorization") != Some(&format!("Basic {basic}")) {
        return Answer::json(401, &json!({"error": "invalid_client"}));
    }
    let of = |name: &str| request.parameter(name).unwrap_or_default();
    let Some(given) = desk.codes.remove(&of("code")) else {
        return refused("invalid_grant");
    };
    let challenge = encoded(digest(&SHA256, of("code_verifier").as_bytes()).as_ref());
    if of("grant_type") != "authorization_code" || of("redirect_uri") != given.redirect || challenge != given.challenge
    {
        return refused("invalid_grant");
    }
    let mut claims = json!({
        "iss": issuer, "aud": CLIENT, "exp": now() + 300, "iat": now(), "nonce": given.nonce,
    });
    merge(&mut claims, &given.claims);
    let token = signed(&desk.key, "JWT", claims, &desk.forgery);
    let mut answer = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": token});
    if desk.forgery.has_no_token {
        answer.as_object_mut().expect("an object").remove("id_token");
    }
    Answer::json(200, &answer)
}
