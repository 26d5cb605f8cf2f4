//! Quotes: what an order would get.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use earmark_domain::Command;

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::wire::commands::orders;
use crate::wire::reading::fields::object;
use crate::wire::views::quotes::QuoteJson;

/// Quote an order
///
/// The result of placing an order with these lines, line by line: batches and dates, or what is short; with the batches
/// that were tried and the outcome of each. Nothing is allocated. On the same stock an order gets what the quote shows.
#[utoipa::path(
    tag = "Orders",
    operation_id = "quote",
    request_body = schema::Quote,
    responses((status = 200, description = "The quote", body = QuoteJson<'static>))
)]
#[post("/v1/quotes")]
pub(crate) async fn quote(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let quote = object(&json, "", &mut input.faults, orders::quote);
    let quote = input.finish(quote)?;
    api.run(&request, Command::Quote(quote), mode).await
}
