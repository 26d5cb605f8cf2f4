//! Late batches, and the lines of a batch.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, Page, late_batches, lines_of_batch};
use earmark_domain::Reference;

use crate::http::api::Api;
use crate::http::execution::unknown_batch;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::places::{cursor, place};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::outlook::batches::LateBatchPageJson;
use crate::wire::views::outlook::lines::LineOfBatchPageJson;

/// List late batches
///
/// Those that are overdue, and those that were put off since they were created, by ETA: each with the lines that it hurts.
/// A line that leaves in time all the same, or for which other stock is free that leaves in time, is counted apart. Other
/// stock is counted once: lines are gone through in order of service. A page looks at a bounded number of lines, so it may
/// have few batches though `next` is not null.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_late_batches",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of late batches", body = LateBatchPageJson<'static>))
)]
#[get("/v1/outlook/late-batches")]
pub(crate) async fn list_late(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let after = query.optional("after", &mut input.faults, place);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let (after, most) = input.finish(after.zip(most))?;
    require(&request, &api, Action::Plan)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let (promising, at) = (api.about().promising, (now, api.day_of(now)));
    let page = api
        .read(|ports| late_batches(&*ports.outlook, promising, after.as_ref(), at, most))
        .await;
    let Page { items, next } = page?;
    let json = LateBatchPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(cursor),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}

/// List the lines of a batch
///
/// Those with units in it, each with what the batch, as it is, does to it. Those that would leave it last come first.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_lines_of_batch",
    params(
        ("reference" = String, Path, description = "The batch's reference", example = "PO-1042"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of the lines of the batch", body = LineOfBatchPageJson<'static>))
)]
#[get("/v1/batches/{reference}/lines")]
pub(crate) async fn list_lines(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let reference = input.path("reference", Reference::from_str);
    let after = query.optional("after", &mut input.faults, place);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((reference, after), most) = input.finish(reference.zip(after).zip(most))?;
    require(&request, &api, Action::Plan)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let (promising, at) = (api.about().promising, (now, api.day_of(now)));
    let views = api.views(&RequestContext::principal(&request));
    let batch = views.batch(&reference, now).await;
    if batch.map_err(|error| Problem::from(&error))?.is_none() {
        return Err(unknown_batch(&reference));
    }
    let behind = (&reference, after.as_ref());
    let page = api
        .read(|ports| lines_of_batch(&*ports.outlook, promising, behind, at, most))
        .await;
    let Page { items, next } = page?;
    let json = LineOfBatchPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(cursor),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}
