//! Batches: created, counted, shown.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, patch, post};
use earmark_domain::{BatchView, Command, CreateBatch, Location, Reference, Sku};

use super::api::Api;
use super::fields::{Faults, Fields, count, date, quantity, text};
use super::input::{Input, json, object};
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
    let mut input = Input::without_query(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let create = object(&json, "", &mut input.faults, create_batch);
    let create = input.finish(create)?;
    api.run(&request, Command::CreateBatch(create)).await
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
    let batch = api.ask(|queries| queries.batch(&reference)).await?;
    let Some(batch) = batch else {
        return Err(
            Problem::new(&kinds::UNKNOWN_BATCH, format!("there is no batch {reference}"))
                .with("reference", reference.as_str()),
        );
    };
    let view = BatchView::of(batch, api.today());
    Ok(Reply::new(StatusCode::OK, &BatchJson::from(&view)).response())
}

/// Count a batch
///
/// Sets its quantity to what was counted. Below what is allocated, lines are released, the latest allocated first, and
/// placed anew where they fit, else they wait. More stock serves lines that wait.
#[utoipa::path(
    tag = "Batches",
    operation_id = "change_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::ChangeBatch,
    responses((status = 200, description = "The batch, and what the count did to lines", body = BatchChangeJson<'static>))
)]
#[patch("/v1/batches/{reference}")]
pub(super) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let reference = input.path("reference", Reference::from_str);
    let quantity = object(&json, "", &mut input.faults, |fields, faults| {
        fields.required("quantity", faults, count)
    });
    let (reference, quantity) = input.finish(reference.zip(quantity))?;
    api.run(&request, Command::ChangeBatchQuantity { reference, quantity })
        .await
}
