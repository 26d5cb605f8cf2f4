//! What a receiver has answered, and what that means for the delivery.

use std::time::{Duration, UNIX_EPOCH};

use earmark_application::PublishError;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use jiff::Timestamp;

/// No receiver can ask for a longer pause: it would be one that nobody has agreed to.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// So much of what a receiver says is passed on to who reads the reason of a failure.
const MAX_QUOTED_CHARS: usize = 200;

/// What a receiver has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// When to try again, if the receiver says so.
    pub(super) retry_after: Option<Duration>,
    /// What it says, in one line. Empty: nothing that could be passed on.
    pub(super) said: String,
}

impl Answer {
    /// What the answer means for an event that comes again by itself: some answers are about it.
    ///
    /// # Errors
    /// [`PublishError`], unless it is one of the 2xx.
    pub(super) fn outcome_of_one(&self) -> Result<(), PublishError> {
        match self.status {
            StatusCode::BAD_REQUEST
            | StatusCode::CONFLICT
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Err(PublishError::Refused {
                index: 0,
                reason: self.reason(),
            }),
            _ => self.outcome(1),
        }
    }

    /// What the answer means for a delivery of so many events.
    ///
    /// # Errors
    /// [`PublishError`], unless it is one of the 2xx.
    pub(super) fn outcome(&self, events: usize) -> Result<(), PublishError> {
        let status = self.status;
        if status.is_success() {
            return Ok(());
        }
        match status {
            StatusCode::GONE => Err(PublishError::Gone(self.reason())),
            // A batch stays as it is as long as it is repeated, so only an event that is alone can be too large.
            StatusCode::PAYLOAD_TOO_LARGE if events == 1 => Err(PublishError::Refused {
                index: 0,
                reason: self.reason(),
            }),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(PublishError::Unavailable {
                reason: self.reason(),
                retry_after: self.retry_after,
            }),
            // No event is the reason of these.
            StatusCode::REQUEST_TIMEOUT => Err(unavailable(self.reason())),
            _ if status.is_redirection() => Err(unavailable(self.reason())),
            // Which event of a batch it is about, if it is about one, a status does not say. Even 403 and 404 may be:
            // of a filter that dislikes a text, or of a receiver that looks for the product.
            _ => Err(PublishError::NotTaken(self.reason())),
        }
    }

    fn reason(&self) -> String {
        let redirects = if self.status.is_redirection() {
            " (redirects are not followed)"
        } else {
            ""
        };
        let separator = if self.said.is_empty() { "" } else { ": " };
        format!("status {}{redirects}{separator}{}", self.status.as_u16(), self.said)
    }
}

/// A failure that is no event's, of a receiver that does not say when to come again.
pub(super) const fn unavailable(reason: String) -> PublishError {
    PublishError::Unavailable {
        reason,
        retry_after: None,
    }
}

/// How long to wait, by the header `Retry-After`: seconds, or an instant. At most an hour; `None`: it says nothing.
pub(super) fn retry_after(header: &HeaderValue, now: Timestamp) -> Option<Duration> {
    let text = header.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // More digits than fit are a long time, too.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let now = u64::try_from(now.as_second()).ok()?;
        Duration::from_secs(until.as_secs().saturating_sub(now))
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The first line with something on it, without control characters, cut.
pub(super) fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let chars = line.unwrap_or_default().chars().filter(|char| !char.is_control());
    chars.take(MAX_QUOTED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_an_instant_and_is_bounded() {
        let now: Timestamp = "1994-11-06T08:48:37Z".parse().expect("an instant");
        for (header, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("Sun Nov  6 08:49:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 06 Nov 2023 08:49:37 GMT", Some(3_600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let header = HeaderValue::from_static(header);
            assert_eq!(
                retry_after(&header, now),
                seconds.map(Duration::from_secs),
                "{header:?}"
            );
        }
    }

    #[test]
    fn what_is_quoted_is_one_short_line() {
        assert_eq!(
            first_line(b"\r\n  no \x1b[31msuch\x07 hook\nsecond line"),
            "no [31msuch hook"
        );
        assert_eq!(first_line(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(first_line(&[b'x'; 5_000]).len(), MAX_QUOTED_CHARS);
        assert_eq!(first_line(b""), "");
    }
}
