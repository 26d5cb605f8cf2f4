//! Decisions on dead messages, in as many steps as it takes.

use crate::ports::{DEAD_MESSAGE_BATCH, DeadMessageAction, Inbox, MAX_DEAD_MESSAGES, SourceName};
use crate::store_error::StoreError;

/// The most steps: enough for all that a source may have, and a few that are buried meanwhile.
const MAX_STEPS: u64 = MAX_DEAD_MESSAGES / DEAD_MESSAGE_BATCH as u64 + 10;

/// Decides on all dead messages of a source, or on those with these numbers. Answers how many it concerned.
///
/// # Errors
/// As [`Inbox::decide_on_dead_messages`]; it may have concerned some by then.
pub async fn decide_on_dead_messages(
    inbox: &dyn Inbox,
    source: &SourceName,
    numbers: Option<&[u64]>,
    action: DeadMessageAction,
) -> Result<u64, StoreError> {
    let (mut messages, mut after) = (0, 0);
    for _ in 0..MAX_STEPS {
        let decided = inbox.decide_on_dead_messages(source, numbers, after, action).await?;
        messages += decided.messages;
        match decided.next {
            Some(next) => after = next,
            None => break,
        }
    }
    Ok(messages)
}
