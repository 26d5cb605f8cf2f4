//! Problems: everything that goes wrong, as a problem document (RFC 9457). No error leaves this interface in another
//! form.

use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use earmark_application::{CommandError, Denied, StoreError};
use serde_json::Value;

use super::outage_log::OutageLog;
use super::rate_limit::RateLimit;
use super::reply::X_EARMARK_PREVIEW;
use super::status::status;
use crate::http::site::BasePath;
use crate::wire::answers::kinds::{self, Kind};
use crate::wire::answers::problem::ProblemDocument;
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

/// What a client without a key is told to send (RFC 6750).
const CHALLENGE: &str = "Bearer realm=\"earmark\"";

/// A problem to answer with.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    document: ProblemDocument,
    /// The methods that the path has, for the `Allow` header.
    allow: Option<String>,
    /// Whether the connection is closed: its rest is broken, or not worth reading.
    close: bool,
    /// What went wrong inside: for the log, not for clients.
    cause: Option<Box<Cause>>,
    /// Whether it answers a preview.
    preview: bool,
    /// What the client has asked for too often.
    rate_limit: Option<Box<RateLimit>>,
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
        ProblemDocument::new(kind, detail).into()
    }

    fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// With a member that its kind has.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.document = self.document.with(name, value);
        self
    }

    /// As the answer to a preview, if it is one.
    pub(crate) const fn of_preview_if(mut self, preview: bool) -> Self {
        self.preview = preview;
        self
    }

    /// Because of a limit, of which nothing is left.
    pub(crate) fn because_of(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(Box::new(limit));
        self
    }

    /// With the connection closed after it.
    pub(crate) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// A request with faults: lists all of them.
    pub(crate) fn invalid(faults: Faults) -> Self {
        ProblemDocument::invalid(faults).into()
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
        ProblemDocument::internal().into()
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
    pub(crate) fn status(&self) -> StatusCode {
        status(self.document.kind().status)
    }

    /// The problem as the text of a JSON object.
    pub(crate) fn body(&self) -> String {
        self.document.body()
    }

    /// The problem as a response.
    pub(crate) fn response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status());
        response.content_type(PROBLEM_JSON);
        let is_in_use = *self.document.kind() == kinds::IDEMPOTENCY_KEY_IN_USE;
        if let Some(limit) = &self.rate_limit {
            response.insert_header((header::RETRY_AFTER, limit.more_in));
        } else if self.status() == StatusCode::SERVICE_UNAVAILABLE || is_in_use {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, CHALLENGE));
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
        let mut response = response.body(self.body());
        if let Some(limit) = &self.rate_limit {
            limit.show(response.headers_mut());
        }
        response
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

impl From<ProblemDocument> for Problem {
    fn from(document: ProblemDocument) -> Self {
        Self {
            document,
            allow: None,
            close: false,
            cause: None,
            preview: false,
            rate_limit: None,
        }
    }
}

impl From<&CommandError> for Problem {
    fn from(error: &CommandError) -> Self {
        ProblemDocument::from(error).into()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::from(&CommandError::from(denied))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.document.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_problem_says_when_to_retry() {
        for error in [
            CommandError::Busy,
            CommandError::ShuttingDown,
            CommandError::Unavailable,
        ] {
            let code = error.code();
            let problem = Problem::from(&error);
            assert_eq!(body(&problem)["code"], code);
            let response = problem.response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }

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
