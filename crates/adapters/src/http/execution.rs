//! Running commands: from a request to the engine, and from the outcome to the response.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use earmark_application::{Answer, CommandError, Envelope, Principal};
use earmark_domain::{Command, Outcome, Reference, Refusal, Sku};

use super::api::Api;
use super::request::context::RequestContext;
use super::request::if_match::{IfMatch, must_be_new};
use super::request::input::Mode;
use super::response::problem::Problem;
use super::response::product_preview::{ProductChange, previewed};
use super::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::views::products::ProductJson;

/// A command in the envelope of the request that brought it.
pub(super) fn envelope(command: Command, context: RequestContext, mode: Mode) -> Envelope {
    Envelope {
        preview: mode.preview,
        ..Envelope::new(command, context.principal, context.id)
    }
}

/// The problem for an unknown product.
pub(super) fn unknown_sku(sku: &Sku) -> Problem {
    Problem::new(&kinds::UNKNOWN_SKU, format!("unknown SKU: {sku}")).with("skus", vec![sku.as_str()])
}

/// The problem for a batch that is not known.
pub(super) fn unknown_batch(reference: &Reference) -> Problem {
    Problem::new(&kinds::UNKNOWN_BATCH, format!("there is no batch {reference}")).with("reference", reference.as_str())
}

/// The problem for what has to be new and is not.
fn exists() -> Problem {
    Problem::new(&kinds::STALE_VERSION, "it exists already")
}

impl Api {
    /// Runs a command and answers the request.
    ///
    /// # Errors
    /// The refusal or the failure, as a problem.
    pub(super) async fn run(
        &self,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        let answer = self.execute(request, command, mode).await;
        self.respond(answer, mode).await
    }

    /// Runs a command on a product, a batch or an order, under the condition of the request.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the condition does not hold.
    pub(super) async fn run_if(
        &self,
        condition: Option<IfMatch>,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        match condition {
            None => self.run(request, command, mode).await,
            Some(IfMatch::Any) => {
                self.require_existing(&RequestContext::of(request).principal, &command)
                    .await
                    .map_err(|problem| problem.of_preview_if(mode.preview))?;
                self.run(request, command, mode).await
            }
            Some(IfMatch::Versions(versions)) => {
                let answer = self.execute_on(Some(versions), request, command, mode).await;
                self.respond(answer, mode).await
            }
        }
    }

    /// Runs a command that creates what it is about or changes it, under the condition of the request.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the condition does not hold or is not supported.
    pub(super) async fn create_if(
        &self,
        condition: Option<IfMatch>,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        match condition {
            None => self.create(request, command, mode).await,
            Some(_) if must_be_new(request)? => {
                Err(Problem::condition_not_supported("If-Match together with If-None-Match"))
            }
            Some(_) => self.run_if(condition, request, command, mode).await,
        }
    }

    /// Runs a command that may create something, which has to be new if the request says so.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when it has to be new and is not.
    pub(super) async fn create(
        &self,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<HttpResponse, Problem> {
        let answer = self
            .execute_new(request, command, mode)
            .await
            .map_err(|problem| problem.of_preview_if(mode.preview))?;
        self.respond(answer, mode).await
    }

    /// Runs such a command. The decision itself says whether it has created something, so that nobody can come between
    /// the condition and the command: a command that finds what it would create changes nothing.
    ///
    /// # Errors
    /// A problem when it has to be new and is not, or when the condition is not supported.
    pub(super) async fn execute_new(
        &self,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Result<Answer, Problem> {
        if !must_be_new(request)? {
            return Ok(self.execute(request, command, mode).await);
        }
        let (command, versions) = match command {
            // Unlike the others it changes what it finds: a product that is new has version 0.
            put @ Command::PutProduct(_) => (put, Some(vec![0])),
            // The same order, unless there is one.
            Command::ReplaceOrder(order) => (Command::PlaceOrder(order), None),
            other => (other, None),
        };
        let answer = self.execute_on(versions, request, command, mode).await;
        match &answer {
            Ok(outcome) if outcome.is_unchanged() => Err(exists()),
            Err(CommandError::Refused(
                Refusal::BatchExists(_)
                | Refusal::OrderExists { .. }
                | Refusal::OrderCancelled(_)
                | Refusal::HoldExpired { .. }
                | Refusal::LineExists { .. }
                | Refusal::LineEnded { .. },
            )) => Err(exists()),
            _ => Ok(answer),
        }
    }

    /// Checks the condition `*`. Of the commands with a condition only two would create what they write on. What exists
    /// is never deleted, so it can be checked before the command runs.
    async fn require_existing(&self, principal: &Principal, command: &Command) -> Result<(), Problem> {
        let views = self.views(principal);
        let exists = match command {
            Command::PutProduct(put) => {
                let now = self.now();
                views.product(&put.sku, now).await.map(|product| product.is_some())
            }
            Command::ReplaceOrder(place) => views.order(place.order()).await.map(|order| order.is_some()),
            _ => Ok(true),
        };
        let exists = exists.map_err(|error| Problem::from(&error))?;
        if exists {
            return Ok(());
        }
        let missing = Refusal::StaleVersion { version: 0 };
        Err(Problem::from(&CommandError::Refused(missing)))
    }

    /// Runs a command.
    pub(super) async fn execute(&self, request: &HttpRequest, command: Command, mode: Mode) -> Answer {
        self.execute_on(None, request, command, mode).await
    }

    /// Runs a command if what it is about has one of these versions; `None`: any.
    async fn execute_on(
        &self,
        versions: Option<Vec<u64>>,
        request: &HttpRequest,
        command: Command,
        mode: Mode,
    ) -> Answer {
        let envelope = Envelope {
            if_versions: versions.map(Arc::from),
            ..envelope(command, RequestContext::of(request), mode)
        };
        self.engine().execute(envelope).await
    }

    async fn respond(&self, answer: Answer, mode: Mode) -> Result<HttpResponse, Problem> {
        let reply = match answer {
            Ok(outcome) if mode.preview => self.preview(&outcome).await.map(Reply::of_preview),
            Ok(outcome) => self.reply(&outcome).await,
            Err(error) => Err(Problem::from(&error)),
        };
        match reply {
            Ok(reply) => Ok(reply.response()),
            Err(problem) => Err(problem.of_preview_if(mode.preview)),
        }
    }

    /// The reply to an outcome. A product is read whole, since its outcome does not have all of it.
    ///
    /// # Errors
    /// A problem when the product can't be read.
    pub(super) async fn reply(&self, outcome: &Outcome) -> Result<Reply, Problem> {
        match outcome {
            // Whoever may change it knows of it.
            Outcome::ProductPut { sku, .. } => self.product(&Principal::service(), sku).await,
            other => Ok(Reply::of(other)),
        }
    }

    /// The reply to an outcome that is not stored.
    async fn preview(&self, outcome: &Outcome) -> Result<Reply, Problem> {
        let Some(change) = ProductChange::of(outcome) else {
            return Ok(Reply::of(outcome));
        };
        let now = self.now();
        let views = self.views(&Principal::service());
        let stored = views.product(change.sku, now).await;
        let stored = stored.map_err(|error| Problem::from(&error))?;
        let product = previewed(&change, stored);
        let batches = product.batch_views();
        let view = product.summary.view(self.about().promising, self.day_of(now));
        let json = ProductJson::of(&view, &batches);
        Ok(Reply::new(StatusCode::OK, &json))
    }

    /// A product with its batches.
    ///
    /// # Errors
    /// A problem when it is unknown or can't be read.
    pub(super) async fn product(&self, principal: &Principal, sku: &Sku) -> Result<Reply, Problem> {
        let now = self.now();
        let product = self.views(principal).product(sku, now).await;
        let Some(product) = product.map_err(|error| Problem::from(&error))? else {
            return Err(unknown_sku(sku));
        };
        let batches = product.batch_views();
        let view = product.summary.view(self.about().promising, self.day_of(now));
        let json = ProductJson::of(&view, &batches);
        Ok(Reply::new(StatusCode::OK, &json).versioned(view.summary.version))
    }
}
