//! The log of access decisions, a page at a time.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::Action;

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::input::Input;
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, sequence};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::audit::AccessEntryPageJson;
use crate::wire::views::list::Each;

/// List decisions on access
///
/// Who was refused what, and who has changed keys, subscriptions and dead letters, in the order in which it got into the log:
/// send `next` as `after` to get the next page. What was done to the stock is in the events, each with its actor. Repeats
/// within a minute are one entry, whose `until` and `count` grow while they come; refusals get into the log within a second.
#[utoipa::path(
    tag = "Audit",
    operation_id = "list_audit",
    params(
        ("after" = Option<u64>, Query, description = "Only those behind this number: `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of decisions", body = AccessEntryPageJson<'static>))
)]
#[get("/v1/audit")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Audit)?;
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let after = query.optional("after", &mut input.faults, sequence);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let (after, most) = input.finish(after.zip(most))?;
    let (after, most) = (after.unwrap_or(0), most.unwrap_or(DEFAULT_PAGE));
    let mut entries = api
        .read(|ports| ports.access_log.access_entries(after, most + 1))
        .await?;
    let has_more = entries.len() > most;
    entries.truncate(most);
    let page = AccessEntryPageJson {
        next: entries.last().filter(|_| has_more).map(|entry| entry.number),
        items: Each::of(&entries),
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}
