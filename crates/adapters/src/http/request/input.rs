//! A request that is being read: path, query and body, with every fault collected.

use std::fmt::Display;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use bytes::Bytes;

use super::body::whole_body;
use super::query::{Query, percent_decoded, true_or_false};
use crate::http::limits::BodyTime;
use crate::http::response::problem::Problem;
use crate::wire::answers::problem::ProblemDocument;
use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::object;
use crate::wire::reading::json::{Json, parse};

/// How a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mode {
    /// Whether it is only decided and not stored.
    pub(crate) preview: bool,
}

/// A request that is being read.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    request: &'a HttpRequest,
    /// The faults found so far.
    pub(crate) faults: Faults,
    /// Whether it asks for a preview.
    preview: bool,
}

impl<'a> Input<'a> {
    /// A request whose query may have these parameters. Any other is a fault and is never ignored: a client must not
    /// get something else than it asked for.
    pub(crate) fn of(request: &'a HttpRequest, parameters: &[&str]) -> (Self, Query) {
        let mut faults = Faults::default();
        let query = Query::read(request.query_string(), parameters, &mut faults);
        let input = Self {
            request,
            faults,
            preview: false,
        };
        (input, query)
    }

    /// A request for a command, which can be previewed.
    pub(crate) fn of_command(request: &'a HttpRequest) -> (Self, Mode) {
        if request.query_string().is_empty() {
            return (Self::without_query(request), Mode::default());
        }
        let (mut input, query) = Self::of(request, &["preview"]);
        let preview = query.optional("preview", &mut input.faults, true_or_false);
        input.preview = preview.flatten().unwrap_or(false);
        let preview = input.preview;
        (input, Mode { preview })
    }

    /// A request that takes no query parameters.
    pub(crate) fn without_query(request: &'a HttpRequest) -> Self {
        Self::of(request, &[]).0
    }

    /// A segment of the path.
    pub(crate) fn path<T, E: Display>(
        &mut self,
        name: &'static str,
        new: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        // The router passes on what it can't decode, so a bad encoding shows only in the path as sent.
        if percent_decoded(self.request.uri().path()).is_none() {
            self.faults.add(name, "must be percent-encoded UTF-8");
            return None;
        }
        let segment = self.request.match_info().get(name).unwrap_or_default();
        // The router leaves %25, %2F and %2B encoded; after those nothing is encoded twice.
        let segment = percent_decoded(segment).unwrap_or_default();
        new(&segment).map_err(|error| self.faults.add(name, error)).ok()
    }

    /// The body of a call that needs one. [`json`] reads it; its media type has been checked before.
    ///
    /// # Errors
    /// A problem when it is too large or not whole.
    pub(crate) async fn body(&self, time: BodyTime<'_>, payload: Payload) -> Result<Bytes, Problem> {
        whole_body(time, self.request, payload).await
    }

    /// The body of a call for which it is optional: an absent body counts as an object without fields.
    ///
    /// # Errors
    /// As [`body`](Self::body).
    pub(crate) async fn body_if_any(&self, time: BodyTime<'_>, payload: Payload) -> Result<Bytes, Problem> {
        let body = whole_body(time, self.request, payload).await?;
        if body.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        Ok(body)
    }

    /// Reads the body of a call that needs none: an absent one, or an object without fields.
    ///
    /// # Errors
    /// As [`body`](Self::body), and when it is not JSON.
    pub(crate) async fn no_body(&mut self, time: BodyTime<'_>, payload: Payload) -> Result<Option<()>, Problem> {
        let body = self.body_if_any(time, payload).await?;
        let json = json(&body)?;
        Ok(object(&json, "", &mut self.faults, |_, _| Some(())))
    }

    /// What was read, if nothing is at fault.
    ///
    /// # Errors
    /// All faults as one problem.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        finish(self.faults, read).map_err(|problem| problem.of_preview_if(self.preview))
    }
}

/// What was read, if nothing is at fault.
pub(crate) fn finish<T>(mut faults: Faults, read: Option<T>) -> Result<T, Problem> {
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        _ => {
            if faults.is_empty() {
                faults.add("", "the request could not be read");
            }
            Err(Problem::invalid(faults))
        }
    }
}

/// Parses a body as JSON.
///
/// # Errors
/// A problem when it is not JSON.
pub(crate) fn json(text: &[u8]) -> Result<Json<'_>, Problem> {
    parse(text).map_err(|error| ProblemDocument::malformed(error).into())
}
