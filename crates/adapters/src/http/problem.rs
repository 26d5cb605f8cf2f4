//! Problems: everything that goes wrong, as RFC 9457 tells it.
//!
//! One function presents what the application answers ([`Problem::of`]); whatever the edge itself finds wrong is made
//! here too, so that no answer leaves this interface in another form.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use earmark_application::{CommandError, StoreError};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::fields::Faults;
use super::kinds::{self, Kind};
use super::refused::refused;
use super::reply::X_EARMARK_PREVIEW;

/// The media type of every problem.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// After how many seconds a client that was told "busy" may come again. A queue drains in far less; the whole second
/// is the smallest the header can say.
const RETRY_AFTER_SECONDS: u32 = 1;

/// One problem, to be answered with.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    kind: &'static Kind,
    detail: String,
    /// The members of the case: `sku`, `shortages`, `errors`, …
    members: Map<String, Value>,
    /// The methods that the path does have, for the `Allow` header.
    allow: Option<String>,
    /// Whether the rest of the connection can't be trusted, or isn't worth reading.
    close: bool,
    /// What went wrong inside. It goes to the log: it is not for clients.
    cause: Option<Box<Cause>>,
    /// Whether it answers a preview.
    preview: bool,
}

/// Why the service itself could not do what it should.
#[derive(Debug, Clone)]
enum Cause {
    /// The store does not answer, for this reason.
    Outage(String),
    /// This can't be, and is.
    Defect(String),
}

impl Problem {
    /// A problem of a kind, told for people.
    pub(super) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
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

    /// With a member of the case.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With these members of the case.
    pub(super) fn with_all(mut self, members: Map<String, Value>) -> Self {
        self.members.extend(members);
        self
    }

    /// As the answer to a preview, if that is what was asked for.
    pub(super) const fn of_preview_if(mut self, preview: bool) -> Self {
        self.preview = preview;
        self
    }

    /// After which the connection is closed.
    pub(super) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// Fields at fault, all of them.
    pub(super) fn invalid(faults: Faults) -> Self {
        let (errors, untold) = faults.into_parts();
        let detail = match (errors.as_slice(), untold) {
            ([only], 0) if only.field.is_empty() => only.message.clone(),
            ([only], 0) => format!("{} {}", only.field, only.message),
            (_, 0) => format!("{} fields are at fault", errors.len()),
            (_, untold) => format!(
                "{} fields are at fault; the first {} are named",
                errors.len() + untold,
                errors.len()
            ),
        };
        let errors: Vec<Value> = errors
            .into_iter()
            .map(|fault| json!({"field": fault.field, "message": fault.message}))
            .collect();
        Self::new(&kinds::INVALID_REQUEST, detail).with("errors", errors)
    }

    /// No such path.
    pub(super) fn not_found(path: &str) -> Self {
        Self::new(&kinds::NOT_FOUND, format!("there is nothing at {}", shortened(path)))
    }

    /// A write on a condition that nobody here can check.
    pub(super) fn condition_not_supported(header: &str) -> Self {
        Self::new(
            &kinds::CONDITION_NOT_SUPPORTED,
            format!("a write with the header {header} is not executed: the condition can't be checked"),
        )
    }

    /// A path that exists, with a method that does not.
    pub(super) fn method_not_allowed(method: &str, allow: String) -> Self {
        let mut problem = Self::new(
            &kinds::METHOD_NOT_ALLOWED,
            format!("{} is not allowed here; {allow} is", shortened(method)),
        );
        problem.allow = Some(allow);
        problem
    }

    /// Why a command got no outcome.
    pub(super) fn of(error: &CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refused(refusal),
            CommandError::Busy => Self::new(&kinds::BUSY, error.to_string()),
            CommandError::ShuttingDown => Self::new(&kinds::SHUTTING_DOWN, error.to_string()),
            CommandError::Unavailable => Self::new(&kinds::UNAVAILABLE, error.to_string()),
            CommandError::Internal => Self::internal(),
        }
    }

    /// Why a question got no answer.
    pub(super) fn unanswered(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::new(&kinds::BUSY, "the books changed while they were read; ask again"),
            StoreError::Unavailable(reason) => {
                let problem = Self::new(&kinds::UNAVAILABLE, "the store does not answer; ask again");
                problem.because(Cause::Outage(reason.clone()))
            }
            StoreError::Corrupt(_) | StoreError::Undecided(_) => {
                Self::internal().because(Cause::Defect(error.to_string()))
            }
        }
    }

    /// A defect of the service that is in the log already, with nothing of its inside.
    pub(super) fn internal() -> Self {
        Self::new(
            &kinds::INTERNAL,
            "the service failed on this request; it has been logged",
        )
    }

    /// A defect of the service that this interface has met.
    pub(super) fn defect(met: &impl fmt::Display) -> Self {
        Self::internal().because(Cause::Defect(met.to_string()))
    }

    /// Whether something went wrong inside.
    pub(super) const fn has_a_cause(&self) -> bool {
        self.cause.is_some()
    }

    /// Tells the log what went wrong inside, if anything did. Called once for each problem, by whoever answers with it
    /// and knows the request.
    pub(super) fn log(&self) {
        match self.cause.as_deref() {
            Some(Cause::Outage(reason)) => {
                tracing::warn!(%reason, "a question could not be asked: the store does not answer");
            }
            Some(Cause::Defect(error)) => tracing::error!(%error, "a question could not be answered"),
            None => {}
        }
    }

    /// The status it is answered with.
    pub(super) const fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// The problem as the text of a JSON object.
    pub(super) fn body(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and maps of them are always JSON")
    }

    /// The problem as a response.
    pub(super) fn response(&self) -> HttpResponse {
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

/// A client's own text, as much of it as is worth repeating to it.
pub(super) fn shortened(text: &str) -> String {
    /// Enough to recognise what was sent; a name has at most as many.
    const MOST: usize = 64;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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
    fn too_busy_says_when_to_come_again() {
        for error in [
            CommandError::Busy,
            CommandError::ShuttingDown,
            CommandError::Unavailable,
        ] {
            let code = error.code();
            let problem = Problem::of(&error);
            assert_eq!(body(&problem)["code"], code);
            let response = problem.response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }

    #[test]
    fn a_defect_shows_nothing_of_the_inside() {
        let body = body(&Problem::unanswered(&StoreError::Corrupt(
            "constraint batches_pkey".to_owned(),
        )));
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("batches_pkey"));
    }

    #[test]
    fn a_clients_text_is_not_repeated_at_length() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(1000)).chars().count(), 65);
    }
}
