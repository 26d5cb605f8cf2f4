//! Batches: create, show, change, receive, cancel.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use earmark_application::{Action, BatchFilter, BatchSelection, Page, list_batches};
use earmark_domain::{Command, Location, Reference, Sku};

use crate::http::api::Api;
use crate::http::execution::unknown_batch;
use crate::http::middleware::auth::require;
use crate::http::openapi::schema;
use crate::http::request::context::RequestContext;
use crate::http::request::if_match::IfMatch;
use crate::http::request::input::{Input, json};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, true_or_false, word};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::commands::batches::{change_batch, create_batch, receipt};
use crate::wire::reading::fields::object;
use crate::wire::views::batches::BatchJson;
use crate::wire::views::effects::{BatchChangeJson, BatchReceiptJson};
use crate::wire::views::list::Each;
use crate::wire::views::pages::BatchPageJson;
use crate::wire::words::BatchStatusJson;

/// Create a batch
///
/// Creates the product too when its SKU is new, and serves its backlog. The same content sent again is answered with
/// 200 and changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "create_batch",
    request_body = schema::CreateBatch,
    responses(
        (status = 201, description = "The batch is created", body = BatchJson<'static>,
            headers(("location" = String, description = "The path of the batch"))),
        (status = 200, description = "The batch existed, with the same content", body = BatchJson<'static>),
    )
)]
#[post("/v1/batches")]
pub(crate) async fn create(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let create = object(&json, "", &mut input.faults, create_batch);
    let create = input.finish(create)?;
    api.create(&request, Command::CreateBatch(create), mode).await
}

/// List batches
///
/// By reference, a page at a time: send `next` as `after` to get the next page. A page is looked for among a bounded
/// number of batches, so it may have few, or none, though `next` is not null.
#[utoipa::path(
    tag = "Batches",
    operation_id = "list_batches",
    params(
        ("sku" = Option<String>, Query, description = "Only those of this product"),
        ("location" = Option<String>, Query, description = "Only those at this location, or on their way to it"),
        ("status" = Option<BatchStatusJson>, Query, description = "Only those with this status"),
        ("overdue" = Option<bool>, Query, description = "`true`: only those that are overdue; `false`: only the others"),
        ("after" = Option<String>, Query, description = "Only those after this reference"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of batches", body = BatchPageJson<'static>))
)]
#[get("/v1/batches")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let parameters = ["sku", "location", "status", "overdue", "after", "limit"];
    let (mut input, query) = Input::of(&request, &parameters);
    let sku = query.optional("sku", &mut input.faults, Sku::from_str);
    let location = query.optional("location", &mut input.faults, Location::from_str);
    let status = query.optional("status", &mut input.faults, word);
    let overdue = query.optional("overdue", &mut input.faults, true_or_false);
    let after = query.optional("after", &mut input.faults, Reference::from_str);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let selection = sku
        .zip(location)
        .map(|(sku, location)| BatchSelection { sku, location });
    let filter = selection.zip(status).zip(overdue);
    let filter = filter.map(|((selection, status), overdue)| BatchFilter {
        selection,
        status,
        overdue,
    });
    let ((filter, after), most) = input.finish(filter.zip(after).zip(most))?;
    require(&request, &api, Action::ListBatches(filter.selection.sku.as_ref()))?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let views = api.views(&RequestContext::principal(&request));
    let page = list_batches(&*views, &filter, after, now, most).await;
    let Page { items, next } = page.map_err(|error| Problem::from(&error))?;
    let json = BatchPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(Reference::as_str),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}

/// Show a batch
///
/// With its units: allocated, dispatched, and available.
#[utoipa::path(
    tag = "Batches",
    operation_id = "show_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    responses((status = 200, description = "The batch", body = BatchJson<'static>))
)]
#[get("/v1/batches/{reference}")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let reference = input.path("reference", Reference::from_str);
    let reference = input.finish(reference)?;
    let now = api.now();
    let views = api.views(&RequestContext::principal(&request));
    let batch = views.batch(&reference, now).await;
    let Some(batch) = batch.map_err(|error| Problem::from(&error))? else {
        return Err(unknown_batch(&reference));
    };
    let view = batch.view();
    let reply = Reply::new(StatusCode::OK, &BatchJson::from(&view));
    Ok(reply.versioned(view.version).response())
}

/// Change a batch
///
/// Changes its quantity, its ETA, or both. If the quantity falls below what is allocated, lines are released, the last
/// in the order of service first, and reallocated where they fit; else they go to the backlog. If it arrives later,
/// lines move to other stock that is there earlier. More stock serves the backlog. A batch that has arrived gets no ETA.
#[utoipa::path(
    tag = "Batches",
    operation_id = "change_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::ChangeBatch,
    responses((status = 200, description = "The batch, and what the change did to lines",
        body = BatchChangeJson<'static>))
)]
#[patch("/v1/batches/{reference}")]
pub(crate) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
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
/// The batch is in the warehouse from now on, with the counted quantity, or the expected one where none is given.
/// Receiving it again changes nothing, and another count is refused: that is a change of its quantity.
///
/// A delivery may come in parts. With a `rest`, what has not arrived is still expected, as a batch of its own, which the
/// answer shows: it has the day and the reference that are given, or else the day of the batch and its reference with a
/// number (`PO-1042/2`, and `PO-1042/3` for the rest of that). Lines that do not fit in what has arrived move to the
/// rest, or to other stock, before anybody else gets its units. Without a `rest`, or with `"close"`, nothing more is
/// expected, and lines that do not fit move or wait.
#[utoipa::path(
    tag = "Batches",
    operation_id = "receive_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::Receipt,
    responses((status = 200, description = "The batch, its rest, and what its arrival did to lines",
        body = BatchReceiptJson<'static>))
)]
#[post("/v1/batches/{reference}/receipt")]
pub(crate) async fn receive(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let reference = input.path("reference", Reference::from_str);
    let delivery = object(&json, "", &mut input.faults, receipt);
    let (reference, delivery) = input.finish(reference.zip(delivery))?;
    let receive = Command::ReceiveBatch { reference, delivery };
    api.run_if(condition, &request, receive, mode).await
}

/// Undo the receipt of a batch
///
/// The batch has not arrived after all: it is expected on the day and with the quantity that it had before its receipt,
/// as long as nothing of it has been dispatched. Its lines move to other stock that is there earlier, or are promised
/// for that day. Undoing it again changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "undo_receipt",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The batch, and what the change did to its lines",
        body = BatchChangeJson<'static>))
)]
#[delete("/v1/batches/{reference}/receipt")]
pub(crate) async fn undo_receipt(
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let reference = input.path("reference", Reference::from_str);
    let (reference, ()) = input.finish(reference.zip(nothing))?;
    api.run_if(condition, &request, Command::UndoReceipt(reference), mode)
        .await
}

/// Cancel a batch
///
/// The batch will not arrive, or is given up: it is closed with only what has been dispatched from it. Its lines are
/// reallocated where they fit; else they go to the backlog. Cancelling it again changes nothing.
#[utoipa::path(
    tag = "Batches",
    operation_id = "cancel_batch",
    params(("reference" = String, Path, description = "The batch's reference", example = "PO-1042")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The batch, and what the change did to its lines",
        body = BatchChangeJson<'static>))
)]
#[delete("/v1/batches/{reference}")]
pub(crate) async fn cancel(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let reference = input.path("reference", Reference::from_str);
    let (reference, ()) = input.finish(reference.zip(nothing))?;
    api.run_if(condition, &request, Command::CancelBatch(reference), mode)
        .await
}
