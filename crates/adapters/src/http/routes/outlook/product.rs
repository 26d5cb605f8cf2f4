//! A product in time.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::{Action, product_in_time};
use earmark_domain::Sku;

use crate::http::api::Api;
use crate::http::execution::unknown_sku;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::outlook::product::ProductInTimeJson;

/// Show a product in time
///
/// What can be promised of it by each day, what the units of each of its batches are, and what is missing.
#[utoipa::path(
    tag = "Outlook",
    operation_id = "show_product_in_time",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    responses((status = 200, description = "The product in time", body = ProductInTimeJson<'static>))
)]
#[get("/v1/products/{sku}/outlook")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let sku = input.path("sku", Sku::from_str);
    let sku = input.finish(sku)?;
    require(&request, &api, Action::Plan)?;
    let now = api.now();
    let (promising, at) = (api.about().promising, (now, api.day_of(now)));
    let views = api.views(&RequestContext::principal(&request));
    let found = api
        .read(|ports| product_in_time((&*views, &*ports.outlook), promising, &sku, at))
        .await?;
    let Some(product) = found else {
        return Err(unknown_sku(&sku));
    };
    Ok(Reply::new(StatusCode::OK, &ProductInTimeJson::from(&product)).response())
}
