//! The stream of events: server-sent events, from a cursor on and for as long as the client listens.
//!
//! A stream reads the store page by page, and only when its client has taken the page before, so a slow client reads
//! later and costs no memory. It polls at an interval instead of waiting for a signal of this process, because other
//! processes write to the same store.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use async_stream::stream;
use bytes::Bytes;
use earmark_application::{EncodedEvent, EventFilter, EventPage, LogPosition};
use tokio::task::consume_budget;

use super::events::{FILTER, event_json, filter, read_page};
use crate::http::api::Api;
use crate::http::open_streams::OpenStream;
use crate::http::request::context::RequestContext;
use crate::http::request::cursor::Cursor;
use crate::http::request::input::Input;
use crate::http::response::problem::Problem;
use crate::http::response::problem_kinds as kinds;
use crate::wire::EventJson;

/// The events of one page: what a stream holds in memory until its client takes it.
const PAGE: usize = 256;

/// The interval at which a stream looks for new events: short enough to seem live, long enough for an idle stream to
/// cost almost nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// After how long without an event a comment is sent, so that proxies keep the connection and a client that has left is
/// detected.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// After how many milliseconds a client that lost its stream reconnects.
const RETRY_MILLISECONDS: u32 = 1_000;

/// Follow events
///
/// Server-sent events: `id` is the cursor behind the event, `event` the type, `data` the event. Begins after
/// `Last-Event-ID`, else after `after`, else with the first event; ends when the service shuts down, and when too many
/// streams are open and this is the oldest. A client that reads nothing for half a minute is disconnected.
#[utoipa::path(
    tag = "Events",
    operation_id = "follow_events",
    params(
        ("Last-Event-ID" = Option<String>, Header,
            description = "Only those after this cursor; takes precedence over `after`"),
        ("after" = Option<String>, Query,
            description = "Only those after this cursor, such as `1-17`, or the sequence of an event; `now`: only those to \
                come"),
        ("sku" = Option<String>, Query, description = "Only those of this product"),
        ("order_id" = Option<String>, Query, description = "Only those that concern this order"),
        ("type" = Option<String>, Query, description = "Only those of these types, separated by commas"),
    ),
    responses((status = 200, description = "Events as they happen", content_type = "text/event-stream", body = String))
)]
#[get("/v1/events/stream")]
pub(crate) async fn stream(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let [sku, order_id, kind] = FILTER;
    let (mut input, query) = Input::of(&request, &["after", sku, order_id, kind]);
    let filter = filter(&query, &mut input.faults);
    let after = query.optional("after", &mut input.faults, Cursor::read);
    let resumed = request
        .headers()
        .get("last-event-id")
        .filter(|id| !id.is_empty())
        .map(|id| {
            id.to_str()
                .map_err(|_| "must be a cursor, such as 1-17".to_owned())
                .and_then(Cursor::read)
                .map_err(|message| input.faults.add("Last-Event-ID", message))
        });
    let (filter, after) = input.finish(filter.zip(after))?;
    let after = resumed.and_then(Result::ok).or(after).unwrap_or(Cursor::START);
    if api.readiness().is_draining() {
        return Err(Problem::new(
            &kinds::SHUTTING_DOWN,
            "the service is shutting down; connect again",
        ));
    }
    let Some(open) = api.event_streams().open(api.clock().monotonic()) else {
        let detail = "too many event streams are open; connect again later";
        return Err(Problem::new(&kinds::BUSY, detail));
    };
    // Before the answer begins: then it can still be a problem.
    let first = read_page(&api, &filter, after, PAGE).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Asks buffering proxies to pass events on at once.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(follow(api, filter, first, open, RequestContext::of(&request).id)))
}

fn follow(
    api: Data<Api>,
    filter: EventFilter,
    (mut place, first): (LogPosition, EventPage<EncodedEvent>),
    open: OpenStream,
    request_id: Arc<str>,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    stream! {
        let mut ended = pin!(open.ended());
        let mut last_sent = api.clock().monotonic();
        let mut first = Some(first);
        yield Ok(Bytes::from(format!("retry: {RETRY_MILLISECONDS}\n\n")));
        while !api.readiness().is_draining() {
            let read = match first.take() {
                Some(page) => Ok((place, page)),
                None => read_page(&api, &filter, Cursor::Place(place), PAGE).await,
            };
            let read = read.and_then(|(_, page)| frames(&page).map(|text| (page, text)));
            let (page, text) = match read {
                Ok(read) => read,
                Err(problem) => {
                    // The client reconnects, after the last event it has. If the history does not have that any more, it
                    // is told then.
                    tracing::error_span!("request", %request_id).in_scope(|| api.log(&problem));
                    break;
                }
            };
            let advanced = page.next > place.sequence;
            if advanced {
                place = page.books.position_of(page.next);
            }
            if !page.events.is_empty() {
                yield Ok(Bytes::from(text));
                last_sent = api.clock().monotonic();
            } else if api.clock().monotonic().saturating_sub(last_sent) >= KEEP_ALIVE {
                yield Ok(Bytes::from_static(b": nothing new\n\n"));
                last_sent = api.clock().monotonic();
            }
            // A page that does not reach the newest event is followed by the next one at once.
            if (page.events.is_empty() && page.complete) || !advanced {
                tokio::select! {
                    () = api.clock().pause(POLL_INTERVAL) => {}
                    () = api.readiness().draining() => {}
                    () = &mut ended => break,
                }
            }
            // A client that takes every page at once must not keep others from their turn.
            consume_budget().await;
        }
    }
}

/// The events of a page as frames.
fn frames(page: &EventPage<EncodedEvent>) -> Result<String, Problem> {
    let mut text = String::new();
    for event in &page.events {
        write_event(&mut text, &event_json(event, &page.books)?);
    }
    Ok(text)
}

/// Writes one event. The JSON has no line ends, so nothing breaks the frame.
fn write_event(text: &mut String, event: &EventJson<'_>) {
    let data = serde_json::to_string(event).expect("text, numbers and lists of them are always JSON");
    text.push_str(&format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        event.id.0.position, event.event_type
    ));
}

#[cfg(test)]
mod tests {
    use earmark_application::{Books, BooksId, Epoch};
    use earmark_domain::{Sku, Subject};

    use super::*;

    #[test]
    fn an_event_is_one_frame_with_any_text() {
        let event = EncodedEvent {
            sequence: 7,
            subject: Subject::Product {
                sku: Sku::new("LAMP").expect("a name"),
                version: 1,
            },
            order: None,
            event_type: "ProductNamed",
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
            decided_on: jiff::civil::date(1970, 1, 1),
            actor: "http".to_owned(),
            correlation_id: "c".to_owned(),
            data: "{\"name\":\"a \u{2028} \\\"b\\\" \\\\n\"}".to_owned(),
        };
        let mut text = String::new();
        let books = Books::new(BooksId::of([7; 16]), [Epoch { number: 3, after: 0 }].into());
        write_event(&mut text, &event_json(&event, &books).expect("JSON"));
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[..2], ["id: 3-7", "event: ProductNamed"]);
        let data = lines[2].strip_prefix("data: ").expect("data");
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["data"]["name"], "a \u{2028} \"b\" \\n");
    }
}
