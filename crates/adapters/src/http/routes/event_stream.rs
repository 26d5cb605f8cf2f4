//! The stream of events: server-sent events, from a cursor on and for as long as the client listens.
//!
//! A stream reads the store page by page until it has reached the newest event, and follows the tail of the log from there:
//! that is read once for all streams. It reads only when its client has taken what it read before, so a slow client reads
//! later and costs no memory.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use async_stream::stream;
use bytes::Bytes;
use earmark_application::{
    DeliveryLimits, EncodedEvent, EventFeed, EventFilter, EventPage, LogPosition, TailError, knows_of,
};
use tokio::task::consume_budget;

use super::events::{FILTER, event_json, filter, read_page};
use crate::http::api::Api;
use crate::http::middleware::auth::readmit;
use crate::http::open_streams::OpenStream;
use crate::http::request::context::RequestContext;
use crate::http::request::cursor::Cursor;
use crate::http::request::input::Input;
use crate::http::response::problem::Problem;
use crate::wire::EventJson;
use crate::wire::answers::kinds;

/// What a stream is recorded under, when its key is not good any more.
const CALL: &str = "follow_events";

/// The events of one page: what a stream holds in memory until its client takes it.
const PAGE: usize = 256;

/// What is read of the tail at once.
const LIMITS: DeliveryLimits = DeliveryLimits {
    events: PAGE,
    bytes: 256 << 10,
};

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
    responses((status = 200, description = "Events as they happen", content_type = "text/event-stream", body = EventJson<'static>))
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
    let events = api.events(&RequestContext::principal(&request));
    let first = read_page(&*events, &filter, after, PAGE).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Asks buffering proxies to pass events on at once.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(follow(api, events, filter, first, open, RequestContext::of(&request))))
}

fn follow(
    api: Data<Api>,
    events: Arc<dyn EventFeed>,
    filter: EventFilter,
    (mut place, first): (LogPosition, EventPage<EncodedEvent>),
    open: OpenStream,
    context: RequestContext,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    stream! {
        let mut ended = pin!(open.ended());
        // From before the first page is sent: so it misses nothing that comes meanwhile.
        let mut follower = api.tail().follow();
        yield Ok(Bytes::from(format!("retry: {RETRY_MILLISECONDS}\n\n")));
        let mut catching_up = Some(first);
        while let Some(page) = catching_up.take() {
            // The key may have been revoked since the page before.
            if let Err(problem) = readmit(&context, &api, CALL).await {
                return log(&api, &context, &problem);
            }
            match frames(&page) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => yield Ok(Bytes::from(text)),
                Err(problem) => return log(&api, &context, &problem),
            }
            place = page.books.position_of(page.next.max(place.sequence));
            if page.complete || api.readiness().is_draining() {
                break;
            }
            match read_page(&*events, &filter, Cursor::Place(place), PAGE).await {
                Ok((_, page)) => catching_up = Some(page),
                Err(problem) => return log(&api, &context, &problem),
            }
            // A client that takes every page at once must not keep others from their turn.
            consume_budget().await;
        }
        while !api.readiness().is_draining() {
            let chunk = match follower.read(place, LIMITS).await {
                Ok(chunk) => chunk,
                // The client reconnects, after the last event it has. If the history does not have that any more, it is
                // told then.
                Err(TailError::Gone(_)) => return,
                Err(TailError::Store(error)) => return log(&api, &context, &Problem::from(&error)),
            };
            place = chunk.next;
            let mut text = String::new();
            let is_told =
                |event: &EncodedEvent| filter.passes(event) && knows_of(&context.principal, event);
            for event in chunk.events.iter().filter(|event| is_told(&event.event)) {
                write_frame(&mut text, event.id.position, event.event.event_type, &event.body);
            }
            if let Err(problem) = readmit(&context, &api, CALL).await {
                return log(&api, &context, &problem);
            }
            if !text.is_empty() {
                yield Ok(Bytes::from(text));
            }
            if chunk.events.is_empty() {
                tokio::select! {
                    () = follower.changed() => {}
                    () = api.clock().pause(KEEP_ALIVE) => yield Ok(Bytes::from_static(b": nothing new\n\n")),
                    () = api.readiness().draining() => {}
                    () = &mut ended => return,
                }
            }
            consume_budget().await;
        }
    }
}

/// Logs why a stream ends. Its client reconnects, after the last event it has.
fn log(api: &Api, context: &RequestContext, problem: &Problem) {
    context.span().in_scope(|| api.log(problem));
}

/// The events of a page as frames.
fn frames(page: &EventPage<EncodedEvent>) -> Result<String, Problem> {
    let mut text = String::new();
    for event in &page.events {
        let json = event_json(event, &page.books)?;
        let data = serde_json::to_string(&json).expect("text, numbers and lists of them are always JSON");
        write_frame(&mut text, json.id.0.position, json.event_type, &data);
    }
    Ok(text)
}

/// Writes one event. The JSON has no line ends, so nothing breaks the frame.
fn write_frame(text: &mut String, place: LogPosition, event_type: &str, data: &str) {
    text.push_str(&format!("id: {place}\nevent: {event_type}\ndata: {data}\n\n"));
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
        let page = EventPage {
            events: vec![event],
            next: 7,
            complete: true,
            newest: 7,
            books: Books::new(BooksId::of([7; 16]), [Epoch { number: 3, after: 0 }].into()),
        };
        let text = frames(&page).expect("JSON");
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[..2], ["id: 3-7", "event: ProductNamed"]);
        let data = lines[2].strip_prefix("data: ").expect("data");
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["data"]["name"], "a \u{2028} \"b\" \\n");
    }
}
