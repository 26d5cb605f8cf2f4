//! What is left to a caller, as the headers of an answer say it (draft-ietf-httpapi-ratelimit-headers).

use std::num::NonZeroU32;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left to a caller in this second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// The name of the limit: a word.
    pub(crate) policy: &'static str,
    /// The requests a second.
    pub(crate) of: NonZeroU32,
    /// How many more may come at once.
    pub(crate) left: u32,
    /// After how many seconds there is more.
    pub(crate) more_in: u64,
}

impl RateLimit {
    /// Adds the headers.
    pub(crate) fn show(self, headers: &mut HeaderMap) {
        let Self {
            policy,
            of,
            left,
            more_in,
        } = self;
        for (name, text) in [
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={of};w=1")),
            (RATE_LIMIT, format!("\"{policy}\";r={left};t={more_in}")),
        ] {
            // A word and numbers are always a value.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}
