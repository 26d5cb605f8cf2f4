//! What a command that comes as a message bears: an id by which a repeat is recognised, a body of a bounded length, and
//! the id of the request that it belongs to.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::str;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{BODY_BEGINNING_BYTES, Body, Message, RECEIVED_BYTES, SourceError, is_correlation_id};
use earmark_domain::MessageId;
use sha2::{Digest, Sha256};

use super::address::{AddressError, BrokerAddress};
use crate::wire::MAX_COMMAND_BYTES;

/// After how many seconds a message that was delivered and not acknowledged goes to another instance, if the address does
/// not say. So long may the database be away until messages come a second time, and so long do those of an instance that
/// was killed wait.
const DEFAULT_ACK_WAIT: u64 = 30;

/// What it may be: long enough to say in time that a message is still worked on, which a consumer does every ten seconds,
/// and an hour at most.
pub(crate) const ACK_WAITS: RangeInclusive<u64> = 20..=3_600;

/// For how long the broker waits for an acknowledgement.
pub(crate) fn take_ack_wait(broker: &mut BrokerAddress) -> Result<Duration, AddressError> {
    let seconds = broker.take_parameter("ack_wait", "a number of seconds from 20 to 3600", |text| {
        text.parse().ok().filter(|seconds| ACK_WAITS.contains(seconds))
    })?;
    Ok(Duration::from_secs(seconds.unwrap_or(DEFAULT_ACK_WAIT)))
}

/// A body that is not longer than a command may be, and otherwise its beginning. `length` is that of the whole, in bytes;
/// of one that is too long, `bytes` may be a beginning.
pub(crate) fn body_of(bytes: &[u8], length: usize) -> Body {
    if length <= MAX_COMMAND_BYTES {
        return Body::Whole(bytes.to_vec());
    }
    Body::TooLong {
        bytes: length,
        beginning: bytes[..bytes.len().min(BODY_BEGINNING_BYTES)].to_vec(),
    }
}

/// The id of a message. One that the inbox can't store, because it is too long, has control characters or is not UTF-8,
/// is as good an id as any other: the digest of it takes its place.
///
/// # Errors
/// [`SourceError::Unfit`]: the name of the source can't be stored.
pub(crate) fn message_id(source: &str, id: &[u8]) -> Result<MessageId, SourceError> {
    let stored = str::from_utf8(id).ok().and_then(|id| MessageId::new(source, id).ok());
    match stored {
        Some(id) => Ok(id),
        None => MessageId::new(source, &format!("sha256:{}", digest_of(id)))
            .map_err(|error| SourceError::Unfit(error.to_string())),
    }
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes all that is written to it");
            text
        })
}

/// Takes the oldest messages of those that are here: at most so many, and no more bytes of bodies than are received at
/// once, but for the last one.
pub(crate) fn take(ready: &mut VecDeque<Message>, most: usize) -> Vec<Message> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while taken.len() < most && bytes < RECEIVED_BYTES {
        let Some(message) = ready.pop_front() else { break };
        let (Body::Whole(kept) | Body::TooLong { beginning: kept, .. }) = &message.body;
        bytes += kept.len();
        taken.push(message);
    }
    taken
}

/// The id of a request, if it can safely be stored and logged. Others count as none, as in a request by HTTP.
pub(crate) fn correlation_id(text: &str) -> Option<Arc<str>> {
    is_correlation_id(text).then(|| Arc::from(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use earmark_application::DeliveryId;

    use super::*;

    #[test]
    fn an_id_is_kept_as_it_is_if_it_can_be_stored() {
        let id = message_id("post/office", b"order 7").expect("an id");
        assert_eq!((id.source(), id.id()), ("post/office", "order 7"));
    }

    #[test]
    fn an_id_that_can_not_be_stored_is_recognised_all_the_same() {
        let long = "x".repeat(256);
        let id = |id: &[u8]| message_id("post/office", id).expect("an id");
        let mut different = BTreeSet::new();
        for odd in [
            long.as_bytes(),
            b"a\tb",
            "\u{85}".as_bytes(),
            b"\xff",
            b"\xfe",
            "\u{fffd}\t".as_bytes(),
        ] {
            let stored = id(odd);
            assert!(stored.id().starts_with("sha256:"), "{stored}");
            assert_eq!(id(odd), stored);
            different.insert(stored.to_string());
        }
        assert_eq!(different.len(), 6);
        assert_ne!(id(long.as_bytes()), id(format!("{long}x").as_bytes()));
        assert!(message_id(&long, b"1").is_err());
    }

    #[test]
    fn so_many_bytes_are_taken_at_once() {
        let message = |number: u64| Message {
            id: None,
            body: Body::Whole(vec![b'x'; RECEIVED_BYTES / 2 - 1]),
            correlation_id: None,
            reply_to: None,
            delivery: DeliveryId(number),
        };
        let mut ready: VecDeque<Message> = (0..7).map(message).collect();
        let mut take = |most| {
            let taken = take(&mut ready, most);
            taken.iter().map(|message| message.delivery.0).collect::<Vec<_>>()
        };
        assert_eq!(take(100), [0, 1, 2]);
        assert_eq!(take(2), [3, 4]);
        assert_eq!(take(0), [0; 0]);
        assert_eq!(take(100), [5, 6]);
        assert_eq!(take(100), [0; 0]);
    }

    #[test]
    fn of_a_body_that_is_too_long_the_beginning_is_kept() {
        let whole = vec![b'x'; MAX_COMMAND_BYTES];
        assert_eq!(body_of(&whole, whole.len()), Body::Whole(whole.clone()));
        let beginning = vec![b'x'; BODY_BEGINNING_BYTES];
        let longer = vec![b'x'; MAX_COMMAND_BYTES + 1];
        let bytes = longer.len();
        assert_eq!(
            body_of(&longer, longer.len()),
            Body::TooLong {
                bytes,
                beginning: beginning.clone()
            }
        );
        assert_eq!(body_of(&beginning, bytes), Body::TooLong { bytes, beginning });
    }
}
