//! Subscriptions: who is told of events, how far they have got, and what they have not taken.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, patch, post};
use earmark_application::{
    Action, DeadLetter, DeadLetterAction, LetterState, MAX_DEAD_LETTERS, SubscriptionName, SubscriptionStatus,
};

use crate::http::api::Api;
use crate::http::middleware::auth::{done, require};
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit, sequence};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::commands::subscriptions::{enabled, sequences};
use crate::wire::reading::fields::object;
use crate::wire::views::list::Each;
use crate::wire::views::subscriptions::{
    DeadLetterPageJson, LettersDecidedJson, SubscriptionJson, SubscriptionPageJson,
};

/// Why a subscription that somebody has disabled is disabled.
const BY_REQUEST: &str = "by request";

/// List subscriptions
///
/// Those that are or were set up, with how far each has got.
#[utoipa::path(
    tag = "Subscriptions",
    operation_id = "list_subscriptions",
    responses((status = 200, description = "All subscriptions", body = SubscriptionPageJson<'static>))
)]
#[get("/v1/subscriptions")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::ReadService)?;
    Input::without_query(&request).finish(Some(()))?;
    let now = api.now();
    let subscriptions = api.read(|ports| ports.subscriptions.subscriptions(now)).await?;
    let page = SubscriptionPageJson {
        items: Each::of(&subscriptions),
        next: None,
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// List what a subscription has put aside
///
/// Events that its sink has not taken, and those that wait behind them, a page at a time: send `next` as `after` to get
/// the next page.
#[utoipa::path(
    tag = "Subscriptions",
    operation_id = "list_dead_letters",
    params(
        ("name" = String, Path, description = "The subscription", example = "log"),
        ("after" = Option<u64>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of events", body = DeadLetterPageJson<'static>))
)]
#[get("/v1/subscriptions/{name}/dead-letters")]
pub(crate) async fn dead_letters(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::ReadService)?;
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let name = name(&mut input);
    let after = query.optional("after", &mut input.faults, sequence);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let ((name, after), most) = input.finish(name.zip(after).zip(most))?;
    find(&api, &name).await?;
    let (after, most) = (after.unwrap_or(0), most.unwrap_or(DEFAULT_PAGE));
    let mut letters = api
        .read(|ports| ports.subscriptions.dead_letters(&name, after, most + 1))
        .await?;
    let has_more = letters.len() > most;
    letters.truncate(most);
    let page = DeadLetterPageJson {
        next: letters.last().filter(|_| has_more).map(|letter| letter.sequence),
        items: Each::of(&letters),
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// Deliver dead letters once more
///
/// All of a subscription, or some of them. They are delivered in their order, and what waits behind them follows.
#[utoipa::path(
    tag = "Subscriptions",
    operation_id = "replay_dead_letters",
    params(("name" = String, Path, description = "The subscription", example = "log")),
    request_body = schema::DeadLetters,
    responses((status = 200, description = "How many are delivered once more", body = LettersDecidedJson))
)]
#[post("/v1/subscriptions/{name}/replay")]
pub(crate) async fn replay(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    decide(&request, payload, &api, DeadLetterAction::Replay).await
}

/// Drop what a subscription has put aside
///
/// All of it, or some of it: the subscriber is not told of these events. What waits behind them follows.
#[utoipa::path(
    tag = "Subscriptions",
    operation_id = "skip_dead_letters",
    params(("name" = String, Path, description = "The subscription", example = "log")),
    request_body = schema::DeadLetters,
    responses((status = 200, description = "How many are dropped", body = LettersDecidedJson))
)]
#[post("/v1/subscriptions/{name}/skip")]
pub(crate) async fn skip(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    decide(&request, payload, &api, DeadLetterAction::Skip).await
}

/// Enable or disable a subscription
///
/// While it is disabled nothing is delivered, and nothing is lost: it goes on where it was.
#[utoipa::path(
    tag = "Subscriptions",
    operation_id = "change_subscription",
    params(("name" = String, Path, description = "The subscription", example = "log")),
    request_body = schema::ChangeSubscription,
    responses((status = 200, description = "The subscription after the change", body = SubscriptionJson<'static>))
)]
#[patch("/v1/subscriptions/{name}")]
pub(crate) async fn change(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::DeadLetters)?;
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let name = name(&mut input);
    let enabled = object(&json, "", &mut input.faults, enabled);
    let (name, enabled) = input.finish(name.zip(enabled))?;
    let mut subscription = find(&api, &name)
        .await
        .map_err(|problem| problem.of_preview_if(mode.preview))?;
    let reason = (!enabled).then_some(BY_REQUEST);
    if mode.preview {
        subscription.progress.disabled = reason.map(str::to_owned);
        if enabled {
            // It is tried at once.
            subscription.progress.failing = None;
        }
        return Ok(Reply::new(StatusCode::OK, &SubscriptionJson::from(&subscription))
            .of_preview()
            .response());
    }
    api.write(|ports| ports.subscriptions.disable(&name, reason)).await?;
    done(&request, &api, name.as_str());
    let subscription = find(&api, &name).await?;
    Ok(Reply::new(StatusCode::OK, &SubscriptionJson::from(&subscription)).response())
}

/// Decides on what a subscription has put aside.
async fn decide(
    request: &HttpRequest,
    payload: Payload,
    api: &Api,
    action: DeadLetterAction,
) -> Result<HttpResponse, Problem> {
    require(request, api, Action::DeadLetters)?;
    let (mut input, mode) = Input::of_command(request);
    let body = input.body_if_any(api.body_time(), payload).await?;
    let json = json(&body)?;
    let name = name(&mut input);
    let sequences = object(&json, "", &mut input.faults, sequences);
    let (name, sequences) = input.finish(name.zip(sequences))?;
    find(api, &name)
        .await
        .map_err(|problem| problem.of_preview_if(mode.preview))?;
    if mode.preview {
        let events = concerned(api, &name, sequences.as_deref(), action).await?;
        return Ok(Reply::new(StatusCode::OK, &LettersDecidedJson { events })
            .of_preview()
            .response());
    }
    let decided = api.write(|ports| {
        ports
            .subscriptions
            .decide_on_dead_letters(&name, sequences.as_deref(), action)
    });
    let events = decided.await?;
    if events > 0 {
        done(request, api, name.as_str());
    }
    Ok(Reply::new(StatusCode::OK, &LettersDecidedJson { events }).response())
}

/// How many letters a decision would concern.
async fn concerned(
    api: &Api,
    name: &SubscriptionName,
    sequences: Option<&[u64]>,
    action: DeadLetterAction,
) -> Result<u64, Problem> {
    let is_concerned = |letter: &&DeadLetter| {
        let is_named = sequences.is_none_or(|named| named.contains(&letter.sequence));
        is_named && (action == DeadLetterAction::Skip || matches!(letter.state, LetterState::Dead(_)))
    };
    let (mut concerned, mut after) = (0, 0);
    // As many pages as a subscription may fill: what is put aside with the last of a delivery may be a few more.
    for _ in 0..=2 * MAX_DEAD_LETTERS / MAX_PAGE {
        let page = api
            .read(|ports| ports.subscriptions.dead_letters(name, after, MAX_PAGE))
            .await?;
        concerned += page.iter().filter(is_concerned).count() as u64;
        match page.last() {
            Some(last) if page.len() == MAX_PAGE => after = last.sequence,
            _ => break,
        }
    }
    Ok(concerned)
}

fn name(input: &mut Input<'_>) -> Option<SubscriptionName> {
    input.path("name", |name| Ok::<_, &str>(SubscriptionName::new(name)))
}

async fn find(api: &Api, name: &SubscriptionName) -> Result<SubscriptionStatus, Problem> {
    let now = api.now();
    let subscriptions = api.read(|ports| ports.subscriptions.subscriptions(now)).await?;
    let found = subscriptions.into_iter().find(|status| status.name == *name);
    found.ok_or_else(|| {
        Problem::new(&kinds::UNKNOWN_SUBSCRIPTION, format!("there is no subscription {name}"))
            .with("name", name.as_str())
    })
}
