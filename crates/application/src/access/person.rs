//! People: whom a provider of identities knows, and no key of this service.

use std::fmt;
use std::sync::Arc;

use super::principal::Principal;
use super::role::Roles;

/// What the name of a person begins with. No key is called so: its name has no colon.
const PREFIX: &str = "oidc:";

/// The most characters behind the prefix: an address of mail has no more.
const MAX_CHARS: usize = 255;

/// The name of a person, by which events call them: `oidc:` and 1 to 255 printable characters without a space. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(Arc<str>);

/// A text that can't be the name of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a person's name has 1 to {MAX_CHARS} printable characters without a space")]
pub struct PersonNameError;

impl PersonName {
    /// The name of a person whom the provider calls so.
    ///
    /// # Errors
    /// [`PersonNameError`].
    pub fn of(text: &str) -> Result<Self, PersonNameError> {
        Self::new(&format!("{PREFIX}{text}"))
    }

    /// A whole name.
    ///
    /// # Errors
    /// [`PersonNameError`].
    pub fn new(name: &str) -> Result<Self, PersonNameError> {
        let text = name.strip_prefix(PREFIX).ok_or(PersonNameError)?;
        let is_shown = |char: char| !char.is_whitespace() && !char.is_control();
        if !(1..=MAX_CHARS).contains(&text.chars().count()) || !text.chars().all(is_shown) {
            return Err(PersonNameError);
        }
        Ok(Self(Arc::from(name)))
    }

    /// As text.
    #[must_use]
    pub const fn as_str(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person, as the provider has told when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: PersonName,
    /// What the person may do here. None: nothing.
    pub roles: Roles,
}

impl Person {
    /// Whom it stands for.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::new(Arc::clone(self.name.as_str()), self.roles)
    }
}

/// A token of the provider that a caller has shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The SHA-256 hash of its text.
    pub hash: [u8; 32],
    /// Its text.
    pub text: Arc<str>,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::KeyName;
    use super::*;

    #[test]
    fn the_name_of_a_person_is_never_that_of_a_key() {
        for text in ["anna@shop.example", "anna", "sub:2482-897", "änna"] {
            let name = PersonName::of(text).expect("a name");
            assert_eq!(name.to_string(), format!("oidc:{text}"));
            assert_eq!(PersonName::new(&name.to_string()), Ok(name.clone()));
            assert!(KeyName::new(&name.to_string()).is_err());
        }
    }

    #[test]
    fn what_can_not_be_shown_is_no_name() {
        for text in ["", " ", "an na", "anna\n", "\u{1b}[2J", &"x".repeat(256)] {
            assert_eq!(PersonName::of(text), Err(PersonNameError), "{text:?}");
        }
        assert!(PersonName::of(&"ö".repeat(255)).is_ok());
        assert!(PersonName::new("anna").is_err(), "that is a key");
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = AccessToken {
            hash: [7; 32],
            text: "eyJ".into(),
        };
        assert_eq!(format!("{token:?}"), "AccessToken(…)");
    }
}
