//! Batches: created, shown, counted, put off, received, cancelled.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use earmark_domain::{ChangeBatch, Command, CreateBatch, Location, Reference, Sku};
use jiff::civil::Date;

use super::api::Api;
use super::asked::IfMatch;
use super::fields::{Faults, Fields, count, date, quantity, text};
use super::input::{Input, json, object};
use super::json::Json;
use super::kinds;
use super::present::{BatchChangeJson, BatchJson};
use super::problem::Problem;
use super::reply::Reply;
use super::schema;

/// Reads a batch to create.
pub(super) fn create_batch(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<CreateBatch> {
    let reference = fields.required("reference", faults, text(Reference::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("quantity", faults, quantity);
    let eta = fields.optional("eta", faults, text(date));
    let location = fields.optional("location", faults, text(Location::from_str));
    Some(CreateBatch {
        reference: reference?,
        sku: sku?,
        quantity: quantity?,
        eta: eta?,
        location: location?.unwrap_or_default(),
    })
}

/// Create a batch
///
/// Creates the product too when its SKU is new, and serves lines that wait for it. The same content sent again is
/// answered with 200 and changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "create_batch",
    request_body = schema::CreateBatch,
    responses(
        (status = 201, description = "It is created", body = BatchJson<'static>,
            headers(("location" = String, description = "Where the batch is shown"))),
        (status = 200, description = "It had been created before, with the same content", body = BatchJson<'static>),
    )
)]
#[post("/v1/batches")]
pub(super) async fn create(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let create = object(&json, "", &mut input.faults, create_batch);
    let create = input.finish(create)?;
    api.run(&request, Command::CreateBatch(create), mode).await
}

/// Show a batch
#[utoipa::path(
    tag = "Batches",
    operation_id = "show_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    responses((status = 200, description = "The batch", body = BatchJson<'static>))
)]
#[get("/v1/batches/{reference}")]
pub(super) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let reference = input.path("reference", Reference::from_str);
    let reference = input.finish(reference)?;
    let now = api.now();
    let batch = api.ask(|ports| ports.views.batch(&reference, now)).await?;
    let Some(batch) = batch else {
        return Err(
            Problem::new(&kinds::UNKNOWN_BATCH, format!("there is no batch {reference}"))
                .with("reference", reference.as_str()),
        );
    };
    let view = batch.view(api.today());
    let reply = Reply::new(StatusCode::OK, &BatchJson::from(&view));
    Ok(reply.versioned(view.version).response())
}

/// Reads what is said anew of a batch.
fn change_batch(reference: Option<Reference>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<ChangeBatch> {
    let quantity = fields.given("quantity", faults, count);
    let eta = fields.given("eta", faults, expected);
    if quantity == Some(None) && eta == Some(None) {
        faults.add("", "must have at least one of quantity, eta");
    }
    Some(ChangeBatch {
        reference: reference?,
        quantity: quantity?,
        eta: eta?,
    })
}

/// The day on which a batch is expected.
fn expected(json: &Json<'_>) -> Result<Date, String> {
    match json {
        Json::Null => {
            Err("must be a date; that a batch has arrived is told by POST /v1/batches/{reference}/receipt".to_owned())
        }
        other => text(date)(other),
    }
}

/// Change a batch
///
/// Counts it, says when it arrives, or both. Below what is allocated, lines are released, those with the weakest claim
/// first, and placed anew where they fit, else they wait. If it arrives later, lines move to other stock that leaves
/// earlier. More stock serves lines that wait.
#[utoipa::path(
    tag = "Batches",
    operation_id = "change_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::ChangeBatch,
    responses((status = 200, description = "The batch, and what the change did to lines", body = BatchChangeJson<'static>))
)]
#[patch("/v1/batches/{reference}")]
pub(super) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let reference = input.path("reference", Reference::from_str);
    let change = object(&json, "", &mut input.faults, |fields, faults| {
        change_batch(reference, fields, faults)
    });
    let change = input.finish(change)?;
    api.run_if(condition, &request, Command::ChangeBatch(change), mode)
        .await
}

/// Receive a batch
///
/// It is in the warehouse from now on, with as many units as were counted, or as were expected where nothing is said.
/// Receiving it again changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "receive_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::Receipt,
    responses((status = 200, description = "The batch, and what its arrival did to lines", body = BatchChangeJson<'static>))
)]
#[post("/v1/batches/{reference}/receipt")]
pub(super) async fn receive(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let reference = input.path("reference", Reference::from_str);
    let quantity = object(&json, "", &mut input.faults, |fields, faults| {
        fields.optional("quantity", faults, count)
    });
    let (reference, quantity) = input.finish(reference.zip(quantity))?;
    let receive = Command::ReceiveBatch { reference, quantity };
    api.run_if(condition, &request, receive, mode).await
}

/// Cancel a batch
///
/// It won't come, or is given up: only what has been dispatched from it remains, and it is closed. Its lines are placed
/// anew where they fit, else they wait. Cancelling it again changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "cancel_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    responses((status = 200, description = "The batch, and what became of its lines", body = BatchChangeJson<'static>))
)]
#[delete("/v1/batches/{reference}")]
pub(super) async fn cancel(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let condition = IfMatch::of(&request)?;
    let reference = input.path("reference", Reference::from_str);
    let reference = input.finish(reference)?;
    api.run_if(condition, &request, Command::CancelBatch(reference), mode)
        .await
}
