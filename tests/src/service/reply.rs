//! A reply, and the checks that hold for every reply.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// What the service answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header that occurs once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The media type of the body.
    #[must_use]
    pub fn media_type(&self) -> &str {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim()
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "{error} in the body of {}: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            ),
        }
    }

    /// The JSON of a reply with this status. Also checks its request id and its media type.
    ///
    /// # Panics
    /// When the reply is another one.
    #[track_caller]
    #[must_use]
    pub fn answers(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.media_type(), "application/json");
        assert!(
            self.header("x-request-id").is_some_and(|id| !id.is_empty()),
            "every reply has a request id"
        );
        self.json()
    }

    /// The problem of a reply with this status and code. Also checks that it is complete by RFC 9457.
    ///
    /// # Panics
    /// When the reply is another one, or something is missing.
    #[track_caller]
    #[must_use]
    pub fn refuses(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(
            self.media_type(),
            "application/problem+json",
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert!(
            self.header("x-request-id").is_some_and(|id| !id.is_empty()),
            "every reply has a request id"
        );
        let problem = self.json();
        assert_problem(&problem, status, code);
        problem
    }

    /// The fields at fault of an invalid request, in order.
    ///
    /// # Panics
    /// When the reply is another one.
    #[track_caller]
    #[must_use]
    pub fn fields_at_fault(&self) -> Vec<String> {
        let problem = self.refuses(422, "invalid_request");
        let errors = problem["errors"].as_array().expect("a list of errors");
        let field = |error: &Value| {
            assert!(
                error["message"].as_str().is_some_and(|message| !message.is_empty()),
                "{error}"
            );
            error["field"].as_str().expect("a field").to_owned()
        };
        errors.iter().map(field).collect()
    }
}

/// Checks the JSON of a problem.
///
/// # Panics
/// When something is missing or different.
#[track_caller]
pub(super) fn assert_problem(problem: &Value, status: u16, code: &str) {
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
    for member in ["title", "detail"] {
        assert!(
            problem[member].as_str().is_some_and(|text| !text.is_empty()),
            "no {member}: {problem}"
        );
    }
    if status == 503 {
        return;
    }
    // A problem shows no internals of the service.
    let detail = problem["detail"].as_str().unwrap_or_default().to_lowercase();
    for inside in ["sqlite", "postgres", "constraint", "serializ", "deadlock", "panicked"] {
        assert!(!detail.contains(inside), "{problem}");
    }
}
