//! Events, a page at a time.

use std::str::FromStr;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode};
use earmark_application::{EncodedEvent, EventFilter};
use earmark_domain::{EVENT_TYPES, OrderId, Sku};

use crate::http::api::Api;
use crate::http::request::input::Input;
use crate::http::request::query::{Query, limit, sequence};
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
/// In the order of commits, a page at a time: send `next` as `after` to get the next page, until `next` no longer rises.
/// A page looks at a bounded number of events, so one with a filter may have few events, or none, though more follow. An
/// event that commits late is never skipped.
#[utoipa::path(
    tag = "Events",
    operation_id = "list_events",
    params(
        ("after" = Option<u64>, Query,
            description = "Only those after this sequence; from the first where it is left out"),
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
    let after = query.optional("after", &mut input.faults, sequence);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = filter.zip(after).zip(most);
    let ((filter, after), most) = input.finish(read)?;
    let (after, most) = (after.unwrap_or(0), most.unwrap_or(DEFAULT_PAGE));
    let page = api
        .read(|ports| ports.events.encoded_events(&filter, after, most))
        .await?;
    let items = page.events.iter().map(event_json).collect::<Result<_, _>>()?;
    Ok(Reply::new(StatusCode::OK, &EventPageJson { items, next: page.next }).response())
}

/// The public form of an event.
///
/// # Errors
/// A problem when its stored data is corrupt.
pub(crate) fn event_json(event: &EncodedEvent) -> Result<EventJson<'_>, Problem> {
    EventJson::of(event)
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
