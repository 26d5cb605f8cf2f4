//! OpenID Connect: an identity provider tells who people are and what they may do.
//!
//! Authorization code with PKCE, state and nonce; keys of the provider that are read anew when there is one that is not known;
//! access tokens of the provider that are JWTs, where an audience is set. The protocol is that of the crate `openidconnect`;
//! here is what it leaves open: how it is asked, for how long what it says is kept, which of its claims is a name and which a
//! role.

mod address;
mod claims;
mod client;
mod known;
mod provider;
mod tokens;

pub use address::{AddressError, SecureUrl};
pub use claims::{ClaimPath, RoleMapping};
pub use provider::{OpenIdError, OpenIdProvider, ProviderSettings};
