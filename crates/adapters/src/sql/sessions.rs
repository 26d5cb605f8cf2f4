//! Sessions, as both stores keep them.

use earmark_application::{KeyHash, KeyName, Person, PersonName, Session, SessionHash, SessionHolder, StoreError};
use jiff::Timestamp;

use super::access_keys::{read_roles, stored_roles};
use super::decode::RowContext;

/// The columns of a session, with its instants read.
pub(crate) struct StoredSession {
    pub(crate) hash: Vec<u8>,
    pub(crate) key_hash: Option<Vec<u8>>,
    pub(crate) holder: String,
    pub(crate) roles: Option<String>,
    pub(crate) began_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

impl TryFrom<StoredSession> for Session {
    type Error = StoreError;

    fn try_from(stored: StoredSession) -> Result<Self, StoreError> {
        let at = context(&stored.holder);
        let holder = match (&stored.key_hash, &stored.roles) {
            (Some(hash), None) => SessionHolder::Key {
                name: at.read("holder", KeyName::new(&stored.holder))?,
                hash: KeyHash(at.read("key_hash", hash.as_slice().try_into())?),
            },
            (None, Some(roles)) => SessionHolder::Person(Person {
                name: at.read("holder", PersonName::new(&stored.holder))?,
                roles: read_roles(&at, roles)?,
            }),
            _ => return Err(at.corrupt("it is of a key and of a person, or of neither")),
        };
        Ok(Self {
            hash: SessionHash(at.read("hash", stored.hash.as_slice().try_into())?),
            holder,
            began_at: stored.began_at,
            ends_at: stored.ends_at,
        })
    }
}

/// A session's row, to name it in errors: by its holder, since its hash is not shown.
pub(crate) fn context(holder: &String) -> RowContext<'_> {
    RowContext {
        table: "sessions",
        key: holder,
    }
}

/// What says of whom a session is, as it is stored: the hash of a key's secret, or the roles of a person.
pub(crate) fn stored_holder(holder: &SessionHolder) -> (Option<&[u8]>, Option<String>) {
    match holder {
        SessionHolder::Key { hash, .. } => (Some(&hash.0), None),
        SessionHolder::Person(person) => (None, Some(stored_roles(person.roles))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_session_is_reported_and_its_hash_is_not_shown() {
        let read = |hash: Vec<u8>, holder: &str, key_hash: Option<Vec<u8>>, roles: Option<&str>| {
            Session::try_from(StoredSession {
                hash,
                key_hash,
                holder: holder.to_owned(),
                roles: roles.map(str::to_owned),
                began_at: Timestamp::UNIX_EPOCH,
                ends_at: Timestamp::UNIX_EPOCH,
            })
        };
        let key = || Some(vec![7; 32]);
        assert!(read(vec![77; 32], "shop", key(), None).is_ok());
        assert!(read(vec![77; 32], "oidc:anna", None, Some("viewer,sales")).is_ok());
        for wrong in [
            read(vec![77; 31], "shop", key(), None),
            read(vec![77; 32], "two words", key(), None),
            read(vec![77; 32], "oidc:anna", key(), None),
            read(vec![77; 32], "shop", None, Some("viewer")),
            read(vec![77; 32], "oidc:anna", None, Some("root")),
            read(vec![77; 32], "oidc:anna", key(), Some("viewer")),
            read(vec![77; 32], "oidc:anna", None, None),
        ] {
            assert!(
                matches!(&wrong, Err(StoreError::Corrupt(why)) if why.contains("sessions") && !why.contains("77")),
                "{wrong:?}"
            );
        }
    }
}
