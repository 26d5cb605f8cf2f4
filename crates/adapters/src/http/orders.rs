//! Orders: a line allocated alone, an order placed whole, placed anew, shown, changed, cancelled.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put};
use earmark_domain::{Command, LineId, LineKey, OrderId};

use super::api::Api;
use super::fields::quantity;
use super::input::{Input, json, object};
use super::kinds;
use super::ordering::{allocate_line, order_of, place_order};
use super::present::{LineJson, OrderJson};
use super::problem::Problem;
use super::reply::Reply;
use super::schema;

/// Allocate a line
///
/// Earmarks stock for one order line: whole from the first batch that can take it, in the warehouse before inbound and
/// the earliest date first, or spread over several with `split`. The same line sent again is answered with 200 and
/// changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "allocate",
    request_body = schema::Allocate,
    responses(
        (status = 201, description = "It is allocated", body = LineJson<'static>),
        (status = 202, description = "It waits for stock", body = LineJson<'static>),
        (status = 200, description = "It had been placed before: as it stands", body = LineJson<'static>),
    )
)]
#[post("/v1/allocations")]
pub(super) async fn allocate(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let allocate = object(&json, "", &mut input.faults, allocate_line);
    let allocate = input.finish(allocate)?;
    api.run(&request, Command::Allocate(allocate), mode).await
}

/// Place an order
///
/// All lines in one transaction, at most 500. With `hold_seconds` it is held: its lines count until the deadline, unless
/// the order is confirmed before. The same content sent again is answered with 200 and changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "place_order",
    request_body = schema::PlaceOrder,
    responses(
        (status = 201, description = "It is placed", body = OrderJson<'static>,
            headers(("location" = String, description = "Where the order is shown"))),
        (status = 200, description = "It had been placed before: as it stands", body = OrderJson<'static>),
    )
)]
#[post("/v1/orders")]
pub(super) async fn place(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let place = object(&json, "", &mut input.faults, place_order);
    let place = input.finish(place)?;
    api.run(&request, Command::PlaceOrder(place), mode).await
}

/// Place an order anew
///
/// Gives a held order other lines, or other terms: what it holds is free for its own new lines, and where they don't fit
/// it holds what it held. Without `hold_seconds` its deadline stands. An order that does not exist is placed.
#[utoipa::path(
    tag = "Orders",
    operation_id = "replace_order",
    params(("order_id" = String, Path, description = "The order", example = "order-8")),
    request_body = schema::OrderContent,
    responses(
        (status = 201, description = "It was not there, and is placed", body = OrderJson<'static>,
            headers(("location" = String, description = "Where the order is shown"))),
        (status = 200, description = "The order as it stands", body = OrderJson<'static>),
    )
)]
#[put("/v1/orders/{order_id}")]
pub(super) async fn replace(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let replacing = object(&json, "", &mut input.faults, |fields, faults| {
        order_of(order, fields, faults)
    });
    let replacing = input.finish(replacing)?;
    api.run(&request, Command::ReplaceOrder(replacing), mode).await
}

/// Show an order
#[utoipa::path(
    tag = "Orders",
    operation_id = "show_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    responses((status = 200, description = "The order with its lines", body = OrderJson<'static>))
)]
#[get("/v1/orders/{order_id}")]
pub(super) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let order = input.path("order_id", OrderId::from_str);
    let order = input.finish(order)?;
    let read = api.ask(|ports| ports.views.order(&order)).await?;
    let Some(read) = read else {
        return Err(
            Problem::new(&kinds::UNKNOWN_ORDER, format!("there is no order {order}")).with("order_id", order.as_str()),
        );
    };
    let view = read.view(api.now());
    Ok(Reply::new(StatusCode::OK, &OrderJson::from(&view)).response())
}

/// Cancel an order
///
/// Frees the stock of its lines, and takes them out of the backlog. What has been dispatched stays dispatched. Cancelling
/// again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "cancel_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}")]
pub(super) async fn cancel(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let order = input.path("order_id", OrderId::from_str);
    let order = input.finish(order)?;
    api.run(&request, Command::CancelOrder(order), mode).await
}

/// Change how many units a line wants
///
/// Fewer: the units that would leave last are freed. More: the difference is allocated, or the change is refused and the
/// line stays as it was.
#[utoipa::path(
    tag = "Orders",
    operation_id = "change_line",
    params(
        ("order_id" = String, Path, description = "The order", example = "order-7"),
        ("line_id" = String, Path, description = "The line; the SKU for one placed without an id", example = "LAMP-RED"),
    ),
    request_body = schema::ChangeLine,
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[patch("/v1/orders/{order_id}/lines/{line_id}")]
pub(super) async fn change_line(
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let key = line_key(&mut input);
    let quantity = object(&json, "", &mut input.faults, |fields, faults| {
        fields.required("quantity", faults, quantity)
    });
    let (key, quantity) = input.finish(key.zip(quantity))?;
    api.run(&request, Command::ChangeLineQuantity { key, quantity }, mode)
        .await
}

/// Cancel a line
///
/// Frees its stock, or takes it out of the backlog. Cancelling again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "cancel_line",
    params(
        ("order_id" = String, Path, description = "The order", example = "order-7"),
        ("line_id" = String, Path, description = "The line; the SKU for one placed without an id", example = "LAMP-RED"),
    ),
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}/lines/{line_id}")]
pub(super) async fn cancel_line(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let key = line_key(&mut input);
    let key = input.finish(key)?;
    api.run(&request, Command::CancelLine(key), mode).await
}

/// The line that a path names.
fn line_key(input: &mut Input<'_>) -> Option<LineKey> {
    let order = input.path("order_id", OrderId::from_str);
    let line = input.path("line_id", LineId::from_str);
    Some(LineKey {
        order: order?,
        line: line?,
    })
}
