//! Orders: place, replace, change, show, cancel.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put};
use earmark_application::{Action, OrderFilter, Page, list_orders};
use earmark_domain::{Command, OrderId, Sku};

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::openapi::schema;
use crate::http::request::context::RequestContext;
use crate::http::request::if_match::IfMatch;
use crate::http::request::input::{Input, json};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, true_or_false, word};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::commands::orders::{change_order, place_order, replace_order};
use crate::wire::reading::fields::object;
use crate::wire::reading::values::date;
use crate::wire::views::effects::OrderChangeJson;
use crate::wire::views::list::Each;
use crate::wire::views::orders::OrderJson;
use crate::wire::views::pages::OrderPageJson;
use crate::wire::words::OrderStatusJson;

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
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let place = object(&json, "", &mut input.faults, place_order);
    let place = input.finish(place)?;
    api.create(&request, Command::PlaceOrder(place), mode).await
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
    let body = input.body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let replacement = object(&json, "", &mut input.faults, |fields, faults| {
        replace_order(order, fields, faults)
    });
    let replacement = input.finish(replacement)?;
    api.create_if(condition, &request, Command::ReplaceOrder(replacement), mode)
        .await
}

/// Change the terms of an order
///
/// Of one that is held or firm, for all of its open lines: a line that waits gets its new place in the backlog; a line
/// whose units are where they may no longer come from moves to other stock, or waits; and a promise that is later than
/// the order is required by now is broken. What its lines leave serves the backlog. The same terms again change nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "change_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    request_body = schema::ChangeOrder,
    responses((status = 200, description = "The order after the change, and what the change did",
        body = OrderChangeJson<'static>))
)]
#[patch("/v1/orders/{order_id}")]
pub(crate) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let order = input.path("order_id", OrderId::from_str);
    let change = object(&json, "", &mut input.faults, |fields, faults| {
        change_order(order, fields, faults)
    });
    let change = input.finish(change)?;
    api.run_if(condition, &request, Command::ChangeOrder(change), mode)
        .await
}

/// List orders
///
/// By id, each with its lines, a page at a time: send `next` as `after` to get the next page. A page is looked for among a
/// bounded number of orders, and has a bounded number of lines, so it may have few orders, or none, though `next` is not
/// null.
#[utoipa::path(
    tag = "Orders",
    operation_id = "list_orders",
    params(
        ("sku" = Option<String>, Query,
            description = "Only those with a line of this product; `at_risk` and `waiting` are then about such lines"),
        ("status" = Option<OrderStatusJson>, Query, description = "Only those with this status"),
        ("at_risk" = Option<bool>, Query,
            description = "`true`: only those with a line that is at risk; `false`: only the others"),
        ("waiting" = Option<bool>, Query,
            description = "`true`: only those with a line that waits; `false`: only the others"),
        ("required_before" = Option<String>, Query, format = Date,
            description = "Only those that are required by a day before this one"),
        ("after" = Option<String>, Query, description = "Only those after this id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of orders", body = OrderPageJson<'static>))
)]
#[get("/v1/orders")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let parameters = [
        "sku",
        "status",
        "at_risk",
        "waiting",
        "required_before",
        "after",
        "limit",
    ];
    let (mut input, query) = Input::of(&request, &parameters);
    let sku = query.optional("sku", &mut input.faults, Sku::from_str);
    let status = query.optional("status", &mut input.faults, word);
    let at_risk = query.optional("at_risk", &mut input.faults, true_or_false);
    let waiting = query.optional("waiting", &mut input.faults, true_or_false);
    let required_before = query.optional("required_before", &mut input.faults, date);
    let after = query.optional("after", &mut input.faults, OrderId::from_str);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let filter = sku.zip(status).zip(at_risk).zip(waiting).zip(required_before);
    let filter = filter.map(|((((sku, status), at_risk), waiting), required_before)| OrderFilter {
        sku,
        status,
        at_risk,
        waiting,
        required_before,
    });
    let ((filter, after), most) = input.finish(filter.zip(after).zip(most))?;
    require(&request, &api, Action::ListOrders)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let today = api.day_of(now);
    let views = api.views(&RequestContext::principal(&request));
    let page = list_orders(&*views, &filter, after, (now, today), most).await;
    let Page { items, next } = page.map_err(|error| Problem::from(&error))?;
    let json = OrderPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(OrderId::as_str),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
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
    let read = api.views(&RequestContext::principal(&request)).order(&order).await;
    let Some(read) = read.map_err(|error| Problem::from(&error))? else {
        return Err(
            Problem::new(&kinds::UNKNOWN_ORDER, format!("there is no order {order}")).with("order_id", order.as_str()),
        );
    };
    let now = api.now();
    let version = read.version(api.day_of(now));
    let view = read.view(now, api.day_of(now));
    let reply = Reply::new(StatusCode::OK, &OrderJson::from(&view));
    Ok(reply.versioned(version).response())
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
    let nothing = input.no_body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let order = input.path("order_id", OrderId::from_str);
    let (order, ()) = input.finish(order.zip(nothing))?;
    api.run_if(condition, &request, Command::CancelOrder(order), mode).await
}
