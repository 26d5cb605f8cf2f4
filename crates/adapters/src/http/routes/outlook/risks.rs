//! Promises at risk.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, Page, lines_at_risk};

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::places::{cursor, place};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, word};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::outlook::lines::RiskPageJson;
use crate::wire::words::RiskKindJson;

/// List promises at risk
///
/// Open lines: first those that were told that they can't leave by the day they are required by, by that day; then those
/// in batches that are overdue, by ETA; then those that wait although they are due. Each is listed once, by the first of
/// these. A page looks at a bounded number of lines, so it may have few, or none, though `next` is not null.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_lines_at_risk",
    params(
        ("risk" = Option<RiskKindJson>, Query, description = "Only those at risk by this"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of lines at risk", body = RiskPageJson<'static>))
)]
#[get("/v1/outlook/risks")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["risk", "after", "limit"]);
    let kind = query.optional("risk", &mut input.faults, word);
    let after = query.optional("after", &mut input.faults, place);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((kind, after), most) = input.finish(kind.zip(after).zip(most))?;
    require(&request, &api, Action::Plan)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let events = api.events(&RequestContext::principal(&request));
    let at = (now, api.day_of(now));
    let page = api
        .read(|ports| lines_at_risk((&*ports.outlook, &*events), kind, after, at, most))
        .await;
    let Page { items, next } = page?;
    let json = RiskPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(cursor),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}
