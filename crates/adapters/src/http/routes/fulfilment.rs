//! From a hold to the dispatch: confirm an order, dispatch it, undo the dispatch.

use std::collections::BTreeSet;
use std::str::FromStr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, post};
use earmark_domain::{Command, LineId, OrderId};

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::wire::commands::orders::{confirm_order, named_lines};
use crate::wire::reading::fields::object;
use crate::wire::views::orders::OrderJson;

/// Confirm an order
///
/// Makes a held order firm: all of it, or the lines that are named, in the quantities that are named. The rest is
/// released. A hold expires at its deadline; `reacquire` then tries to allocate the same lines again. Confirming a firm
/// order changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "confirm_order",
    params(("order_id" = String, Path, description = "The order", example = "order-8")),
    request_body = schema::Confirmation,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[post("/v1/orders/{order_id}/confirmation")]
pub(crate) async fn confirm(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.clock(), payload).await?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let confirm = object(&json, "", &mut input.faults, |fields, faults| {
        confirm_order(order, fields, faults)
    });
    let confirm = input.finish(confirm)?;
    api.run(&request, Command::ConfirmOrder(confirm), mode).await
}

/// Dispatch an order
///
/// Dispatches the allocated units of its lines, or of the lines that are named. Only from batches in the warehouse, and
/// only once the order is firm. What has been dispatched before stays so.
#[utoipa::path(
    tag = "Orders",
    operation_id = "dispatch_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::LinesNamed,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[post("/v1/orders/{order_id}/dispatch")]
pub(crate) async fn dispatch(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.clock(), payload).await?;
    let read = lines_of(&mut input, &body)?;
    let (order, lines) = input.finish(read)?;
    api.run(&request, Command::Dispatch { order, lines }, mode).await
}

/// Undo a dispatch
///
/// The dispatched units of its lines, or of the lines that are named, are allocated again.
#[utoipa::path(
    tag = "Orders",
    operation_id = "undo_dispatch",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::LinesNamed,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}/dispatch")]
pub(crate) async fn undo_dispatch(
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.clock(), payload).await?;
    let read = lines_of(&mut input, &body)?;
    let (order, lines) = input.finish(read)?;
    api.run(&request, Command::UndoDispatch { order, lines }, mode).await
}

/// An order and the lines of it that are named, if any are.
type LinesOf = (OrderId, Option<BTreeSet<LineId>>);

/// The order in the path, and the lines in the body.
fn lines_of(input: &mut Input<'_>, body: &[u8]) -> Result<Option<LinesOf>, Problem> {
    let json = json(body)?;
    let order = input.path("order_id", OrderId::from_str);
    let lines = object(&json, "", &mut input.faults, named_lines);
    let lines = lines.map(|lines| lines.map(|lines| lines.into_iter().collect()));
    Ok(order.zip(lines))
}
