//! A reply: the answer to a request that succeeded, before it becomes an HTTP response or a line of a bulk answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ETag, EntityTag, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::status::status;
use crate::wire::answers::outcomes::{OutcomeAnswer, json_text};

/// The header that marks the answer to a preview.
pub(crate) const X_EARMARK_PREVIEW: HeaderName = HeaderName::from_static("x-earmark-preview");

/// What is encoded in a segment of a path: everything but the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The answer to a command or a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The text of a JSON value.
    pub(crate) body: String,
    /// The path of what was created.
    pub(crate) location: Option<String>,
    /// The version of what is shown, if it has one.
    pub(crate) version: Option<u64>,
    /// Whether it answers a preview.
    preview: bool,
}

impl Reply {
    /// A value with a status.
    pub(crate) fn new(status: StatusCode, value: &impl Serialize) -> Self {
        Self {
            status,
            body: json_text(value),
            location: None,
            version: None,
            preview: false,
        }
    }

    /// With the version of what is shown.
    pub(crate) const fn versioned(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// With the location of what was created. A reply with status 200 has created nothing.
    pub(crate) fn at(mut self, folder: &str, name: &str) -> Self {
        if self.status != StatusCode::OK {
            self.location = Some(format!("{folder}{}", utf8_percent_encode(name, SEGMENT)));
        }
        self
    }

    /// The same answer to a preview. Nothing of it is stored, so it has no location and no version: another change may
    /// lead to the same number.
    pub(crate) fn of_preview(self) -> Self {
        Self {
            status: StatusCode::OK,
            body: self.body,
            location: None,
            version: None,
            preview: true,
        }
    }

    /// The reply as a response.
    pub(crate) fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(version) = self.version {
            response.insert_header(ETag(EntityTag::new_strong(version.to_string())));
        }
        if self.preview {
            response.insert_header((X_EARMARK_PREVIEW, "true"));
        }
        response.body(self.body)
    }
}

impl From<OutcomeAnswer> for Reply {
    fn from(answer: OutcomeAnswer) -> Self {
        let OutcomeAnswer {
            status: of,
            body,
            version,
        } = answer;
        Self {
            status: status(of),
            body,
            location: None,
            version,
            preview: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_location_has_one_segment_for_any_name(name in "\\PC{0,24}") {
            let reply = Reply::new(StatusCode::CREATED, &()).at("/v1/batches/", &name);
            let location = reply.location.expect("a location");
            let segment = location.strip_prefix("/v1/batches/").expect("the folder");
            prop_assert!(segment.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
            prop_assert_eq!(percent_decode_str(segment).decode_utf8().expect("UTF-8"), name);
        }
    }
}
