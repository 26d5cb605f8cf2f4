//! Lines of an order: change, cancel.

use std::str::FromStr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, patch};
use earmark_domain::{Command, LineId, LineKey, OrderId};

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::if_match::IfMatch;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::wire::commands::orders::line_quantity;
use crate::wire::reading::fields::object;
use crate::wire::views::orders::OrderJson;

/// Change the quantity of a line
///
/// Lower: the units that would be dispatched last are freed. Higher: the difference is allocated, or the change is
/// refused and the line stays unchanged.
#[utoipa::path(
    tag = "Orders",
    operation_id = "change_line",
    params(
        ("order_id" = String, Path, description = "The order", example = "order-7"),
        ("line_id" = String, Path,
            description = "The line; the SKU for one placed without an id", example = "1"),
    ),
    request_body = schema::ChangeLine,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[patch("/v1/orders/{order_id}/lines/{line_id}")]
pub(crate) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let key = line_key(&mut input);
    let quantity = object(&json, "", &mut input.faults, line_quantity);
    let (key, quantity) = input.finish(key.zip(quantity))?;
    api.run_if(condition, &request, Command::ChangeLineQuantity { key, quantity }, mode)
        .await
}

/// Cancel a line
///
/// Frees its stock, or removes it from the backlog. Cancelling it again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "cancel_line",
    params(
        ("order_id" = String, Path, description = "The order", example = "order-7"),
        ("line_id" = String, Path,
            description = "The line; the SKU for one placed without an id", example = "1"),
    ),
    request_body = schema::NoFields,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}/lines/{line_id}")]
pub(crate) async fn cancel(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let key = line_key(&mut input);
    let (key, ()) = input.finish(key.zip(nothing))?;
    api.run_if(condition, &request, Command::CancelLine(key), mode).await
}

/// The line in the path.
fn line_key(input: &mut Input<'_>) -> Option<LineKey> {
    let order = input.path("order_id", OrderId::from_str);
    let line = input.path("line_id", LineId::from_str);
    Some(LineKey {
        order: order?,
        line: line?,
    })
}
