//! Subscriptions: leased, stored and decided on by the connection that writes, each call in a transaction of its own.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, Progress, Retried, StoreError, SubscriptionLease, SubscriptionName,
};
use earmark_domain::Sku;

use super::super::builder::update;
use super::super::error::store_error;
use super::super::rows::SubscriptionRow;
use super::super::schema::{dead_letters, subscriptions};
use super::super::statement::statement;
use crate::sql::decode::counter;
use crate::sql::subscriptions::stored_state;

/// By what the connection knows the UPDATEs that run for every delivery.
struct Renewed;
struct Saved;

/// Takes or renews a lease; `None`: another has it.
pub(in crate::sqlite) fn lease(
    connection: &mut SqliteConnection,
    claim: &LeaseClaim,
) -> Result<Option<SubscriptionLease>, StoreError> {
    let leased = take(connection, claim).map_err(store_error)?;
    leased.map(SubscriptionRow::lease).transpose()
}

fn take(connection: &mut SqliteConnection, claim: &LeaseClaim) -> QueryResult<Option<SubscriptionRow>> {
    type Lease = (i64, Option<Vec<u8>>, Option<i64>);
    let name = claim.name.as_str();
    let now = claim.now.as_microsecond();
    let until = now.saturating_add(i64::try_from(claim.lasts.as_micros()).unwrap_or(i64::MAX));
    let holder = claim.holder.0.as_slice();
    let known: Option<Lease> = subscriptions::table
        .filter(subscriptions::name.eq(name))
        .select((subscriptions::fence, subscriptions::holder, subscriptions::leased_until))
        .get_result(connection)
        .optional()?;
    match known {
        None => {
            let (epoch, sequence) = (counter(claim.start.epoch), counter(claim.start.sequence));
            diesel::insert_into(subscriptions::table)
                .values((
                    subscriptions::name.eq(name),
                    subscriptions::start_epoch.eq(epoch),
                    subscriptions::start_sequence.eq(sequence),
                    subscriptions::place_epoch.eq(epoch),
                    subscriptions::place_sequence.eq(sequence),
                    subscriptions::fence.eq(1),
                    subscriptions::holder.eq(holder),
                    subscriptions::leased_until.eq(until),
                ))
                .execute(connection)?;
        }
        Some((fence, known, leased_until)) => {
            let is_own = known.as_deref() == Some(holder);
            let is_taken = known.is_some() && !is_own && leased_until.is_some_and(|until| until > now);
            if is_taken {
                return Ok(None);
            }
            let fence = if is_own { fence } else { fence + 1 };
            let lease = (
                subscriptions::fence.eq(fence),
                subscriptions::holder.eq(holder),
                subscriptions::leased_until.eq(until),
            );
            update::<Renewed, _, _, _>(&subscriptions::table, subscriptions::name.eq(name), lease)
                .execute(connection)?;
        }
    }
    subscriptions::table
        .filter(subscriptions::name.eq(name))
        .select(SubscriptionRow::as_select())
        .get_result(connection)
        .map(Some)
}

/// Stores how far a subscription has got, if the fence is that of the last lease.
pub(in crate::sqlite) fn save(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    fence: u64,
    progress: &Progress,
    letters: &[DeadLetter],
) -> QueryResult<bool> {
    let Progress {
        place,
        delivery_end,
        delivery_at,
        failing,
        disabled,
    } = progress;
    let failing = failing.as_ref();
    let held = subscriptions::name
        .eq(name.as_str())
        .and(subscriptions::fence.eq(counter(fence)));
    let progress = (
        subscriptions::place_epoch.eq(counter(place.epoch)),
        subscriptions::place_sequence.eq(counter(place.sequence)),
        subscriptions::delivery_end.eq(delivery_end.map(counter)),
        subscriptions::delivery_at.eq(delivery_at.map(|instant| instant.as_microsecond())),
        subscriptions::failing_since.eq(failing.map(|failing| failing.since.as_microsecond())),
        subscriptions::failing_attempts.eq(failing.map(|failing| i64::from(failing.attempts))),
        subscriptions::failing_reason.eq(failing.map(|failing| failing.reason.as_str())),
    );
    if update::<Saved, _, _, _>(&subscriptions::table, held, progress).execute(connection)? == 0 {
        return Ok(false);
    }
    if let Some(reason) = disabled {
        disable(connection, name, reason)?;
    }
    for letter in letters {
        let (state, reason) = stored_state(&letter.state);
        diesel::replace_into(dead_letters::table)
            .values((
                dead_letters::subscription.eq(name.as_str()),
                dead_letters::sequence.eq(counter(letter.sequence)),
                dead_letters::sku.eq(letter.sku.as_ref().map(Sku::as_str)),
                dead_letters::state.eq(state),
                dead_letters::reason.eq(reason),
                dead_letters::attempts.eq(i64::from(letter.attempts)),
                dead_letters::since.eq(letter.since.as_microsecond()),
            ))
            .execute(connection)?;
    }
    Ok(true)
}

/// Gives a lease back.
pub(in crate::sqlite) fn release(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    fence: u64,
) -> QueryResult<()> {
    diesel::update(subscriptions::table)
        .filter(subscriptions::name.eq(name.as_str()))
        .filter(subscriptions::fence.eq(counter(fence)))
        .set((
            subscriptions::holder.eq(None::<&[u8]>),
            subscriptions::leased_until.eq(None::<i64>),
        ))
        .execute(connection)
        .map(drop)
}

/// Decides on letters, those with these sequences or all; answers how many it concerned.
pub(in crate::sqlite) fn decide(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    sequences: Option<&[u64]>,
    action: DeadLetterAction,
) -> Result<usize, StoreError> {
    // By hand: a list of numbers.
    let text = match action {
        DeadLetterAction::Replay => {
            "UPDATE dead_letters SET state = 'waits', reason = NULL, attempts = 0 \
             WHERE subscription = ? AND state = 'dead' AND (? OR sequence IN (SELECT value FROM json_each(?)))"
        }
        DeadLetterAction::Skip => {
            "DELETE FROM dead_letters \
             WHERE subscription = ? AND (? OR sequence IN (SELECT value FROM json_each(?)))"
        }
    };
    let sequences_as_stored = sequences
        .unwrap_or_default()
        .iter()
        .filter_map(|sequence| i64::try_from(*sequence).ok());
    statement::<()>(text)
        .text(name.as_str())
        .integer(i64::from(sequences.is_none()))
        .list(sequences_as_stored)
        .write(connection)
        .map_err(store_error)
}

/// Whether the fence is that of the last lease.
fn is_held(connection: &mut SqliteConnection, name: &SubscriptionName, fence: u64) -> QueryResult<bool> {
    let held = subscriptions::table
        .filter(subscriptions::name.eq(name.as_str()))
        .filter(subscriptions::fence.eq(counter(fence)));
    select(exists(held)).get_result(connection)
}

/// Stores how a letter stands that was tried once more, if it is still there, and the fence is that of the last lease.
pub(in crate::sqlite) fn retried(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    fence: u64,
    letter: &DeadLetter,
) -> QueryResult<Retried> {
    if !is_held(connection, name, fence)? {
        return Ok(Retried::Fenced);
    }
    let (state, reason) = stored_state(&letter.state);
    let stored = diesel::update(dead_letters::table)
        .filter(dead_letters::subscription.eq(name.as_str()))
        .filter(dead_letters::sequence.eq(counter(letter.sequence)))
        .set((
            dead_letters::state.eq(state),
            dead_letters::reason.eq(reason),
            dead_letters::attempts.eq(i64::from(letter.attempts)),
        ))
        .execute(connection)?;
    Ok(if stored > 0 { Retried::Stored } else { Retried::Dropped })
}

/// Removes letters that were delivered, if the fence is that of the last lease.
pub(in crate::sqlite) fn bury(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    fence: u64,
    sequences: &[u64],
) -> Result<bool, StoreError> {
    if !is_held(connection, name, fence).map_err(store_error)? {
        return Ok(false);
    }
    decide(connection, name, Some(sequences), DeadLetterAction::Skip)?;
    Ok(true)
}

/// Disables a subscription; answers whether there is one of this name.
pub(in crate::sqlite) fn disable(
    connection: &mut SqliteConnection,
    name: &SubscriptionName,
    reason: &str,
) -> QueryResult<bool> {
    let disabled = diesel::update(subscriptions::table)
        .filter(subscriptions::name.eq(name.as_str()))
        .set(subscriptions::disabled.eq(reason))
        .execute(connection)?;
    Ok(disabled > 0)
}

/// Enables a subscription, and forgets how it failed: it is tried at once. Answers whether there is one of this name.
pub(in crate::sqlite) fn enable(connection: &mut SqliteConnection, name: &SubscriptionName) -> QueryResult<bool> {
    let enabled = diesel::update(subscriptions::table)
        .filter(subscriptions::name.eq(name.as_str()))
        .set((
            subscriptions::disabled.eq(None::<&str>),
            subscriptions::failing_since.eq(None::<i64>),
            subscriptions::failing_attempts.eq(None::<i64>),
            subscriptions::failing_reason.eq(None::<&str>),
        ))
        .execute(connection)?;
    Ok(enabled > 0)
}
