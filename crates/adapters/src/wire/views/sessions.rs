//! Sessions of browsers: what may be shown of them.

use earmark_application::{Session, SessionHolder};
use jiff::Timestamp;
use serde::Serialize;

use super::keys::RoleWord;
use super::list::Each;
use crate::wire::text::Text;

/// The session of a browser, without what opens anything.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Session))]
pub struct SessionJson<'a> {
    /// Its id, which opens nothing.
    #[cfg_attr(feature = "schema", schema(example = "6f1c09d2a4e7"))]
    pub id: String,
    /// Of whom it is: the name of a key, or of a person as `oidc:…`.
    #[cfg_attr(feature = "schema", schema(example = "oidc:anna@shop.example"))]
    pub who: &'a str,
    /// What a person may do; null: what the key may do.
    #[cfg_attr(feature = "schema", schema(required))]
    pub roles: Option<Vec<RoleWord>>,
    /// When it began.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub began_at: Text<Timestamp>,
    /// When it ends by itself.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T21:30:00Z"))]
    pub ends_at: Text<Timestamp>,
}

impl<'a> From<&'a Session> for SessionJson<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            id: session.hash.to_string(),
            who: session.holder.name(),
            roles: match &session.holder {
                SessionHolder::Key { .. } => None,
                SessionHolder::Person(person) => Some(person.roles.iter().map(RoleWord::from).collect()),
            },
            began_at: Text(session.began_at),
            ends_at: Text(session.ends_at),
        }
    }
}

/// All sessions.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SessionPage))]
pub struct SessionPageJson<'a> {
    /// Sessions, by whose they are and by when they began.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<SessionJson<'static>>))]
    pub items: Each<'a, Session, SessionJson<'a>>,
    /// Always null: they are few.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<&'a str>,
}
