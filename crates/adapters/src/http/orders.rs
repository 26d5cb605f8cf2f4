//! Orders: a line allocated alone, an order placed whole, shown, cancelled.

use std::collections::HashSet;
use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use earmark_domain::{
    Allocate, Command, LineId, LineKey, OnOrderShortage, OnShortage, OrderId, OrderLine, PlaceOrder, Sku, Wish,
};

use super::api::Api;
use super::fields::{Faults, Fields, quantity, text, word, yes_or_no};
use super::input::{Input, json, object};
use super::json::Json;
use super::kinds;
use super::present::{LineJson, OrderJson};
use super::problem::Problem;
use super::reply::Reply;
use super::schema;

/// The most lines of an order that come in one body.
pub(super) const MAX_LINES: usize = 500;

const ON_SHORTAGE: &[(&str, OnShortage)] = &[("reject", OnShortage::Reject), ("backorder", OnShortage::Backorder)];

const ON_ORDER_SHORTAGE: &[(&str, OnOrderShortage)] = &[
    ("reject", OnOrderShortage::Reject),
    ("backorder", OnOrderShortage::Backorder),
    ("partial", OnOrderShortage::Partial),
];

/// Reads a line to allocate.
pub(super) fn allocate_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Allocate> {
    let order = fields.required("order_id", faults, text(OrderId::from_str));
    let line = order_line(fields, faults);
    let on_shortage = fields.optional("on_shortage", faults, word(ON_SHORTAGE));
    let split = fields.optional("split", faults, yes_or_no);
    let line = line?;
    Some(Allocate {
        wish: Wish {
            key: LineKey {
                order: order?,
                line: line.line,
            },
            sku: line.sku,
            quantity: line.quantity,
        },
        on_shortage: on_shortage?.unwrap_or_default(),
        split: split?.unwrap_or(false),
    })
}

fn order_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<OrderLine> {
    let line = fields.optional("line_id", faults, text(LineId::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("quantity", faults, quantity);
    let sku = sku?;
    Some(OrderLine {
        line: line?.unwrap_or_else(|| LineId::from(&sku)),
        sku,
        quantity: quantity?,
    })
}

/// Reads an order to place.
pub(super) fn place_order(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let order = fields.required("order_id", faults, text(OrderId::from_str));
    let lines = order_lines(fields, faults);
    let on_shortage = fields.optional("on_shortage", faults, word(ON_ORDER_SHORTAGE));
    let split = fields.optional("split", faults, yes_or_no);
    PlaceOrder::new(
        order?,
        lines?,
        on_shortage?.unwrap_or_default(),
        split?.unwrap_or(false),
    )
    .map_err(|error| faults.add("lines", error))
    .ok()
}

fn order_lines(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Vec<OrderLine>> {
    let field = fields.path_of("lines");
    let sent = match fields.get("lines") {
        Some(Json::List(sent)) => sent,
        Some(other) => {
            faults.add(field, format_args!("must be a list, is {}", other.kind()));
            return None;
        }
        None => {
            faults.add(field, "is missing");
            return None;
        }
    };
    if sent.is_empty() || sent.len() > MAX_LINES {
        let told = format!("must have 1 to {MAX_LINES} lines, has {}", sent.len());
        faults.add(field, told);
        return None;
    }
    let mut seen = HashSet::with_capacity(sent.len());
    let mut lines = Vec::with_capacity(sent.len());
    for (index, json) in sent.iter().enumerate() {
        let path = format!("{field}[{index}]");
        let Some(line) = object(json, &path, faults, order_line) else {
            continue;
        };
        if !seen.insert(line.line.clone()) {
            let told = format!("{} stands twice; lines of one SKU need a line_id each", line.line);
            faults.add(format!("{path}.line_id"), told);
        }
        lines.push(line);
    }
    (lines.len() == sent.len()).then_some(lines)
}

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
    let mut input = Input::without_query(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let allocate = object(&json, "", &mut input.faults, allocate_line);
    let allocate = input.finish(allocate)?;
    api.run(&request, Command::Allocate(allocate)).await
}

/// Place an order
///
/// All lines in one transaction, at most 500. The same content sent again is answered with 200 and changes nothing.
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
    let mut input = Input::without_query(&request);
    let body = input.body(payload).await?;
    let json = json(&body)?;
    let place = object(&json, "", &mut input.faults, place_order);
    let place = input.finish(place)?;
    api.run(&request, Command::PlaceOrder(place)).await
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
    let read = api.ask(|queries| queries.order(&order)).await?;
    let Some(read) = read else {
        return Err(
            Problem::new(&kinds::UNKNOWN_ORDER, format!("there is no order {order}")).with("order_id", order.as_str()),
        );
    };
    let view = read.view(api.today());
    Ok(Reply::new(StatusCode::OK, &OrderJson::from(&view)).response())
}

/// Cancel an order
///
/// Frees the stock of its lines, and takes them out of the backlog. Cancelling again changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "cancel_order",
    params(("order_id" = String, Path, description = "The order", example = "order-7")),
    responses((status = 200, description = "The order as it stands", body = OrderJson<'static>))
)]
#[delete("/v1/orders/{order_id}")]
pub(super) async fn cancel(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let order = input.path("order_id", OrderId::from_str);
    let order = input.finish(order)?;
    api.run(&request, Command::CancelOrder(order)).await
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
    let mut input = Input::without_query(&request);
    let order = input.path("order_id", OrderId::from_str);
    let line = input.path("line_id", LineId::from_str);
    let (order, line) = input.finish(order.zip(line))?;
    api.run(&request, Command::CancelLine(LineKey { order, line })).await
}
