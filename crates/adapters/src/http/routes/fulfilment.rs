//! From a hold to the dispatch: confirm an order, dispatch it, undo the dispatch.

use std::str::FromStr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, post};
use earmark_domain::{Command, OrderId};

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::if_match::IfMatch;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::wire::commands::orders::{confirm_order, dispatch as dispatch_of, named_lines};
use crate::wire::reading::fields::object;
use crate::wire::views::orders::{DispatchedOrderJson, OrderJson};

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
    let body = input.body_if_any(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let confirm = object(&json, "", &mut input.faults, |fields, faults| {
        confirm_order(order, fields, faults)
    });
    let confirm = input.finish(confirm)?;
    api.run_if(condition, &request, Command::ConfirmOrder(confirm), mode)
        .await
}

/// Dispatch an order
///
/// Units of its lines leave the building, or of the lines that are named; of a line with a `quantity`, until so many of
/// it have left in all. Only from batches in the warehouse, and only once the order is firm. What can't leave yet stays,
/// and `left_behind` names it; with `all_or_nothing`, or if nothing can leave, the call is refused. What left before stays
/// so: the same call again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "dispatch_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::Dispatch,
    responses((status = 200, description = "The order after the change", body = DispatchedOrderJson<'static>))
)]
#[post("/v1/orders/{order_id}/dispatch")]
pub(crate) async fn dispatch(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let read = object(&json, "", &mut input.faults, |fields, faults| {
        dispatch_of(order, fields, faults)
    });
    let dispatch = input.finish(read)?;
    api.run_if(condition, &request, Command::Dispatch(dispatch), mode).await
}

/// Undo a dispatch
///
/// The dispatched units of its lines, or of the lines that are named, are allocated again in the batches they left. A
/// line whose rest waits for stock can't be undone.
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
    let body = input.body_if_any(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let lines = object(&json, "", &mut input.faults, named_lines);
    let (order, lines) = input.finish(order.zip(lines))?;
    api.run_if(condition, &request, Command::UndoDispatch { order, lines }, mode)
        .await
}
