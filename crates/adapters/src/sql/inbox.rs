//! Processed and dead messages, as both stores keep them.

use earmark_application::{DeadMessage, MAX_DEAD_MESSAGES, SourceName, SourceStatus, StoreError};
use earmark_domain::Processed;
use jiff::Timestamp;

use super::decode::RowContext;

/// How a processed message ended: the column `refusal`.
pub(crate) fn processed(refusal: Option<String>) -> Processed {
    refusal.map_or(Processed::Done, Processed::Refused)
}

/// The value of the column `refusal`.
pub(crate) fn refusal(processed: &Processed) -> Option<&str> {
    match processed {
        Processed::Done => None,
        Processed::Refused(reason) => Some(reason),
    }
}

/// The columns of a dead message, with its instant read.
#[derive(Debug)]
pub(crate) struct StoredDeadMessage {
    pub(crate) number: i64,
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) attempts: i64,
    pub(crate) since: Timestamp,
    pub(crate) replayed: bool,
    /// How many bytes the message has,
    pub(crate) bytes: i64,
    /// how many of these are kept,
    pub(crate) kept: i64,
    /// and as many of those as were asked for.
    pub(crate) body: Vec<u8>,
}

impl TryFrom<StoredDeadMessage> for DeadMessage {
    type Error = StoreError;

    fn try_from(stored: StoredDeadMessage) -> Result<Self, StoreError> {
        let at = RowContext {
            table: "dead_messages",
            key: &stored.number,
        };
        Ok(Self {
            number: at.read("number", u64::try_from(stored.number))?,
            source: SourceName::new(&stored.source),
            id: stored.id,
            body: stored.body,
            bytes: at.read("bytes", u64::try_from(stored.bytes))?,
            is_whole: stored.kept == stored.bytes,
            reason: stored.reason,
            attempts: at.read("attempts", u32::try_from(stored.attempts))?,
            since: stored.since,
            replayed: stored.replayed,
        })
    }
}

/// A source, with how many dead messages it has and how many of them are replayed.
pub(crate) fn source_status((name, dead, replayed): (String, i64, i64)) -> Result<SourceStatus, StoreError> {
    let at = RowContext {
        table: "dead_messages",
        key: &name,
    };
    Ok(SourceStatus {
        dead: at.read("dead", u64::try_from(dead))?,
        replayed: at.read("replayed", u64::try_from(replayed))?,
        name: SourceName::new(&name),
    })
}

/// Whether so many more dead messages fit, when a source has those between two numbers and no others. As long as they do
/// nobody need count: what was decided on has left gaps.
pub(crate) const fn surely_fits(first: i64, last: i64, more: usize) -> bool {
    last.saturating_sub(first).saturating_add(1).unsigned_abs() + more as u64 <= MAX_DEAD_MESSAGES
}
