//! What is asked of the server, each in one step of it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use earmark_application::{BODY_BEGINNING_BYTES, DeliveryId, Message, RECEIVED_BYTES, Reply, SourceError};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script, ScriptInvocation, Value};

use super::super::answers;
use super::address::RedisCommandsAddress;
use crate::broker::BrokerError;
use crate::broker::incoming::{body_of, correlation_id, message_id};
use crate::wire::MAX_COMMAND_BYTES;

/// How long the server waits for an entry: shorter than any answer may take.
const BLOCK: Duration = Duration::from_secs(2);

/// How long a list of answers stays for whoever awaits one.
const REPLY_LIFETIME: Duration = Duration::from_secs(600);

/// The most answers in a list. Whoever awaits more takes them from it meanwhile.
const MAX_REPLIES: usize = 1_000;

/// What the name of a list of answers begins with. The service well may change what the sender may not, so it writes to
/// no other keys.
pub(super) const REPLY_PREFIX: &str = "earmark:reply:";

/// A consumer that has nothing is removed when it has asked for nothing for so long.
const GONE_AFTER: Duration = Duration::from_secs(3_600);

/// How many consumers are removed at once.
const MAX_REMOVED: usize = 1_000;

static TAKE: LazyLock<Script> = LazyLock::new(|| with_entry(include_str!("take.lua")));
static CLAIM: LazyLock<Script> = LazyLock::new(|| with_entry(include_str!("claim.lua")));
static LOOK: LazyLock<Script> = LazyLock::new(|| with_entry(include_str!("look.lua")));
static ACKNOWLEDGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acknowledge.lua")));
static TIDY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("tidy.lua")));
static REPLY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reply.lua")));

fn with_entry(script: &str) -> Script {
    Script::new(&format!("{}\n{script}", include_str!("entry.lua")))
}

/// Entries, and where to go on.
pub(super) struct Found {
    pub(super) next: String,
    pub(super) entries: Vec<Entry>,
}

/// What a script tells of an entry.
type Fields = Vec<Vec<u8>>;

/// An entry as the server tells it.
pub(super) struct Entry {
    /// Its id in the stream.
    pub(super) id: String,
    /// The length of its command, in bytes.
    length: usize,
    /// The command, or how it begins.
    command: Vec<u8>,
    message_id: Vec<u8>,
    /// Empty if it is not UTF-8, or not there.
    correlation_id: String,
    /// Empty if it is not UTF-8, or not there.
    reply_to: String,
}

impl Entry {
    fn of(fields: Fields) -> Option<Self> {
        let [id, length, command, message_id, correlation_id, reply_to] = <[Vec<u8>; 6]>::try_from(fields).ok()?;
        let text = |bytes| String::from_utf8(bytes).ok();
        Some(Self {
            id: text(id)?,
            length: text(length)?.parse().ok()?,
            command,
            message_id,
            correlation_id: text(correlation_id).unwrap_or_default(),
            reply_to: text(reply_to).unwrap_or_default(),
        })
    }

    /// The entry as the port tells it.
    ///
    /// # Errors
    /// [`SourceError::Unfit`].
    pub(super) fn message(self, source: &str, delivery: DeliveryId) -> Result<Message, SourceError> {
        let is_list_of_answers = self.reply_to.len() > REPLY_PREFIX.len() && self.reply_to.starts_with(REPLY_PREFIX);
        Ok(Message {
            id: Some(message_id(source, &self.message_id)?),
            body: body_of(&self.command, self.length),
            correlation_id: correlation_id(&self.correlation_id),
            reply_to: is_list_of_answers.then(|| Arc::from(self.reply_to)),
            delivery,
        })
    }
}

/// Makes the group, and the stream with it, if they are missing. A group begins with the first entry.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn make_group(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
) -> Result<(), BrokerError> {
    let made: Result<(), RedisError> = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(&address.stream)
        .arg(&address.group)
        .arg("0")
        .arg("MKSTREAM")
        .query_async(link)
        .await;
    match made {
        Err(error) if error.code() != Some("BUSYGROUP") => Err(answers::of(&error)),
        _ => Ok(()),
    }
}

/// Removes consumers that are gone. Tells whether the group is there.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn tidy(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
) -> Result<bool, BrokerError> {
    let mut call = TIDY.key(&address.stream);
    call.arg(&address.group).arg(milliseconds(GONE_AFTER)).arg(MAX_REMOVED);
    let is_there: Result<bool, RedisError> = call.invoke_async(link).await;
    is_there.map_err(|error| answers::of(&error))
}

/// Takes new entries, or those behind an id that the consumer has already.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn take(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
    consumer: &str,
    from: &str,
    most: usize,
) -> Result<Found, BrokerError> {
    let mut call = TAKE.prepare_invoke();
    bounds(&mut call, address)
        .arg(consumer)
        .arg(from)
        .arg(most)
        .arg(RECEIVED_BYTES);
    found(call, link).await
}

/// Takes entries over that have been idle for too long.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn claim(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
    consumer: &str,
    cursor: &str,
    most: usize,
) -> Result<Found, BrokerError> {
    let mut call = CLAIM.prepare_invoke();
    let call_with = bounds(&mut call, address)
        .arg(consumer)
        .arg(cursor)
        .arg(most)
        .arg(RECEIVED_BYTES);
    call_with.arg(milliseconds(address.ack_wait));
    found(call, link).await
}

/// Waits for a new entry, takes it, and tells it.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn wait(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
    consumer: &str,
) -> Result<Option<Found>, BrokerError> {
    let reply: Result<Value, RedisError> = redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg(&address.group)
        .arg(consumer)
        .arg("COUNT")
        .arg(1)
        .arg("BLOCK")
        .arg(milliseconds(BLOCK))
        .arg("STREAMS")
        .arg(&address.stream)
        .arg(">")
        .query_async(link)
        .await;
    let reply = reply.map_err(|error| answers::of(&error))?;
    let Some(id) = first_id(&reply) else {
        return Ok(None);
    };
    let mut call = LOOK.prepare_invoke();
    bounds(&mut call, address).arg(id);
    found(call, link).await.map(Some)
}

/// The id of the first entry in what the server answers to a reader: streams, each with its entries. The names of fields
/// may be any bytes, so they are not read as text.
fn first_id(reply: &Value) -> Option<&[u8]> {
    let [_, entries] = items(items(reply)?.first()?)? else {
        return None;
    };
    match items(items(entries)?.first()?)?.first()? {
        Value::BulkString(id) => Some(id),
        _ => None,
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn bounds<'a, 'b>(call: &'b mut ScriptInvocation<'a>, address: &RedisCommandsAddress) -> &'b mut ScriptInvocation<'a> {
    call.key(&address.stream)
        .arg(MAX_COMMAND_BYTES)
        .arg(BODY_BEGINNING_BYTES)
        .arg(&address.group)
}

async fn found(call: ScriptInvocation<'_>, link: &mut MultiplexedConnection) -> Result<Found, BrokerError> {
    let answer: Result<(String, Vec<Fields>), RedisError> = call.invoke_async(link).await;
    let (next, entries) = answer.map_err(|error| answers::of(&error))?;
    let entries: Option<Vec<Entry>> = entries.into_iter().map(Entry::of).collect();
    let entries = entries.ok_or_else(|| BrokerError::Unfit("it tells entries otherwise than asked".to_owned()))?;
    Ok(Found { next, entries })
}

/// Acknowledges entries, and deletes them if no other group reads the stream.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn acknowledge(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
    entries: &[String],
) -> Result<(), BrokerError> {
    let mut call = ACKNOWLEDGE.key(&address.stream);
    call.arg(&address.group).arg(entries);
    let done: Result<(), RedisError> = call.invoke_async(link).await;
    done.map_err(|error| answers::of(&error))
}

/// Says that entries are still worked on: they are no longer idle.
///
/// # Errors
/// [`BrokerError`].
pub(super) async fn still_working(
    link: &mut MultiplexedConnection,
    address: &RedisCommandsAddress,
    consumer: &str,
    entries: &[String],
) -> Result<(), BrokerError> {
    let done: Result<(), RedisError> = redis::cmd("XCLAIM")
        .arg(&address.stream)
        .arg(&address.group)
        .arg(consumer)
        .arg(0)
        .arg(entries)
        .arg("JUSTID")
        .query_async(link)
        .await;
    done.map_err(|error| answers::of(&error))
}

/// Appends answers to their lists. Whoever sends a command names the list: one that can't be written to, for whatever
/// reason, concerns no other and not the session. Each list has a call of its own, as those of a cluster may be on
/// different servers.
///
/// # Errors
/// [`BrokerError`]: the server does not answer.
pub(super) async fn reply(link: &mut MultiplexedConnection, replies: &[Reply]) -> Result<(), BrokerError> {
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for reply in replies {
        lists.entry(&reply.to).or_default().push(&reply.body);
    }
    let mut calls = redis::pipe();
    calls.load_script(&REPLY).ignore();
    for (list, answers) in &lists {
        let mut call = REPLY.key(list);
        call.arg(milliseconds(REPLY_LIFETIME)).arg(MAX_REPLIES).arg(answers);
        calls.invoke_script(&call);
    }
    let outcomes: Result<Vec<Result<(), RedisError>>, RedisError> = calls.ignore_errors().query_async(link).await;
    let outcomes = outcomes.map_err(|error| answers::of(&error))?;
    let failed = lists
        .iter()
        .zip(outcomes)
        .filter_map(|(list, outcome)| Some((list, outcome.err()?)));
    let (mut lost, mut first) = (0, None);
    for ((list, answers), error) in failed {
        lost += answers.len();
        first.get_or_insert((list, error));
    }
    if let Some((list, error)) = first {
        tracing::warn!(lost, list, %error, "answers to messages were not sent: the server does not take them");
    }
    Ok(())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
