//! Sessions of browsers: listed, and ended by whoever runs the service.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get};
use earmark_application::{Action, Session, sessions_in_force};

use crate::http::api::Api;
use crate::http::middleware::auth::{entry, require};
use crate::http::openapi::schema;
use crate::http::request::input::Input;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::views::list::Each;
use crate::wire::views::sessions::{SessionJson, SessionPageJson};

/// How many digits an id has.
const DIGITS: usize = 12;

/// List who is signed in
///
/// Every session that is in force: of people, and of keys.
#[utoipa::path(
    tag = "Keys",
    operation_id = "list_sessions",
    responses((status = 200, description = "All sessions in force", body = SessionPageJson<'static>))
)]
#[get("/v1/sessions")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    Input::without_query(&request).finish(Some(()))?;
    let sessions = in_force(&api).await?;
    let page = SessionPageJson {
        items: Each::of(&sessions),
        next: None,
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// Sign somebody out
///
/// Every instance refuses the session within a second. Its key still opens the service, and its person may sign in anew.
#[utoipa::path(
    tag = "Keys",
    operation_id = "end_session",
    params(("id" = String, Path, description = "The session", example = "6f1c09d2a4e7")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The session, which is over", body = SessionJson<'static>))
)]
#[delete("/v1/sessions/{id}")]
pub(crate) async fn end(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let id = input.path("id", read_id);
    let (id, ()) = input.finish(id.zip(nothing))?;
    let sessions = in_force(&api).await?;
    let found = sessions.iter().find(|session| session.hash.to_string() == id);
    let session = found.ok_or_else(|| unknown(&id).of_preview_if(mode.preview))?;
    let reply = Reply::new(StatusCode::OK, &SessionJson::from(session));
    if mode.preview {
        return Ok(reply.of_preview().response());
    }
    let log = entry(&request, &api, session.holder.name());
    if !api
        .write(|ports| ports.sessions.end_session(session.hash, &log))
        .await?
    {
        return Err(unknown(&id));
    }
    api.key_ring().forget();
    Ok(reply.response())
}

async fn in_force(api: &Api) -> Result<Vec<Session>, Problem> {
    let now = api.now();
    api.read(|ports| sessions_in_force(&*ports.keys, &*ports.sessions, now))
        .await
}

fn read_id(text: &str) -> Result<String, String> {
    let is_id = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id
        .then(|| text.to_owned())
        .ok_or_else(|| format!("must be {DIGITS} hexadecimal digits"))
}

fn unknown(id: &str) -> Problem {
    Problem::new(&kinds::UNKNOWN_SESSION, format!("there is no session {id} in force")).with("session", id)
}
