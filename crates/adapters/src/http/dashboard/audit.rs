//! The audit as a page: what was done to the stock, from the events, and what was decided on access, the newest first.

use std::fmt::Write as _;

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{AccessDecision, Action, EncodedEvent, EventFilter, LoggedEntry};
use earmark_domain::Subject;
use jiff::Timestamp;
use uuid::Uuid;

use crate::html::escaped;
use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::input::Input;
use crate::http::request::query::sequence;
use crate::http::response::problem::Problem;

/// The page, with placeholders for what is known only when it is requested.
const PAGE: &str = include_str!("audit.html");

/// Entries of a page.
const ENTRIES: usize = 100;

/// The page without what was done to the stock.
const DECISIONS: &str = "decisions";

/// The audit
///
/// For people: who did what to the stock, who was refused what, and who has changed who may do what; the newest first.
#[utoipa::path(
    tag = "Audit",
    operation_id = "audit_page",
    params(
        ("only" = Option<String>, Query, description = "`decisions`: without what was done to the stock"),
        ("before_event" = Option<u64>, Query, description = "Only events before this sequence"),
        ("before_entry" = Option<u64>, Query, description = "Only decisions before this number"),
    ),
    responses((status = 200, description = "A page of it", content_type = "text/html", body = String))
)]
#[get("/audit")]
pub(crate) async fn audit(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Audit)?;
    let (mut input, query) = Input::of(&request, &["only", "before_event", "before_entry"]);
    let faults = &mut input.faults;
    let only = query.optional("only", faults, |text| match text {
        DECISIONS => Ok(()),
        _ => Err(format!("must be {DECISIONS}, or left out")),
    });
    let before_event = query.optional("before_event", faults, sequence);
    let before_entry = query.optional("before_entry", faults, sequence);
    let (only, (before_event, before_entry)) = input.finish(only.zip(before_event.zip(before_entry)))?;

    let done = match only {
        None => newest_events(&api, before_event).await?,
        Some(()) => Vec::new(),
    };
    let decided = api.read(|ports| ports.access_log.newest_access_entries(before_entry, ENTRIES + 1));
    let (entries, has_more) = newest_of(done, decided.await?);

    let base = api.site().base_path.as_str();
    let older = has_more.then(|| Older::than(&entries, before_event, before_entry));
    let nonce = Uuid::from_bytes(api.ids().token()).simple().to_string();
    let current = |is_current: bool| if is_current { "aria-current=\"page\"" } else { "" };
    let count = match entries.len() {
        0 => "Nothing is there.".to_owned(),
        1 => "1 entry.".to_owned(),
        count => format!("{count} entries."),
    };
    // The rows and the link are escaped where they are made, and are filled in last: what is in them is no placeholder.
    let html = PAGE
        .replace("{{nonce}}", &nonce)
        .replace("{{base}}", &escaped(base))
        .replace("{{current_all}}", current(only.is_none()))
        .replace("{{current_decisions}}", current(only.is_some()))
        .replace("{{count}}", &count)
        .replace(
            "{{older}}",
            &older.map_or_else(String::new, |older| older.link(base, only.is_some())),
        );
    let html = html.replacen("{{rows}}", &rows(&entries), 1);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            format!(
                "default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            ),
        ))
        .body(html))
}

/// The newest events before a sequence, descending. Sequences have few gaps, so that a page of them is a page of events.
async fn newest_events(api: &Api, before: Option<u64>) -> Result<Vec<EncodedEvent>, Problem> {
    let filter = EventFilter::default();
    let newest = api
        .read(|ports| ports.events.encoded_events(&filter, 0, 1))
        .await?
        .newest;
    let end = before.map_or(newest, |before| before.saturating_sub(1).min(newest));
    let after = end.saturating_sub(ENTRIES as u64 + 1);
    let page = api.read(|ports| ports.events.encoded_events(&filter, after, ENTRIES + 1));
    let mut events = page.await?.events;
    events.retain(|event| event.sequence <= end);
    events.reverse();
    Ok(events)
}

/// The newest of both, as many as are on a page, and whether there are more. Of the next of each the later one is taken: so
/// neither order is changed, whatever clocks say, and the next page goes on where each of them has ended.
fn newest_of(done: Vec<EncodedEvent>, decided: Vec<LoggedEntry>) -> (Vec<Entry>, bool) {
    let (mut done, mut decided) = (done.into_iter().peekable(), decided.into_iter().peekable());
    let mut entries = Vec::with_capacity(ENTRIES);
    while entries.len() < ENTRIES {
        let next = match (done.peek(), decided.peek()) {
            (None, None) => break,
            (Some(event), Some(logged)) if event.occurred_at < logged.entry.first_at => {
                decided.next().map(Entry::Decided)
            }
            (Some(_), _) => done.next().map(Entry::Done),
            (None, Some(_)) => decided.next().map(Entry::Decided),
        };
        entries.extend(next);
    }
    let has_more = done.peek().is_some() || decided.peek().is_some();
    (entries, has_more)
}

/// What is a row.
enum Entry {
    Done(EncodedEvent),
    Decided(LoggedEntry),
}

impl Entry {
    fn at(&self) -> Timestamp {
        match self {
            Self::Done(event) => event.occurred_at,
            Self::Decided(logged) => logged.entry.first_at,
        }
    }
}

/// From where on the next page reads.
struct Older {
    before_event: Option<u64>,
    before_entry: Option<u64>,
}

impl Older {
    /// Than those that are shown. Of what is not shown at all the page before tells where it began.
    fn than(shown: &[Entry], before_event: Option<u64>, before_entry: Option<u64>) -> Self {
        let events = shown.iter().filter_map(|entry| match entry {
            Entry::Done(event) => Some(event.sequence),
            Entry::Decided(_) => None,
        });
        let entries = shown.iter().filter_map(|entry| match entry {
            Entry::Decided(logged) => Some(logged.number),
            Entry::Done(_) => None,
        });
        Self {
            before_event: events.min().or(before_event),
            before_entry: entries.min().or(before_entry),
        }
    }

    fn link(&self, base: &str, only_decisions: bool) -> String {
        let mut parameters = Vec::new();
        if only_decisions {
            parameters.push(format!("only={DECISIONS}"));
        }
        let cursors = [("before_event", self.before_event), ("before_entry", self.before_entry)];
        parameters.extend(
            cursors
                .iter()
                .filter_map(|(name, at)| at.map(|at| format!("{name}={at}"))),
        );
        format!(
            "<a rel=\"next\" href=\"{}/audit?{}\">Older</a>",
            escaped(base),
            parameters.join("&amp;")
        )
    }
}

fn rows(entries: &[Entry]) -> String {
    let mut html = String::new();
    for entry in entries {
        let cells = match entry {
            Entry::Done(event) => of_event(event),
            Entry::Decided(logged) => of_decision(logged),
        };
        let when = entry.at().strftime("%Y-%m-%d %H:%M:%S");
        let [who, what, about, outcome, times, from, request] = cells.map(|cell| escaped(&cell));
        let class = if outcome == AccessDecision::Done.as_str() {
            ""
        } else {
            " class=\"refused\""
        };
        // To a string nothing fails to be written.
        let _ = writeln!(
            html,
            "<tr><td>{when}</td><td class=\"long\">{who}</td><td>{what}</td><td class=\"long\">{about}</td><td{class}>{outcome}</td>\
             <td class=\"n\">{times}</td><td>{from}</td><td class=\"long request\">{request}</td></tr>"
        );
    }
    html
}

fn of_event(event: &EncodedEvent) -> [String; 7] {
    let subject = match &event.subject {
        Subject::Product { sku, .. } => sku.to_string(),
        Subject::Order(order) => order.to_string(),
    };
    let order = event
        .order
        .as_ref()
        .map(ToString::to_string)
        .filter(|order| *order != subject);
    [
        event.actor.clone(),
        event.event_type.to_owned(),
        order.into_iter().chain([subject]).collect::<Vec<_>>().join(", "),
        AccessDecision::Done.as_str().to_owned(),
        "1".to_owned(),
        String::new(),
        event.correlation_id.clone(),
    ]
}

fn of_decision(logged: &LoggedEntry) -> [String; 7] {
    let entry = &logged.entry;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let outcome = match entry.decision.needs() {
        Some(role) => format!("{}, needs {role}", entry.decision),
        None => entry.decision.to_string(),
    };
    [
        entry.caller.name.as_deref().unwrap_or("a stranger").to_owned(),
        entry.action.to_string(),
        text(entry.about.as_deref()),
        outcome,
        entry.count.to_string(),
        entry
            .caller
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        text(entry.correlation_id.as_deref()),
    ]
}
