//! Sessions, as both stores keep them.

use earmark_application::{KeyHash, KeyName, Session, SessionHash, StoreError};
use jiff::Timestamp;

use super::decode::RowContext;

/// The columns of a session, with its instants read.
pub(crate) struct StoredSession {
    pub(crate) hash: Vec<u8>,
    pub(crate) key_hash: Vec<u8>,
    pub(crate) key_name: String,
    pub(crate) began_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

impl TryFrom<StoredSession> for Session {
    type Error = StoreError;

    fn try_from(stored: StoredSession) -> Result<Self, StoreError> {
        let at = context(&stored.key_name);
        Ok(Self {
            hash: SessionHash(at.read("hash", stored.hash.as_slice().try_into())?),
            key: KeyHash(at.read("key_hash", stored.key_hash.as_slice().try_into())?),
            key_name: at.read("key_name", KeyName::new(&stored.key_name))?,
            began_at: stored.began_at,
            ends_at: stored.ends_at,
        })
    }
}

/// A session's row, to name it in errors: by its key, since its hash is not shown.
pub(crate) fn context(key_name: &String) -> RowContext<'_> {
    RowContext {
        table: "sessions",
        key: key_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_session_is_reported_and_its_hash_is_not_shown() {
        let read = |hash: Vec<u8>, key_name: &str| {
            Session::try_from(StoredSession {
                hash,
                key_hash: vec![7; 32],
                key_name: key_name.to_owned(),
                began_at: Timestamp::UNIX_EPOCH,
                ends_at: Timestamp::UNIX_EPOCH,
            })
        };
        assert!(read(vec![77; 32], "shop").is_ok());
        for wrong in [read(vec![77; 31], "shop"), read(vec![77; 32], "two words")] {
            assert!(
                matches!(&wrong, Err(StoreError::Corrupt(why)) if why.contains("sessions") && !why.contains("77")),
                "{wrong:?}"
            );
        }
    }
}
