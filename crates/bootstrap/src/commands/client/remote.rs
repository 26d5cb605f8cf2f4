//! The calls to a running service, and what goes wrong with them as a sentence.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MATCH, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::address::ServiceAddress;
use super::shown::shown;
use crate::failure::Failure;
use crate::http_client::{HttpClient, http_client, root_cause};

/// How long an answer may take: as long as the service itself waits for a place, with time for a slow network.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer, in bytes: more than a page of the largest orders has.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// What is encoded in a segment of a path, and in a value of a query: everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The header that marks the answer to a preview.
const PREVIEW: HeaderName = HeaderName::from_static("x-earmark-preview");

/// The code of a problem: what was shown has changed meanwhile.
const STALE_VERSION: &str = "stale_version";

/// A path below the address of the service, with any names as segments.
pub(super) fn path(segments: &[&str]) -> String {
    let mut path = String::from("v1");
    for segment in segments {
        path.push('/');
        match *segment {
            // On the way these would be taken for the same folder and the one above.
            "." => path.push_str("%2E"),
            ".." => path.push_str("%2E%2E"),
            segment => path.extend(utf8_percent_encode(segment, ENCODED)),
        }
    }
    path
}

/// A path with those parameters that have a value.
pub(super) fn with_query(mut path: String, parameters: &[(&str, Option<String>)]) -> String {
    let mut sign = '?';
    for (name, value) in parameters {
        if let Some(value) = value {
            path.push(sign);
            path.push_str(name);
            path.push('=');
            path.extend(utf8_percent_encode(value, ENCODED));
            sign = '&';
        }
    }
    path
}

/// What the service is asked to do.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Call {
    /// A question.
    pub(super) const fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// The version of what it is about.
    pub(super) etag: Option<String>,
    /// The text of a JSON value.
    pub(super) text: String,
}

impl Reply {
    /// What it says, for people: each of its texts as it may be shown.
    ///
    /// # Errors
    /// When it is not what the service answers to such a call.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut value = self.read_raw()?;
        show_texts(&mut value);
        serde_json::from_value(value).map_err(|_| stranger())
    }

    /// What it says, to the letter.
    ///
    /// # Errors
    /// When it is not what the service answers to such a call.
    pub(super) fn read_raw<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|_| stranger())
    }
}

fn stranger() -> Failure {
    Failure::Failed("what answers is not Earmark".to_owned())
}

/// Makes each text of a value one that may be shown.
fn show_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text),
        Value::Array(values) => values.iter_mut().for_each(show_texts),
        Value::Object(members) => members.values_mut().for_each(show_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Why there is no successful answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// What was shown has changed meanwhile.
    Stale,
    /// Anything else.
    Other(Failure),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Other(failure) => failure,
            CallError::Stale => Self::Failed(format!(
                "it has changed since it was shown, so nothing was done; look at it again ({STALE_VERSION})"
            )),
        }
    }
}

/// A running service.
pub(super) struct RemoteService {
    client: HttpClient<Full<Bytes>>,
    address: ServiceAddress,
}

impl RemoteService {
    /// The service at an address. Asks nothing yet.
    ///
    /// # Errors
    /// When it is encrypted, and this machine trusts nobody.
    pub(super) fn new(address: ServiceAddress) -> Result<Self, Failure> {
        Ok(Self {
            client: http_client(&address.url)?,
            address,
        })
    }

    /// Asks a question.
    ///
    /// # Errors
    /// When it is not answered.
    pub(super) async fn get(&self, path: String) -> Result<Reply, Failure> {
        Ok(self.send(&Call::get(path), None).await?)
    }

    /// Asks what a call would do, if this is still the version of what it is about.
    ///
    /// # Errors
    /// When it would be refused, or there is no answer.
    pub(super) async fn preview(&self, call: &Call, version: Option<&str>) -> Result<Reply, CallError> {
        let call = Call {
            path: format!("{}?preview=true", call.path),
            ..call.clone()
        };
        let (headers, reply) = self.exchange(&call, version).await?;
        // Something on the way may have lost the question mark, and what follows it.
        if headers.contains_key(PREVIEW) {
            Ok(reply)
        } else {
            Err(CallError::Other(Failure::Failed(
                "the service does not say that it has only shown what would happen: look at what it has done"
                    .to_owned(),
            )))
        }
    }

    /// Sends a call, to be done if this is still the version of what it is about.
    ///
    /// # Errors
    /// When it is refused, or there is no answer.
    pub(super) async fn send(&self, call: &Call, version: Option<&str>) -> Result<Reply, CallError> {
        Ok(self.exchange(call, version).await?.1)
    }

    async fn exchange(&self, call: &Call, version: Option<&str>) -> Result<(HeaderMap, Reply), CallError> {
        let failed = |why: String| CallError::Other(Failure::Failed(why));
        // The path is appended as it is: joined as a URL, encoded dots would be taken for folders.
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.address.url, call.path));
        if call.method != Method::GET {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.address.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(version) = version {
            request = request.header(IF_MATCH, version);
        }
        let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| failed(error.to_string()))?;
        let sent = async {
            let answer = self.client.request(request).await.map_err(|error| {
                let why = format!("the service at {} can't be reached: {}", self.url(), root_cause(&error));
                failed(if error.is_connect() {
                    why
                } else {
                    self.lost(call, &root_cause(&error))
                })
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| failed(self.lost(call, &root_cause(&*error))))?;
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok((head, self.address.without_key(&text)))
        };
        let late = |_| {
            let why = format!("there is no answer within {} seconds", ANSWER_TIMEOUT.as_secs());
            failed(self.lost(call, &why))
        };
        let (head, text) = timeout(ANSWER_TIMEOUT, sent).await.map_err(late)??;
        if !head.status.is_success() {
            return Err(self.problem(head.status, &head.headers, &text));
        }
        let etag = head.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        let etag = etag.map(str::to_owned);
        Ok((head.headers, Reply { etag, text }))
    }

    /// What is said when a request was sent, and its answer has not come.
    fn lost(&self, call: &Call, why: &str) -> String {
        let again = match call.method {
            Method::GET => "",
            _ => "; whether it was done is not known, but what was done is not done twice: run the command again",
        };
        format!("the service at {} has not answered: {}{again}", self.url(), shown(why))
    }

    /// The address, as it is shown.
    fn url(&self) -> String {
        shown(self.address.url.as_str().trim_end_matches('/'))
    }

    /// The sentence for an answer that is no success.
    fn problem(&self, status: StatusCode, headers: &HeaderMap, text: &str) -> CallError {
        let problem: Value = serde_json::from_str(text).unwrap_or_default();
        let member = |name: &str| problem.get(name).and_then(Value::as_str);
        let (Some(code), Some(detail)) = (member("code"), member("detail")) else {
            let why = format!("{} answers {status}, which does not come from Earmark", self.url());
            return CallError::Other(Failure::Failed(why));
        };
        if code == STALE_VERSION {
            return CallError::Stale;
        }
        let mut sentence = shown(detail);
        let faults = problem.get("errors").and_then(Value::as_array).map(Vec::as_slice);
        // A single fault is in the detail already.
        for fault in faults.filter(|faults| faults.len() > 1).unwrap_or_default() {
            let text = |name: &str| fault.get(name).and_then(Value::as_str).map(shown);
            if let (Some(field), Some(message)) = (text("field"), text("message")) {
                sentence.push_str(&format!("; {field}: {message}"));
            }
        }
        sentence.push_str(&format!(" ({})", shown(code)));
        let seconds = headers
            .get(RETRY_AFTER)
            .and_then(|after| after.to_str().ok()?.parse::<u32>().ok());
        if let Some(seconds) = seconds {
            let unit = if seconds == 1 { "second" } else { "seconds" };
            sentence.push_str(&format!("; try again in {seconds} {unit}"));
        }
        if status == StatusCode::UNAUTHORIZED && self.address.authorization.is_none() {
            sentence.push_str("; the variable EARMARK_KEY has the key, and is not set");
        }
        CallError::Other(Failure::Failed(sentence))
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(path(&["batches", "PO-1042/2"]), "v1/batches/PO-1042%2F2");
        assert_eq!(path(&["orders", "a?b#c%d"]), "v1/orders/a%3Fb%23c%25d");
        assert_eq!(path(&["orders", "..", "lines", "."]), "v1/orders/%2E%2E/lines/%2E");
        let query = [
            ("sku", Some("a&b=c".to_owned())),
            ("status", None),
            ("limit", Some("5".to_owned())),
        ];
        assert_eq!(with_query(path(&["orders"]), &query), "v1/orders?sku=a%26b%3Dc&limit=5");
    }

    proptest! {
        #[test]
        fn any_name_comes_back_from_a_path(name in "\\PC{1,24}") {
            let path = path(&["orders", &name]);
            let segment = path.strip_prefix("v1/orders/").expect("a folder");
            prop_assert!(segment.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#".contains(&byte)));
            prop_assert_eq!(percent_decode_str(segment).decode_utf8().expect("UTF-8"), name);
        }
    }
}
