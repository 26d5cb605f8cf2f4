//! Dead messages: buried, decided on and replayed by the connection that writes, each call in a transaction of its own.
//! And what becomes of the processed ones in the end.

use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, MAX_DEAD_MESSAGES,
    SourceName, StoreError,
};
use jiff::Timestamp;

use super::super::builder::first_rows;
use super::super::error::store_error;
use super::super::schema::dead_messages;
use super::super::statement::statement;
use crate::sql::decode::counter;
use crate::sql::inbox::surely_fits;

/// Forgets messages that were processed before an instant, the oldest first; answers how many.
pub(in crate::sqlite) fn forget(connection: &mut SqliteConnection, before: Timestamp) -> Result<usize, StoreError> {
    // By hand: a DELETE of the first rows. Each is looked at by its own age: what a clock that went wrong has dated otherwise
    // takes no other with it.
    const FORGET: &str = "DELETE FROM inbox \
         WHERE number IN (SELECT number FROM inbox ORDER BY number LIMIT 1000) AND processed_at < ?";
    const { assert!(INBOX_PURGE_BATCH == 1_000, "as the statement has it") };
    statement::<()>(FORGET)
        .integer(before.as_microsecond())
        .write(connection)
        .map_err(store_error)
}

/// Puts messages aside that are not there; `false`: there would be too many.
pub(in crate::sqlite) fn bury(
    connection: &mut SqliteConnection,
    source: &SourceName,
    messages: &[DeadMessage],
) -> Result<bool, StoreError> {
    if !fits(connection, source, messages.len()).map_err(store_error)? {
        return Ok(false);
    }
    for message in messages {
        diesel::insert_into(dead_messages::table)
            .values((
                dead_messages::source.eq(source.as_str()),
                dead_messages::message_id.eq(message.id.as_str()),
                dead_messages::reason.eq(message.reason.as_str()),
                dead_messages::attempts.eq(i64::from(message.attempts)),
                dead_messages::since.eq(message.since.as_microsecond()),
                dead_messages::replayed.eq(message.replayed),
                dead_messages::bytes.eq(counter(message.bytes)),
                dead_messages::body.eq(message.body.as_slice()),
            ))
            .on_conflict_do_nothing()
            .execute(connection)
            .map_err(store_error)?;
    }
    Ok(true)
}

fn fits(connection: &mut SqliteConnection, source: &SourceName, more: usize) -> QueryResult<bool> {
    let of_source = dead_messages::table.filter(dead_messages::source.eq(source.as_str()));
    let first: Option<i64> = of_source.select(min(dead_messages::number)).get_result(connection)?;
    let last: Option<i64> = of_source.select(max(dead_messages::number)).get_result(connection)?;
    if first
        .zip(last)
        .is_none_or(|(first, last)| surely_fits(first, last, more))
    {
        return Ok(true);
    }
    let count: i64 = of_source.count().get_result(connection)?;
    Ok(count.unsigned_abs() + more as u64 <= MAX_DEAD_MESSAGES)
}

/// Decides on a number of dead messages.
pub(in crate::sqlite) fn decide(
    connection: &mut SqliteConnection,
    source: &SourceName,
    numbers: Option<&[u64]>,
    after: u64,
    action: DeadMessageAction,
) -> Result<DeadMessagesDecided, StoreError> {
    // By hand: lists of numbers.
    const CHOSEN: &str = "SELECT number FROM dead_messages \
         WHERE source = ? AND number > ? AND (? OR number IN (SELECT value FROM json_each(?))) ORDER BY number";
    let text = match action {
        DeadMessageAction::Replay => {
            "UPDATE dead_messages SET replayed = TRUE WHERE number IN (SELECT value FROM json_each(?)) \
             AND NOT replayed AND length(body) = bytes"
        }
        DeadMessageAction::Skip => "DELETE FROM dead_messages WHERE number IN (SELECT value FROM json_each(?))",
    };
    let named = numbers.unwrap_or_default().iter();
    let chosen = statement::<BigInt>(CHOSEN)
        .text(source.as_str())
        .integer(i64::try_from(after).unwrap_or(i64::MAX))
        .integer(i64::from(numbers.is_none()))
        .list(named.filter_map(|number| i64::try_from(*number).ok()));
    let chosen: Vec<i64> = first_rows(chosen.load_iter(connection), DEAD_MESSAGE_BATCH)?;
    let last = chosen.last().copied().filter(|_| chosen.len() == DEAD_MESSAGE_BATCH);
    let decided = statement::<()>(text)
        .list(chosen)
        .write(connection)
        .map_err(store_error)?;
    Ok(DeadMessagesDecided {
        messages: decided as u64,
        next: last.map(i64::unsigned_abs),
    })
}

/// Notes how a replay ended, if the message was tried as often as it says.
pub(in crate::sqlite) fn replay_ended(
    connection: &mut SqliteConnection,
    message: &DeadMessage,
    reason: Option<&str>,
) -> QueryResult<()> {
    let attempts = i64::from(message.attempts);
    let ended = dead_messages::table
        .filter(dead_messages::number.eq(counter(message.number)))
        .filter(dead_messages::attempts.eq(attempts));
    let ended = match reason {
        None => diesel::delete(ended).execute(connection),
        Some(reason) => diesel::update(ended)
            .set((
                dead_messages::reason.eq(reason),
                dead_messages::attempts.eq(attempts.saturating_add(1)),
                dead_messages::replayed.eq(false),
            ))
            .execute(connection),
    };
    // Another instance may have noted it before: then there is no such row.
    ended.map(drop)
}
