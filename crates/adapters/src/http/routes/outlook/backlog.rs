//! The backlog of all products.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, Page, backlog_by_age, waiting_lines};

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::input::Input;
use crate::http::request::places::{cursor, place};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, word};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::outlook::lines::{BacklogByAgeJson, WaitingPageJson};
use crate::wire::words::AgeJson;

/// Count the lines that wait
///
/// Of all products, by how long they have waited: with the units they want. Of each class up to 10,000 lines are counted,
/// the oldest first.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "count_waiting_lines",
    responses((status = 200, description = "The lines that wait, by age", body = BacklogByAgeJson<'static>))
)]
#[get("/v1/outlook/backlog")]
pub(crate) async fn count(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    Input::without_query(&request).finish(Some(()))?;
    require(&request, &api, Action::Plan)?;
    let now = api.now();
    let classes = api.read(|ports| backlog_by_age(&*ports.outlook, now)).await?;
    let classes = Each::of(&classes);
    Ok(Reply::new(StatusCode::OK, &BacklogByAgeJson { classes }).response())
}

/// List the lines that wait
///
/// Of all products, the oldest first: each with the smallest change with which it would fit.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_waiting_lines",
    params(
        ("age" = Option<AgeJson>, Query, description = "Only those that have waited so long"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of waiting lines", body = WaitingPageJson<'static>))
)]
#[get("/v1/outlook/backlog/lines")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["age", "after", "limit"]);
    let age = query.optional("age", &mut input.faults, word);
    let after = query.optional("after", &mut input.faults, place);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((age, after), most) = input.finish(age.zip(after).zip(most))?;
    require(&request, &api, Action::Plan)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let (promising, at) = (api.about().promising, (now, api.day_of(now)));
    let selected = (age, after.as_ref());
    let page = api
        .read(|ports| waiting_lines(&*ports.outlook, promising, selected, at, most))
        .await;
    let Page { items, next } = page?;
    let json = WaitingPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(cursor),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}
