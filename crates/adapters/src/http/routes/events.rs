//! Events, a page at a time.

use std::str::FromStr;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode};
use earmark_application::{Books, EncodedEvent, EventFeed, EventFilter, EventPage, LogPosition};
use earmark_domain::{EVENT_TYPES, OrderId, Sku};

use crate::http::api::Api;
use crate::http::request::context::RequestContext;
use crate::http::request::cursor::Cursor;
use crate::http::request::input::Input;
use crate::http::request::query::{Query, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::EventJson;
use crate::wire::reading::faults::{Faults, shortened};
use crate::wire::views::pages::EventPageJson;

/// The most events of a page: each is under a kilobyte, but for those of the largest orders.
const MAX_PAGE: usize = 1_000;

/// The events of a page without a limit.
const DEFAULT_PAGE: usize = 100;

/// The parameters that select events, here and in the event stream.
pub(crate) const FILTER: [&str; 3] = ["sku", "order_id", "type"];

/// Reads the filter of a query. `None`: it is at fault.
pub(crate) fn filter(query: &Query, faults: &mut Faults) -> Option<EventFilter> {
    let sku = query.optional("sku", faults, Sku::from_str);
    let order = query.optional("order_id", faults, OrderId::from_str);
    let types = query.optional("type", faults, types);
    Some(EventFilter {
        sku: sku?,
        order: order?,
        types: types?.unwrap_or_default(),
    })
}

fn types(text: &str) -> Result<Vec<String>, String> {
    let mut types = Vec::new();
    for name in text.split(',') {
        if !EVENT_TYPES.contains(&name) {
            return Err(format!(
                "must be some of {}, separated by commas; \"{}\" is none of them",
                EVENT_TYPES.join(", "),
                shortened(name)
            ));
        }
        // So the list is bounded by the number of types.
        if !types.iter().any(|known| known == name) {
            types.push(name.to_owned());
        }
    }
    Ok(types)
}

/// Read events
///
/// In the order of commits, a page at a time: send `next` as `after` to get the next page, until `next` stays the same.
/// A page looks at a bounded number of events, so one with a filter may have few events, or none, though more follow. An
/// event that commits late is never skipped.
#[utoipa::path(
    tag = "Events",
    operation_id = "list_events",
    params(
        ("after" = Option<String>, Query,
            description = "Only those after this cursor: the `next` of a page, such as `1-17`, or the sequence of an event; \
                `now`: none, but where the next one will be. From the first where it is left out"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "At most so many; 100 where it is left out"),
        ("sku" = Option<String>, Query, description = "Only those of this product"),
        ("order_id" = Option<String>, Query, description = "Only those that concern this order"),
        ("type" = Option<String>, Query, description = "Only those of these types, separated by commas"),
    ),
    responses((status = 200, description = "A page of events", body = EventPageJson<'static>))
)]
#[get("/v1/events")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit", "sku", "order_id", "type"]);
    let filter = filter(&query, &mut input.faults);
    let after = query.optional("after", &mut input.faults, Cursor::read);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = filter.zip(after).zip(most);
    let ((filter, after), most) = input.finish(read)?;
    let (after, most) = (after.unwrap_or(Cursor::START), most.unwrap_or(DEFAULT_PAGE));
    let events = api.events(&RequestContext::principal(&request));
    let (_, page) = read_page(&*events, &filter, after, most).await?;
    let shown = page.events.iter().map(|event| event_json(event, &page.books));
    let items = shown.collect::<Result<_, _>>()?;
    let next = page.books.position_of(page.next);
    Ok(Reply::new(StatusCode::OK, &EventPageJson::new(items, next)).response())
}

/// Reads a page of events behind a cursor, and answers the place of the cursor with it.
///
/// # Errors
/// A problem when the store does not answer, or the history does not have the place.
pub(crate) async fn read_page(
    events: &dyn EventFeed,
    filter: &EventFilter,
    after: Cursor,
    limit: usize,
) -> Result<(LogPosition, EventPage<EncodedEvent>), Problem> {
    let read = events.encoded_events(filter, after.sequence(), limit).await;
    let mut page = read.map_err(|error| Problem::from(&error))?;
    let place = after.place_in(&page)?;
    if after == Cursor::Now {
        page.next = place.sequence;
    }
    Ok((place, page))
}

/// The public form of an event of these books.
///
/// # Errors
/// A problem when its stored data is corrupt.
pub(crate) fn event_json<'a>(event: &'a EncodedEvent, books: &Books) -> Result<EventJson<'a>, Problem> {
    EventJson::of(event, books)
        .map_err(|error| Problem::defect(&format_args!("event {} can't be shown: {error}", event.sequence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_filtered_by_known_types() {
        assert_eq!(types("Allocated"), Ok(vec!["Allocated".to_owned()]));
        assert_eq!(types("Allocated,OutOfStock,Allocated").map(|types| types.len()), Ok(2));
        for bad in ["allocated", "", "Allocated,", "Allocated, OutOfStock"] {
            assert!(types(bad).is_err(), "{bad}");
        }
    }
}
