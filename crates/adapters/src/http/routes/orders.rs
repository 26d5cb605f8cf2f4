//! Orders: place, replace, show, cancel.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put};
use earmark_domain::{Command, OrderId};

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::http::response::problem_kinds as kinds;
use crate::http::response::reply::Reply;
use crate::wire::commands::orders::{place_order, replace_order};
use crate::wire::reading::fields::object;
use crate::wire::views::orders::OrderJson;

/// Place an order
///
/// All lines in one transaction, at most 500. With `hold_seconds` the order is held: its lines keep their units until
/// the deadline, unless it is confirmed before. The same content sent again is answered with 200 and changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "place_order",
    request_body = schema::PlaceOrder,
    responses(
        (status = 201, description = "The order is placed", body = OrderJson<'static>,
            headers(("location" = String, description = "The path of the order"))),
        (status = 200, description = "The order existed: its present state", body = OrderJson<'static>),
    )
)]
#[post("/v1/orders")]
pub(crate) async fn place(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.clock(), payload).await?;
    let json = json(&body)?;
    let place = object(&json, "", &mut input.faults, place_order);
    let place = input.finish(place)?;
    api.run(&request, Command::PlaceOrder(place), mode).await
}

/// Replace an order
///
/// Gives a held order other lines or other terms. Its units are free for its own new lines; if these don't fit, the
/// order keeps its old lines. Without `hold_seconds` it keeps its deadline. An order that does not exist is placed.
#[utoipa::path(
    tag = "Orders",
    operation_id = "replace_order",
    params(("order_id" = String, Path, description = "The order", example = "order-8")),
    request_body = schema::OrderContent,
    responses(
        (status = 201, description = "The order did not exist and is placed", body = OrderJson<'static>,
            headers(("location" = String, description = "The path of the order"))),
        (status = 200, description = "The order after the change", body = OrderJson<'static>),
    )
)]
#[put("/v1/orders/{order_id}")]
pub(crate) async fn replace(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.clock(), payload).await?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let replacement = object(&json, "", &mut input.faults, |fields, faults| {
        replace_order(order, fields, faults)
    });
    let replacement = input.finish(replacement)?;
    api.run(&request, Command::ReplaceOrder(replacement), mode).await
}

/// Show an order
///
/// With the present state of each of its lines.
#[utoipa::path(
    tag = "Orders",
    operation_id = "show_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    responses((status = 200, description = "The order with its lines", body = OrderJson<'static>))
)]
#[get("/v1/orders/{order_id}")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let order = input.path("order_id", OrderId::from_str);
    let order = input.finish(order)?;
    let read = api.read(|ports| ports.views.order(&order)).await?;
    let Some(read) = read else {
        return Err(
            Problem::new(&kinds::UNKNOWN_ORDER, format!("there is no order {order}")).with("order_id", order.as_str()),
        );
    };
    let now = api.now();
    let view = read.view(now, api.day_of(now));
    Ok(Reply::new(StatusCode::OK, &OrderJson::from(&view)).response())
}

/// Cancel an order
///
/// Frees the stock of its lines and removes them from the backlog. What has been dispatched stays dispatched.
/// Cancelling it again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "cancel_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The order after the change", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}")]
pub(crate) async fn cancel(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.clock(), payload).await?;
    let order = input.path("order_id", OrderId::from_str);
    let (order, ()) = input.finish(order.zip(nothing))?;
    api.run(&request, Command::CancelOrder(order), mode).await
}
