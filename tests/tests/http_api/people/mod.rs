//! People who sign in by an identity provider, and the tokens of it that callers show.

mod browser;
mod forged;
mod sessions;
mod sign_in;
mod tokens;

use earmark_tests::identity_provider::IdentityProvider;
use earmark_tests::service::Desk;
use serde_json::{Value, json};

/// A service that has people signed in by a provider, on the database of a desk.
pub(super) async fn with(provider: &IdentityProvider, desk: &Desk) -> Desk {
    Desk::open_with(desk.db.clone(), provider.settings()).await
}

/// A person with these roles, as the provider has them.
pub(super) fn person(name: &str, roles: &[&str]) -> Value {
    let mail = format!("{name}@shop.example");
    json!({"sub": format!("id-of-{name}"), "email": mail, "email_verified": true, "roles": roles})
}
