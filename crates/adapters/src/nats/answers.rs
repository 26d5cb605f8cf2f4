//! What the server answers, as the port tells it.

use std::error::Error as _;

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode, context};
use earmark_application::PublishError;

use crate::broker::{BrokerError, unavailable};

/// An answer of JetStream that is an error. Those that only somebody who changes the settings can do something about
/// are told apart; all others may pass.
pub(super) fn of_jetstream(error: &jetstream::Error) -> BrokerError {
    match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED
        | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        | ErrorCode::STREAM_INVALID_CONFIG
        | ErrorCode::STREAM_MAX_BYTES_REQUIRED
        | ErrorCode::STREAM_NAME_EXIST
        | ErrorCode::STREAM_NOT_MATCH
        | ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED
        | ErrorCode::STREAM_SEALED
        | ErrorCode::STREAM_SUBJECT_OVERLAP => BrokerError::Unfit(error.to_string()),
        _ => unavailable(error),
    }
}

/// The stream was neither found nor made.
pub(super) fn of_opening(error: &CreateStreamError) -> BrokerError {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => of_jetstream(&error),
        _ => unavailable(error),
    }
}

/// The message with this index was not stored.
pub(super) fn of_publishing(error: &context::PublishError, index: usize) -> PublishError {
    let answer = error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>());
    match (error.kind(), answer) {
        (PublishErrorKind::MaxPayloadExceeded, _) => PublishError::Refused {
            index,
            reason: error.to_string(),
        },
        (PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence, Some(answer)) => {
            PublishError::OutOfStep(answer.to_string())
        }
        (PublishErrorKind::StreamNotFound, _) => unavailable(&"no server takes messages for the stream").into(),
        (_, Some(answer)) => match answer.error_code() {
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
                PublishError::Refused {
                    index,
                    reason: answer.to_string(),
                }
            }
            // Sent twice, and the first one is not stored yet.
            ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => PublishError::OutOfStep(answer.to_string()),
            _ => of_jetstream(answer).into(),
        },
        (_, None) => unavailable(error).into(),
    }
}
