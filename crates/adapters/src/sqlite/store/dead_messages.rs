//! Dead messages: buried, decided on and replayed by the connection that writes, each call in a transaction of its own.
//! And what becomes of the processed ones in the end.

use std::collections::BTreeSet;

use diesel::dsl::{exists, max, min, sql};
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::{BigInt, Bool};
use earmark_application::{
    DEAD_MESSAGE_BATCH, DeadMessage, DeadMessageAction, DeadMessagesDecided, INBOX_PURGE_BATCH, MessagesForgotten,
    SourceName, StoreError,
};
use earmark_domain::{InboxRecord, Processed};
use jiff::Timestamp;

use super::super::builder::first_rows;
use super::super::error::store_error;
use super::super::schema::{dead_messages, inbox};
use super::super::statement::statement;
use crate::sql::decode::counter;
use crate::sql::inbox::{at_most, fits};

/// The row of a dead message, by its index. That one has those with an id alone, which SQLite believes of a text in the
/// statement and not of a value that is bound: otherwise it goes through all rows of the source.
macro_rules! of_message {
    ($source:expr, $id:expr) => {
        dead_messages::table
            .filter(dead_messages::source.eq($source))
            .filter(dead_messages::message_id.eq($id))
            .filter(sql::<Bool>("message_id <> ''"))
    };
}

/// Forgets messages that were processed before an instant: of a number behind one that has been looked at, each by its own
/// age.
///
/// They lie in the order in which they were processed, so that what is not old has nothing old behind it; but a clock that
/// was ahead has dated some of them in its future. Those are passed over: they are younger than the newest one of all.
pub(in crate::sqlite) fn forget(
    connection: &mut SqliteConnection,
    before: Timestamp,
    after: u64,
) -> Result<MessagesForgotten, StoreError> {
    let (before, after) = (before.as_microsecond(), i64::try_from(after).unwrap_or(i64::MAX));
    let page = inbox::table
        .filter(inbox::number.gt(after))
        .order(inbox::number)
        .select((inbox::number, inbox::processed_at));
    let page: Vec<(i64, i64)> = first_rows(page.load_iter(connection), INBOX_PURGE_BATCH)?;
    let Some((last, youngest)) = page.last().copied() else {
        return Ok(MessagesForgotten {
            messages: 0,
            next: None,
        });
    };
    let newest = inbox::table.order(inbox::number.desc()).select(inbox::processed_at);
    let newest: i64 = newest.first(connection).map_err(store_error)?;
    let old = inbox::table
        .filter(inbox::number.gt(after).and(inbox::number.le(last)))
        .filter(inbox::processed_at.lt(before));
    let messages = diesel::delete(old).execute(connection).map_err(store_error)? as u64;
    let may_be_more = page.len() == INBOX_PURGE_BATCH && (messages > 0 || youngest > newest);
    Ok(MessagesForgotten {
        messages,
        next: may_be_more.then_some(last.unsigned_abs()),
    })
}

/// Puts messages aside that are not there and were not carried out; `false`: there would be too many.
pub(in crate::sqlite) fn bury(
    connection: &mut SqliteConnection,
    source: &SourceName,
    messages: &[DeadMessage],
) -> Result<bool, StoreError> {
    let of_source = dead_messages::table.filter(dead_messages::source.eq(source.as_str()));
    let mut new = BTreeSet::new();
    let mut to_bury = Vec::with_capacity(messages.len());
    for message in messages {
        let is_new = message.id.is_empty()
            || new.insert(message.id.as_str()) && is_new(connection, source, &message.id).map_err(store_error)?;
        if is_new {
            to_bury.push(message);
        }
    }
    let ends: QueryResult<(Option<i64>, Option<i64>)> = (|| {
        let first = of_source.select(min(dead_messages::number)).get_result(connection)?;
        let last = of_source.select(max(dead_messages::number)).get_result(connection)?;
        Ok((first, last))
    })();
    let (first, last) = ends.map_err(store_error)?;
    let most = first.zip(last).map_or(0, |(first, last)| at_most(first, last));
    if !fits(most, to_bury.len() as u64) {
        let dead: i64 = of_source.count().get_result(connection).map_err(store_error)?;
        if !fits(dead.unsigned_abs(), to_bury.len() as u64) {
            return Ok(false);
        }
    }
    for message in to_bury {
        diesel::insert_into(dead_messages::table)
            .values((
                dead_messages::source.eq(source.as_str()),
                dead_messages::message_id.eq(message.id.as_str()),
                dead_messages::correlation_id.eq(message.correlation_id.as_deref()),
                dead_messages::reason.eq(message.reason.as_str()),
                dead_messages::attempts.eq(i64::from(message.attempts)),
                dead_messages::since.eq(message.since.as_microsecond()),
                dead_messages::replayed.eq(message.replayed),
                dead_messages::bytes.eq(counter(message.bytes)),
                dead_messages::body.eq(message.body.as_slice()),
            ))
            .execute(connection)
            .map_err(store_error)?;
    }
    Ok(true)
}

/// Whether a message is neither dead yet nor carried out.
fn is_new(connection: &mut SqliteConnection, source: &SourceName, id: &str) -> QueryResult<bool> {
    if select(exists(of_message!(source.as_str(), id))).get_result(connection)? {
        return Ok(false);
    }
    let carried_out = inbox::table
        .filter(inbox::source.eq(source.as_str()).and(inbox::message_id.eq(id)))
        .filter(inbox::refusal.is_null());
    select(exists(carried_out))
        .get_result(connection)
        .map(|known: bool| !known)
}

/// Drops the dead messages whose commands are carried out now: they were buried by an instance that could not do it.
pub(super) fn drop_carried_out(connection: &mut SqliteConnection, messages: &[InboxRecord]) -> Result<(), StoreError> {
    let carried_out = messages.iter().filter(|message| message.ended == Processed::Done);
    let carried_out: Vec<&InboxRecord> = carried_out.collect();
    // This runs with every message, and mostly there are no dead ones at all.
    let any = select(exists(dead_messages::table.select(dead_messages::number)));
    if carried_out.is_empty() || !any.get_result::<bool>(connection).map_err(store_error)? {
        return Ok(());
    }
    for InboxRecord { id, .. } in carried_out {
        diesel::delete(of_message!(id.source(), id.id()))
            .execute(connection)
            .map_err(store_error)?;
    }
    Ok(())
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
