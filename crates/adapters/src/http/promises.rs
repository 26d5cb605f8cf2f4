//! What becomes of an order's promises: quoted before it is placed, confirmed while it is held, kept by dispatch.

use std::collections::BTreeSet;
use std::str::FromStr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, post};
use earmark_domain::{Command, ConfirmOrder, LineId, OrderId};

use super::api::Api;
use super::fields::yes_or_no;
use super::input::{Input, json, object};
use super::ordering::{lines_confirmed, lines_named, quote};
use super::present::OrderJson;
use super::problem::Problem;
use super::quoted::QuoteJson;
use super::schema;

/// Quote an order
///
/// What placing an order with these lines would come to, line by line: batches and dates, or what is short; with the
/// batches that were tried and, for each that is not taken, why. Nothing is allocated. On the same stock an order
/// comes to what the quote said.
#[utoipa::path(
    tag = "Orders",
    operation_id = "quote",
    request_body = schema::Quote,
    responses((status = 200, description = "What it would come to", body = QuoteJson<'static>))
)]
#[post("/v1/quotes")]
pub(super) async fn quoted(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let quote = object(&json, "", &mut input.faults, quote);
    let quote = input.finish(quote)?;
    api.run(&request, Command::Quote(quote), mode).await
}

/// Confirm an order
///
/// Makes a held order firm: all of it, or the lines that are named, with as much of them as is named. What is not
/// confirmed is released. At its deadline a hold has expired; `reacquire` then tries to get the same lines anew.
/// Confirming a firm order changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "confirm_order",
    params(("order_id" = String, Path, description = "The order", example = "order-8")),
    request_body = schema::Confirmation,
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[post("/v1/orders/{order_id}/confirmation")]
pub(super) async fn confirm(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(payload).await?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let confirm = object(&json, "", &mut input.faults, |fields, faults| {
        let lines = lines_confirmed(fields, faults);
        let reacquire = fields.optional("reacquire", faults, yes_or_no);
        Some(ConfirmOrder {
            order: order?,
            lines: lines?,
            reacquire: reacquire?.unwrap_or(false),
        })
    });
    let confirm = input.finish(confirm)?;
    api.run(&request, Command::ConfirmOrder(confirm), mode).await
}

/// Dispatch an order
///
/// The allocated units of its lines leave the building, or those of the lines that are named. Only from batches in the
/// warehouse, and only once the order is firm. What has left already stays as it is.
#[utoipa::path(
    tag = "Orders",
    operation_id = "dispatch_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::LinesNamed,
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[post("/v1/orders/{order_id}/dispatch")]
pub(super) async fn dispatch(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(payload).await?;
    let read = named(&mut input, &body)?;
    let (order, lines) = input.finish(read)?;
    api.run(&request, Command::Dispatch { order, lines }, mode).await
}

/// Undo a dispatch
///
/// The units of its lines have not left the building after all, or those of the lines that are named: they are allocated
/// again.
#[utoipa::path(
    tag = "Orders",
    operation_id = "undo_dispatch",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::LinesNamed,
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}/dispatch")]
pub(super) async fn undo_dispatch(
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(payload).await?;
    let read = named(&mut input, &body)?;
    let (order, lines) = input.finish(read)?;
    api.run(&request, Command::UndoDispatch { order, lines }, mode).await
}

/// Which order, and which of its lines.
type Named = (OrderId, Option<BTreeSet<LineId>>);

/// The order that the path names, and the lines of it that the body does.
fn named(input: &mut Input<'_>, body: &[u8]) -> Result<Option<Named>, Problem> {
    let json = json(body)?;
    let order = input.path("order_id", OrderId::from_str);
    let lines = object(&json, "", &mut input.faults, lines_named);
    let lines = lines.map(|lines| lines.map(|lines| lines.into_iter().collect()));
    Ok(order.zip(lines))
}
