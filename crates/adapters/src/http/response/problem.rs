//! Problems: everything that goes wrong, as a problem document (RFC 9457). No error leaves this interface in another
//! form.

use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use earmark_application::StoreError;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::outage_log::OutageLog;
use super::problem_kinds::{self as kinds, Kind};
use super::reply::X_EARMARK_PREVIEW;
use crate::http::site::BasePath;
use crate::wire::reading::faults::{Faults, shortened};

/// The media type of every problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// With what the text of every problem begins, before the path of its type.
const BEFORE_TYPE: &str = "{\"type\":\"";

/// The text of a problem, with the path of its type behind the path of a proxy.
pub(crate) fn behind(base: &BasePath, mut body: String) -> String {
    if body.starts_with(BEFORE_TYPE) {
        body.insert_str(BEFORE_TYPE.len(), base.as_str());
    }
    body
}

/// After how many seconds a client may retry. A queue drains in far less; a whole second is the least the header can
/// say.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A problem to answer with.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: &'static Kind,
    detail: String,
    /// The members of its kind: `sku`, `shortages`, `errors`, …
    members: Map<String, Value>,
    /// The methods that the path has, for the `Allow` header.
    allow: Option<String>,
    /// Whether the connection is closed: its rest is broken, or not worth reading.
    close: bool,
    /// What went wrong inside: for the log, not for clients.
    cause: Option<Box<Cause>>,
    /// Whether it answers a preview.
    preview: bool,
}

/// Why the service failed.
#[derive(Debug, Clone)]
enum Cause {
    /// The store does not answer.
    Outage(String),
    /// A state that should be impossible.
    Defect(String),
}

impl Problem {
    /// A problem of a kind, with its detail for people.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            members: Map::new(),
            allow: None,
            close: false,
            cause: None,
            preview: false,
        }
    }

    fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// With a member that its kind has.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        debug_assert!(
            self.kind.members.iter().any(|member| member.name == name),
            "{} has no member {name}: add it to its kind, from which the OpenAPI document is made",
            self.kind.code
        );
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With these members, which its kind has.
    pub(crate) fn with_all(self, members: Map<String, Value>) -> Self {
        let add = |problem: Self, (name, value): (String, Value)| problem.with(&name, value);
        members.into_iter().fold(self, add)
    }

    /// As the answer to a preview, if it is one.
    pub(crate) const fn of_preview_if(mut self, preview: bool) -> Self {
        self.preview = preview;
        self
    }

    /// With the connection closed after it.
    pub(crate) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// A request with faults: lists all of them.
    pub(crate) fn invalid(faults: Faults) -> Self {
        let (errors, unlisted) = faults.into_parts();
        let detail = match (errors.as_slice(), unlisted) {
            ([only], 0) if only.field.is_empty() => only.message.clone(),
            ([only], 0) => format!("{} {}", only.field, only.message),
            (_, 0) => format!("{} fields are at fault", errors.len()),
            (_, unlisted) => format!(
                "{} fields are at fault; the first {} are listed",
                errors.len() + unlisted,
                errors.len()
            ),
        };
        Self::new(&kinds::INVALID_REQUEST, detail).with("errors", json!(errors))
    }

    /// No such path.
    pub(crate) fn not_found(path: &str) -> Self {
        Self::new(&kinds::NOT_FOUND, format!("there is nothing at {}", shortened(path)))
    }

    /// A write with a condition that is not supported.
    pub(crate) fn condition_not_supported(header: &str) -> Self {
        Self::new(
            &kinds::CONDITION_NOT_SUPPORTED,
            format!("a write with the header {header} is not executed: the condition can't be checked"),
        )
    }

    /// A path that does not have the method.
    pub(crate) fn method_not_allowed(method: &str, allow: String) -> Self {
        let mut problem = Self::new(
            &kinds::METHOD_NOT_ALLOWED,
            format!("{} is not allowed here; {allow} is", shortened(method)),
        );
        problem.allow = Some(allow);
        problem
    }

    /// A defect of the service that has been logged already. Shows nothing of the inside.
    pub(crate) fn internal() -> Self {
        Self::new(
            &kinds::INTERNAL,
            "the service failed on this request; it has been logged",
        )
    }

    /// A defect of the service, to be logged.
    pub(crate) fn defect(cause: &impl fmt::Display) -> Self {
        Self::internal().because(Cause::Defect(cause.to_string()))
    }

    /// Whether something went wrong inside.
    pub(crate) const fn has_cause(&self) -> bool {
        self.cause.is_some()
    }

    /// Whether the store does not answer.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.cause.as_deref(), Some(Cause::Outage(_)))
    }

    /// Logs what went wrong inside, if anything did. Called once for each problem, where the request is known, at an
    /// instant of the clock's monotonic time.
    pub(crate) fn log(&self, outages: &OutageLog, now: Duration) {
        match self.cause.as_deref() {
            Some(Cause::Outage(reason)) => {
                if let Some(requests) = outages.note(now) {
                    tracing::warn!(%reason, requests, "the store does not answer");
                }
            }
            Some(Cause::Defect(error)) => tracing::error!(%error, "a defect"),
            None => {}
        }
    }

    /// The status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// The problem as the text of a JSON object.
    pub(crate) fn body(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and maps of them are always JSON")
    }

    /// The problem as a response.
    pub(crate) fn response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.kind.status);
        response.content_type(PROBLEM_JSON);
        if self.kind.status == StatusCode::SERVICE_UNAVAILABLE || *self.kind == kinds::IDEMPOTENCY_KEY_IN_USE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if self.preview {
            response.insert_header((X_EARMARK_PREVIEW, "true"));
        }
        if self.close {
            response.force_close();
        }
        response.body(self.body())
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::new(&kinds::BUSY, "the state changed while it was read; try again"),
            StoreError::Unavailable(reason) => {
                let problem = Self::new(&kinds::UNAVAILABLE, "the store does not answer; try again");
                problem.because(Cause::Outage(reason.clone()))
            }
            StoreError::Locked(_) => {
                let problem = Self::new(&kinds::UNAVAILABLE, "what is asked for is locked; try again");
                problem.because(Cause::Outage(error.to_string()))
            }
            StoreError::Corrupt(_) | StoreError::Failed(_) | StoreError::Undecided(_) => {
                Self::internal().because(Cause::Defect(error.to_string()))
            }
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", self.kind.code))?;
        map.serialize_entry("title", self.kind.title)?;
        map.serialize_entry("status", &self.kind.status.as_u16())?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("code", self.kind.code)?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: &Problem) -> Value {
        serde_json::from_str(&problem.body()).expect("JSON")
    }

    #[test]
    fn a_defect_shows_nothing_of_the_inside() {
        let body = body(&Problem::from(&StoreError::Corrupt(
            "constraint batches_pkey".to_owned(),
        )));
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("batches_pkey"));
    }

    #[test]
    fn the_type_of_a_problem_is_behind_the_path_of_the_proxy() {
        let base = "/shop".parse().expect("a path");
        let body: Value = serde_json::from_str(&behind(&base, Problem::internal().body())).expect("JSON");
        assert_eq!(body["type"], "/shop/problems/internal");
    }
}
