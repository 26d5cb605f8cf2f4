//! Allocations: a single line.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use earmark_domain::Command;

use crate::http::api::Api;
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::wire::commands::orders;
use crate::wire::reading::fields::object;
use crate::wire::views::orders::LineJson;

/// Allocate a line
///
/// Allocates stock to one order line: all units from the first batch that has enough, in the warehouse before inbound
/// and by the earliest date, or spread over several batches with `split`. The same line sent again is answered with 200
/// and changes nothing.
#[utoipa::path(
    tag = "Orders",
    operation_id = "allocate",
    request_body = schema::Allocate,
    responses(
        (status = 201, description = "The line is allocated", body = LineJson<'static>),
        (status = 202, description = "The line is in the backlog", body = LineJson<'static>,
            example = json!({"order_id": "order-7", "line_id": "1", "sku": "LAMP-RED", "quantity": 3,
                "status": "backordered", "allocations": [], "dispatches": [], "promised_on": null, "first_promised_on": null,
                "at_risk": false, "placed_at": "2036-03-01T09:30:00Z"})),
        (status = 200, description = "The line existed: its present state", body = LineJson<'static>),
    )
)]
#[post("/v1/allocations")]
pub(crate) async fn allocate(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let allocate = object(&json, "", &mut input.faults, orders::allocate);
    let allocate = input.finish(allocate)?;
    api.create(&request, Command::Allocate(allocate), mode).await
}
