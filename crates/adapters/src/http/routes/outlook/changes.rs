//! What has changed since an event.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, EventFilter, Page, changes_since};

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::cursor::Cursor;
use crate::http::request::input::Input;
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::routes::events::read_page;
use crate::wire::views::outlook::lines::ChangePageJson;

/// List what has changed
///
/// What has become of each line since an event, all in all: it is new, or promised for an earlier or a later day, or has
/// lost its promise. Lines that stand as they stood are not listed, nor those that have left or were cancelled. In the
/// order in which they were first concerned. A page looks at a bounded number of events, so it may have few lines, or none,
/// though `next` is not null.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_changes",
    params(
        ("since" = Option<String>, Query,
            description = "The cursor of an event, such as `1-17`, or its sequence; the first where it is left out"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of what has become of lines", body = ChangePageJson<'static>))
)]
#[get("/v1/outlook/changes")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["since", "after", "limit"]);
    let since = query.optional("since", &mut input.faults, Cursor::read);
    let after = query.optional("after", &mut input.faults, Cursor::read);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((since, after), most) = input.finish(since.zip(after).zip(most))?;
    require(&request, &api, Action::Plan)?;
    let most = most.unwrap_or(DEFAULT_PAGE);
    let events = api.events(&RequestContext::principal(&request));
    let all = EventFilter::default();
    let (since, page) = read_page(&*events, &all, since.unwrap_or(Cursor::START), 1).await?;
    let after = match after {
        Some(after) => Some(after.place_in(&page)?.sequence),
        None => None,
    };
    let changes = changes_since(&*events, since.sequence, after, most).await;
    let Page { items, next } = changes.map_err(|error| Problem::from(&error))?;
    let position = |sequence| page.books.position_of(sequence);
    let json = ChangePageJson::new(&items, next.map(position), position(page.newest));
    Ok(Reply::new(StatusCode::OK, &json).response())
}
