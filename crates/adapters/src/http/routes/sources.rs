//! Sources of commands: which of their messages were put aside, and what becomes of these.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use earmark_application::{
    Action, DeadMessage, DeadMessageAction, MAX_DEAD_MESSAGES, SourceName, SourceStatus, decide_on_dead_messages,
};

use crate::http::api::Api;
use crate::http::middleware::auth::{done, require};
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, sequence};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::commands::sources::numbers;
use crate::wire::reading::fields::object;
use crate::wire::views::list::Each;
use crate::wire::views::sources::{
    DeadMessageJson, DeadMessagePageJson, MessagesDecidedJson, SourceJson, SourcePageJson,
};

/// List sources with dead messages
///
/// Messages that could not be read, or whose commands were refused, are put aside with the reason.
#[utoipa::path(
    tag = "Sources",
    operation_id = "list_sources",
    responses((status = 200, description = "All sources that have dead messages", body = SourcePageJson<'static>))
)]
#[get("/v1/sources")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::ReadService)?;
    Input::without_query(&request).finish(Some(()))?;
    let sources = api.read(|ports| ports.inbox.sources()).await?;
    let page = SourcePageJson {
        items: Each::<SourceStatus, SourceJson<'_>>::of(&sources),
        next: None,
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// List the dead messages of a source
///
/// A page at a time: send `next` as `after` to get the next page.
#[utoipa::path(
    tag = "Sources",
    operation_id = "list_dead_messages",
    params(
        ("name" = String, Path, description = "The source", example = "orders"),
        ("after" = Option<u64>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of messages", body = DeadMessagePageJson<'static>))
)]
#[get("/v1/sources/{name}/dead-messages")]
pub(crate) async fn dead_messages(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::ReadService)?;
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let name = name(&mut input);
    let after = query.optional("after", &mut input.faults, sequence);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((name, after), most) = input.finish(name.zip(after).zip(most))?;
    find(&api, &name).await?;
    let (after, most) = (after.unwrap_or(0), most.unwrap_or(DEFAULT_PAGE));
    let mut messages = api
        .read(|ports| ports.inbox.dead_messages(&name, after, most + 1))
        .await?;
    let has_more = messages.len() > most;
    messages.truncate(most);
    let page = DeadMessagePageJson {
        next: messages.last().filter(|_| has_more).map(|message| message.number),
        items: Each::<DeadMessage, DeadMessageJson<'_>>::of(&messages),
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// Try dead messages once more
///
/// All of a source, or some of them: those that were kept whole. An instance that takes commands from the source tries
/// them within seconds: each is carried out, or is dead with one attempt more. Nobody is sent an answer.
#[utoipa::path(
    tag = "Sources",
    operation_id = "replay_dead_messages",
    params(("name" = String, Path, description = "The source", example = "orders")),
    request_body = schema::DeadMessages,
    responses((status = 200, description = "How many are tried once more", body = MessagesDecidedJson))
)]
#[post("/v1/sources/{name}/replay")]
pub(crate) async fn replay(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    decide(&request, payload, &api, DeadMessageAction::Replay).await
}

/// Drop dead messages
///
/// All of a source, or some of them. What they asked for is not done.
#[utoipa::path(
    tag = "Sources",
    operation_id = "skip_dead_messages",
    params(("name" = String, Path, description = "The source", example = "orders")),
    request_body = schema::DeadMessages,
    responses((status = 200, description = "How many are dropped", body = MessagesDecidedJson))
)]
#[post("/v1/sources/{name}/skip")]
pub(crate) async fn skip(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    decide(&request, payload, &api, DeadMessageAction::Skip).await
}

/// Decides on dead messages.
async fn decide(
    request: &HttpRequest,
    payload: Payload,
    api: &Api,
    action: DeadMessageAction,
) -> Result<HttpResponse, Problem> {
    require(request, api, Action::DeadLetters)?;
    let (mut input, mode) = Input::of_command(request);
    let body = input.body_if_any(api.body_time(), payload).await?;
    let json = json(&body)?;
    let name = name(&mut input);
    let numbers = object(&json, "", &mut input.faults, numbers);
    let (name, numbers) = input.finish(name.zip(numbers))?;
    find(api, &name)
        .await
        .map_err(|problem| problem.of_preview_if(mode.preview))?;
    if mode.preview {
        let messages = concerned(api, &name, numbers.as_deref(), action).await?;
        return Ok(Reply::new(StatusCode::OK, &MessagesDecidedJson { messages })
            .of_preview()
            .response());
    }
    let decided = api.write(|ports| decide_on_dead_messages(&*ports.inbox, &name, numbers.as_deref(), action));
    let messages = decided.await?;
    if messages > 0 {
        done(request, api, name.as_str());
    }
    Ok(Reply::new(StatusCode::OK, &MessagesDecidedJson { messages }).response())
}

/// How many messages a decision would concern.
async fn concerned(
    api: &Api,
    name: &SourceName,
    numbers: Option<&[u64]>,
    action: DeadMessageAction,
) -> Result<u64, Problem> {
    let is_concerned = |message: &&DeadMessage| {
        let is_named = numbers.is_none_or(|named| named.contains(&message.number));
        is_named && (action == DeadMessageAction::Skip || message.is_whole && !message.replayed)
    };
    let (mut concerned, mut after) = (0, 0);
    // As many pages as a source may fill.
    for _ in 0..=MAX_DEAD_MESSAGES / MAX_PAGE as u64 {
        let page = api
            .read(|ports| ports.inbox.dead_messages(name, after, MAX_PAGE))
            .await?;
        concerned += page.iter().filter(is_concerned).count() as u64;
        match page.last() {
            Some(last) if page.len() == MAX_PAGE => after = last.number,
            _ => break,
        }
    }
    Ok(concerned)
}

fn name(input: &mut Input<'_>) -> Option<SourceName> {
    input.path("name", |name| Ok::<_, &str>(SourceName::new(name)))
}

async fn find(api: &Api, name: &SourceName) -> Result<(), Problem> {
    let sources = api.read(|ports| ports.inbox.sources()).await?;
    if sources.iter().any(|source| source.name == *name) {
        return Ok(());
    }
    let detail = format!("there is no source {name} with dead messages");
    Err(Problem::new(&kinds::UNKNOWN_SOURCE, detail).with("name", name.as_str()))
}
