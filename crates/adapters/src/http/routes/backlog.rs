//! The backlog of a product.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::Action;
use earmark_domain::{LineView, ServicePosition, Sku};

use crate::http::api::Api;
use crate::http::execution::unknown_sku;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::places::{cursor, place};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::pages::BacklogPageJson;

/// Show the backlog of a product
///
/// Its lines in order of service, a page at a time: send `next` as `after` to get the next page.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_backlog",
    params(
        ("sku" = String, Path, description = "The product", example = "LAMP-RED"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of the backlog", body = BacklogPageJson<'static>))
)]
#[get("/v1/products/{sku}/backlog")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let sku = input.path("sku", Sku::from_str);
    let after = query.optional("after", &mut input.faults, place::<ServicePosition>);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = sku.zip(after).zip(most);
    let ((sku, after), most) = input.finish(read)?;
    require(&request, &api, Action::ReadBacklog)?;
    let most = most.unwrap_or(DEFAULT_PAGE);
    let now = api.now();
    let views = api.views(&RequestContext::principal(&request));
    let lines = views.backlog(&sku, after.as_ref(), now, most + 1).await;
    let Some(mut lines) = lines.map_err(|error| Problem::from(&error))? else {
        return Err(unknown_sku(&sku));
    };
    let more = lines.len() > most;
    lines.truncate(most);
    let next = lines
        .last()
        .filter(|_| more)
        .map(|line| cursor(&line.record.service_position()));
    let today = api.day_of(now);
    let lines: Vec<LineView> = lines.into_iter().map(|line| line.view(now, today)).collect();
    let items = Each::of(&lines);
    Ok(Reply::new(StatusCode::OK, &BacklogPageJson { items, next }).response())
}
