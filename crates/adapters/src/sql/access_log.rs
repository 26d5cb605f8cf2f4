//! The log of access decisions, as both stores keep it.

use std::net::IpAddr;

use earmark_application::{AccessDecision, AccessEntry, Caller, EntryId, LoggedEntry, Role, StoreError};
use jiff::Timestamp;

use super::decode::RowContext;

/// The columns of an entry, with its instants read.
#[derive(Debug, Clone)]
pub(crate) struct StoredEntry {
    pub(crate) number: i64,
    pub(crate) id: Vec<u8>,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) caller: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) action: String,
    pub(crate) about: Option<String>,
    pub(crate) decision: String,
    pub(crate) needs: Option<String>,
    pub(crate) count: i64,
    pub(crate) correlation_id: Option<String>,
}

impl TryFrom<StoredEntry> for LoggedEntry {
    type Error = StoreError;

    fn try_from(stored: StoredEntry) -> Result<Self, StoreError> {
        let at = context(&stored.number);
        let needs = stored.needs.as_deref().map(str::parse::<Role>).transpose();
        let address = stored.address.as_deref().map(str::parse::<IpAddr>).transpose();
        let needs = at.read("needs", needs)?;
        let entry = AccessEntry {
            id: EntryId(at.read("id", stored.id.as_slice().try_into())?),
            first_at: stored.first_at,
            last_at: stored.last_at,
            caller: Caller {
                name: stored.caller.map(Into::into),
                address: at.read("address", address)?,
            },
            action: stored.action.into(),
            about: stored.about.map(Into::into),
            decision: at.read("decision", AccessDecision::of(&stored.decision, needs))?,
            count: at.read("count", u64::try_from(stored.count))?,
            correlation_id: stored.correlation_id.map(Into::into),
        };
        Ok(Self {
            number: at.read("number", u64::try_from(stored.number))?,
            entry,
        })
    }
}

/// An entry's row, to name it in errors.
pub(crate) fn context(number: &i64) -> RowContext<'_> {
    RowContext {
        table: "access_log",
        key: number,
    }
}

/// A caller's address as it is stored.
pub(crate) fn stored_address(entry: &AccessEntry) -> Option<String> {
    entry.caller.address.map(|address| address.to_string())
}

/// The role that a decision names, as it is stored.
pub(crate) fn stored_needs(entry: &AccessEntry) -> Option<&'static str> {
    entry.decision.needs().map(Role::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> StoredEntry {
        StoredEntry {
            number: 7,
            id: vec![1; 16],
            first_at: Timestamp::UNIX_EPOCH,
            last_at: Timestamp::UNIX_EPOCH,
            caller: Some("shop".to_owned()),
            address: Some("::1".to_owned()),
            action: "create_batch".to_owned(),
            about: None,
            decision: "forbidden".to_owned(),
            needs: Some("planner".to_owned()),
            count: 3,
            correlation_id: None,
        }
    }

    #[test]
    fn an_entry_is_read_and_what_can_not_be_true_is_reported() {
        let read = LoggedEntry::try_from(stored()).expect("an entry");
        let needs = Role::Planner;
        assert_eq!(read.entry.decision, AccessDecision::Forbidden { needs });
        let wrong: [fn(&mut StoredEntry); 6] = [
            |stored| stored.id = vec![1; 15],
            |stored| stored.address = Some("here".to_owned()),
            |stored| stored.decision = "allowed".to_owned(),
            |stored| stored.needs = None,
            |stored| stored.needs = Some("root".to_owned()),
            |stored| stored.count = -1,
        ];
        for change in wrong {
            let mut stored = stored();
            change(&mut stored);
            let read = LoggedEntry::try_from(stored);
            assert!(
                matches!(&read, Err(StoreError::Corrupt(why)) if why.contains("access_log \"7\"")),
                "{read:?}"
            );
        }
    }
}
