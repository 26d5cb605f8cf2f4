//! Holds that end soon.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, Page, ending_holds};
use earmark_domain::Sku;

use crate::http::api::Api;
use crate::http::middleware::auth::require;
use crate::http::request::input::Input;
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::outlook::holds::EndingHoldsPageJson;

/// List holds that end soon
///
/// By product: how many units leave the carts within 1, 5, 15 and 60 minutes, unless they are confirmed.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "list_ending_holds",
    params(
        ("after" = Option<String>, Query, description = "Only those after this SKU"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of products with such holds", body = EndingHoldsPageJson<'static>))
)]
#[get("/v1/outlook/holds")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let after = query.optional("after", &mut input.faults, Sku::from_str);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let (after, most) = input.finish(after.zip(most))?;
    require(&request, &api, Action::Plan)?;
    let (now, most) = (api.now(), most.unwrap_or(DEFAULT_PAGE));
    let page = api
        .read(|ports| ending_holds(&*ports.outlook, after.as_ref(), now, most))
        .await;
    let Page { items, next } = page?;
    let json = EndingHoldsPageJson {
        items: Each::of(&items),
        next: next.as_ref().map(Sku::as_str),
    };
    Ok(Reply::new(StatusCode::OK, &json).response())
}
