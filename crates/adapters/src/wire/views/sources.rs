//! Sources of commands: which of their messages were put aside.

use std::str::from_utf8;

use earmark_application::{DeadMessage, SourceStatus};
use jiff::Timestamp;
use serde::Serialize;

use super::list::Each;
use crate::wire::text::Text;

/// A source that has dead messages.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Source))]
pub struct SourceJson<'a> {
    /// Its name: the kind of its broker, and its stream there.
    #[cfg_attr(feature = "schema", schema(example = "nats/ORDERS"))]
    pub name: &'a str,
    /// How many dead messages it has.
    pub dead: u64,
    /// How many of these are to be tried once more.
    pub replayed: u64,
}

impl<'a> From<&'a SourceStatus> for SourceJson<'a> {
    fn from(status: &'a SourceStatus) -> Self {
        Self {
            name: status.name.as_str(),
            dead: status.dead,
            replayed: status.replayed,
        }
    }
}

/// All sources that have dead messages.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SourcePage))]
pub struct SourcePageJson<'a> {
    /// Sources, by name.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<SourceJson<'static>>))]
    pub items: Each<'a, SourceStatus, SourceJson<'a>>,
    /// Always null: they are few.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<&'a str>,
}

/// A message that could not be read, or whose command was refused.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeadMessage))]
pub struct DeadMessageJson<'a> {
    /// Its number: rising, and never used again.
    #[cfg_attr(feature = "schema", schema(example = 17))]
    pub number: u64,
    /// Its id; null where the source has none.
    #[cfg_attr(feature = "schema", schema(example = "ORDERS-1-4711", required))]
    pub id: Option<&'a str>,
    /// Why it is dead: a code, a colon and a sentence.
    #[cfg_attr(feature = "schema", schema(example = "unknown_batch: there is no batch PO-9"))]
    pub reason: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it is put aside.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub since: Text<Timestamp>,
    /// Whether it is to be tried once more.
    pub replayed: bool,
    /// What it says, up to 4 KiB; null: it is no text.
    #[cfg_attr(
        feature = "schema",
        schema(example = "{\"cancel_batch\": {\"reference\": \"PO-9\"}}", required)
    )]
    pub body: Option<&'a str>,
    /// How many bytes it has.
    #[cfg_attr(feature = "schema", schema(example = 40))]
    pub bytes: u64,
    /// Whether all of it was kept. Only then can it be replayed.
    pub whole: bool,
}

impl<'a> From<&'a DeadMessage> for DeadMessageJson<'a> {
    fn from(message: &'a DeadMessage) -> Self {
        Self {
            number: message.number,
            id: Some(message.id.as_str()).filter(|id| !id.is_empty()),
            reason: &message.reason,
            attempts: message.attempts,
            since: Text(message.since),
            replayed: message.replayed,
            body: shown(message),
            bytes: message.bytes,
            whole: message.is_whole,
        }
    }
}

/// What is shown of a body. Where it is cut, it may be cut within a character.
fn shown(message: &DeadMessage) -> Option<&str> {
    let is_cut = (message.body.len() as u64) < message.bytes;
    match from_utf8(&message.body) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => from_utf8(&message.body[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// A page of dead messages.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeadMessagePage))]
pub struct DeadMessagePageJson<'a> {
    /// The messages, ascending.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<DeadMessageJson<'static>>))]
    pub items: Each<'a, DeadMessage, DeadMessageJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = 17, required))]
    pub next: Option<u64>,
}

/// How many messages a decision concerned.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MessagesDecided))]
pub struct MessagesDecidedJson {
    /// How many.
    #[cfg_attr(feature = "schema", schema(example = 1))]
    pub messages: u64,
}

#[cfg(test)]
mod tests {
    use earmark_application::SourceName;

    use super::*;

    #[test]
    fn a_body_is_shown_as_text_even_where_it_is_cut_within_a_character() {
        let shown = |body: &[u8], bytes| {
            let message = DeadMessage {
                number: 1,
                source: SourceName::new("orders"),
                id: String::new(),
                correlation_id: None,
                body: body.to_vec(),
                bytes,
                is_whole: true,
                reason: String::new(),
                attempts: 1,
                since: Timestamp::UNIX_EPOCH,
                replayed: false,
            };
            DeadMessageJson::from(&message).body.map(str::to_owned)
        };
        assert_eq!(shown("é".as_bytes(), 2).as_deref(), Some("é"));
        assert_eq!(shown(b"a\xc3", 3).as_deref(), Some("a"));
        assert_eq!(shown(b"a\xc3", 2), None, "it ends like that");
        assert_eq!(shown(b"\xff\xfe", 9), None);
    }
}
