//! Access keys: made, listed, rotated, revoked.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use earmark_application::{AccessKey, Action, KeyName, MAX_KEYS};
use jiff::Timestamp;

use crate::access_key::KeyText;
use crate::http::api::Api;
use crate::http::middleware::auth::{entry, require};
use crate::http::openapi::schema;
use crate::http::request::input::{Input, json};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::answers::kinds;
use crate::wire::commands::keys::{end, new_key};
use crate::wire::reading::fields::object;
use crate::wire::views::keys::{KeyJson, KeyPageJson, SecretKeyJson};
use crate::wire::views::list::Each;

/// List access keys
///
/// All of them, those that were revoked too. What opens anything is not kept, and not shown.
#[utoipa::path(
    tag = "Keys",
    operation_id = "list_keys",
    responses((status = 200, description = "All keys", body = KeyPageJson<'static>))
)]
#[get("/v1/keys")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    Input::without_query(&request).finish(Some(()))?;
    let keys = api.read(|ports| ports.keys.all_keys()).await?;
    let page = KeyPageJson {
        items: Each::of(&keys),
        next: None,
    };
    Ok(Reply::new(StatusCode::OK, &page).response())
}

/// Make an access key
///
/// Its secret is in the answer, and nowhere else: it can't be shown again. From the first key on the service wants one from
/// everybody, so the first one had better be an administrator's.
#[utoipa::path(
    tag = "Keys",
    operation_id = "create_key",
    request_body = schema::NewKey,
    responses(
        (status = 201, description = "The key with its secret", body = SecretKeyJson<'static>),
        (status = 200, description = "The answer to a preview: the key without a secret", body = SecretKeyJson<'static>),
    )
)]
#[post("/v1/keys")]
pub(crate) async fn create(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let new = object(&json, "", &mut input.faults, new_key);
    let now = api.now();
    check_end(&mut input, new.as_ref().and_then(|new| new.expires_at), now);
    let new = input.finish(new)?;
    let text = KeyText::new(api.ids().secret());
    let key = AccessKey {
        name: new.name,
        hash: text.hash(),
        roles: new.roles,
        bounds: new.bounds,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let log = entry(&request, &api, key.name.as_str());
    let added = if mode.preview {
        let keys = api.read(|ports| ports.keys.all_keys()).await?;
        keys.len() < MAX_KEYS && keys.iter().all(|other| other.name != key.name)
    } else {
        api.write(|ports| ports.keys.add_key(&key, &log)).await?
    };
    if !added {
        let detail = format!(
            "there is a key {} already, or there are {MAX_KEYS} keys: a name is given once",
            key.name
        );
        let problem = Problem::new(&kinds::KEY_EXISTS, detail).with("name", &**key.name.as_str());
        return Err(problem.of_preview_if(mode.preview));
    }
    if mode.preview {
        return Ok(reply(StatusCode::OK, &key, None).of_preview().response());
    }
    api.key_ring().forget();
    Ok(reply(StatusCode::CREATED, &key, Some(&text)).response())
}

/// Give an access key another secret
///
/// The old one opens nothing any more, at any instance, within a second. The new one is in the answer, and nowhere else.
#[utoipa::path(
    tag = "Keys",
    operation_id = "rotate_key",
    params(("name" = String, Path, description = "The key", example = "web-shop")),
    request_body = schema::KeyRotation,
    responses((status = 200, description = "The key with its new secret", body = SecretKeyJson<'static>))
)]
#[post("/v1/keys/{name}/rotation")]
pub(crate) async fn rotate(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body_if_any(api.body_time(), payload).await?;
    let json = json(&body)?;
    let name = input.path("name", KeyName::new);
    let expires_at = object(&json, "", &mut input.faults, end);
    check_end(&mut input, expires_at.flatten(), api.now());
    let (name, expires_at) = input.finish(name.zip(expires_at))?;
    let mut key = find(&api, &name)
        .await
        .map_err(|problem| problem.of_preview_if(mode.preview))?;
    if key.revoked_at.is_some() {
        return Err(unknown(&name).of_preview_if(mode.preview));
    }
    key.expires_at = expires_at;
    if mode.preview {
        return Ok(reply(StatusCode::OK, &key, None).of_preview().response());
    }
    let text = KeyText::new(api.ids().secret());
    let log = entry(&request, &api, name.as_str());
    let rotated = api.write(|ports| ports.keys.rotate_key(&name, text.hash(), expires_at, &log));
    if !rotated.await? {
        return Err(unknown(&name));
    }
    api.key_ring().forget();
    Ok(reply(StatusCode::OK, &key, Some(&text)).response())
}

/// Revoke an access key
///
/// Every instance refuses it within a second. It stays listed, since events name it.
#[utoipa::path(
    tag = "Keys",
    operation_id = "revoke_key",
    params(("name" = String, Path, description = "The key", example = "web-shop")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The key, revoked", body = KeyJson<'static>))
)]
#[delete("/v1/keys/{name}")]
pub(crate) async fn revoke(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    require(&request, &api, Action::Keys)?;
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let name = input.path("name", KeyName::new);
    let (name, ()) = input.finish(name.zip(nothing))?;
    let mut key = find(&api, &name)
        .await
        .map_err(|problem| problem.of_preview_if(mode.preview))?;
    let now = api.now();
    if mode.preview {
        key.revoked_at.get_or_insert(now);
        let shown = Reply::new(StatusCode::OK, &KeyJson::from(&key));
        return Ok(shown.of_preview().response());
    }
    let log = entry(&request, &api, name.as_str());
    api.write(|ports| ports.keys.revoke_key(&name, now, &log)).await?;
    api.key_ring().forget();
    let key = find(&api, &name).await?;
    Ok(Reply::new(StatusCode::OK, &KeyJson::from(&key)).response())
}

/// Notes a fault where an end is over.
fn check_end(input: &mut Input<'_>, end: Option<Timestamp>, now: Timestamp) {
    if end.is_some_and(|end| end <= now) {
        input.faults.add("expires_at", "must lie ahead");
    }
}

fn reply(status: StatusCode, key: &AccessKey, text: Option<&KeyText>) -> Reply {
    let json = SecretKeyJson {
        secret: text.map(KeyText::expose),
        key: KeyJson::from(key),
    };
    Reply::new(status, &json)
}

async fn find(api: &Api, name: &KeyName) -> Result<AccessKey, Problem> {
    let keys = api.read(|ports| ports.keys.all_keys()).await?;
    let found = keys.into_iter().find(|key| key.name == *name);
    found.ok_or_else(|| unknown(name))
}

fn unknown(name: &KeyName) -> Problem {
    let detail = format!("there is no key {name} that is not revoked");
    Problem::new(&kinds::UNKNOWN_KEY, detail).with("name", &**name.as_str())
}
