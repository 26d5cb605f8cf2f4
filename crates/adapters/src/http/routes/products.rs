//! Products: list, set, show, and what can be promised of them.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post, put};
use earmark_application::ProductView;
use earmark_domain::{Command, Location, MAX_PRODUCT_NAME_CHARS, Sku};

use crate::http::api::Api;
use crate::http::execution::unknown_sku;
use crate::http::openapi::schema;
use crate::http::request::context::RequestContext;
use crate::http::request::if_match::IfMatch;
use crate::http::request::input::{Input, json};
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::commands::products::put_product;
use crate::wire::reading::fields::object;
use crate::wire::views::availability::AvailabilityJson;
use crate::wire::views::effects::ReallocationJson;
use crate::wire::views::list::Each;
use crate::wire::views::pages::ProductPageJson;
use crate::wire::views::products::ProductJson;

/// A text to search for: at most as long as a product name, without control characters.
fn search_text(text: &str) -> Result<String, String> {
    match text.chars().count() {
        count if count > MAX_PRODUCT_NAME_CHARS => Err(format!(
            "must have at most {MAX_PRODUCT_NAME_CHARS} characters, has {count}"
        )),
        _ if text.chars().any(char::is_control) => Err("must not contain control characters".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// List products
///
/// By SKU, a page at a time: send `next` as `after` to get the next page.
#[utoipa::path(
    tag = "Products",
    operation_id = "list_products",
    params(
        ("search" = Option<String>, Query, description = "Only those whose SKU or name contains it, in any case"),
        ("after" = Option<String>, Query, description = "Only those after this SKU"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of products", body = ProductPageJson<'static>))
)]
#[get("/v1/products")]
pub(crate) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["search", "after", "limit"]);
    let search = query.optional("search", &mut input.faults, search_text);
    let after = query.optional("after", &mut input.faults, Sku::from_str);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = search.zip(after).zip(most);
    let ((search, after), most) = input.finish(read)?;
    let search = search.filter(|search| !search.is_empty());
    let most = most.unwrap_or(DEFAULT_PAGE);
    // One product more than the page shows whether there is a next page.
    let now = api.now();
    let views = api.views(&RequestContext::principal(&request));
    let products = views.products(search.as_deref(), after.as_ref(), now, most + 1).await;
    let mut products = products.map_err(|error| Problem::from(&error))?;
    let more = products.len() > most;
    products.truncate(most);
    let (promising, today) = (api.about().promising, api.day_of(now));
    let products: Vec<ProductView> = products
        .into_iter()
        .map(|product| product.view(promising, today))
        .collect();
    let next = products.last().filter(|_| more);
    let next = next.map(|product| product.summary.sku.as_str());
    let items = Each::of(&products);
    Ok(Reply::new(StatusCode::OK, &ProductPageJson { items, next }).response())
}

/// Set the name or the safety stock of a product
///
/// Creates the product when its SKU is new. What is left out stays unchanged.
#[utoipa::path(
    tag = "Products",
    operation_id = "put_product",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    request_body = schema::PutProduct,
    responses((status = 200, description = "The product after the change", body = ProductJson<'static>))
)]
#[put("/v1/products/{sku}")]
pub(crate) async fn put(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let sku = input.path("sku", Sku::from_str);
    let put = object(&json, "", &mut input.faults, |fields, faults| {
        put_product(sku, fields, faults)
    });
    let put = input.finish(put)?;
    api.create_if(condition, &request, Command::PutProduct(put), mode).await
}

/// Move lines to better stock
///
/// Every line of the product that gets an earlier date by it, in order of service; what they leave serves whoever waits.
/// Done twice, the second changes nothing. Where many lines may move, the service goes on with the others by itself.
#[utoipa::path(
    tag = "Products",
    operation_id = "reallocate",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    request_body = schema::NoFields,
    responses((status = 200, description = "The lines that moved", body = ReallocationJson<'static>))
)]
#[post("/v1/products/{sku}/reallocation")]
pub(crate) async fn reallocate(
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let nothing = input.no_body(api.body_time(), payload).await?;
    let condition = IfMatch::of(&request)?;
    let sku = input.path("sku", Sku::from_str);
    let (sku, ()) = input.finish(sku.zip(nothing))?;
    api.run_if(condition, &request, Command::Reallocate(sku), mode).await
}

/// Show a product
///
/// With its totals, and its batches in the order they are tried.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_product",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    responses((status = 200, description = "The product with its batches", body = ProductJson<'static>))
)]
#[get("/v1/products/{sku}")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let sku = input.path("sku", Sku::from_str);
    let sku = input.finish(sku)?;
    let principal = RequestContext::principal(&request);
    Ok(api.product(&principal, &sku).await?.response())
}

/// Show what can be promised of a product, by date
///
/// For an order that may be split: each day on which more can leave than before. The safety stock is not counted, nor
/// are batches that are overdue for too long.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_availability",
    params(
        ("sku" = String, Path, description = "The product", example = "LAMP-RED"),
        ("location" = Option<String>, Query, description = "Only from this location"),
    ),
    responses((status = 200, description = "What can be promised", body = AvailabilityJson<'static>))
)]
#[get("/v1/products/{sku}/availability")]
pub(crate) async fn availability(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["location"]);
    let sku = input.path("sku", Sku::from_str);
    let location = query.optional("location", &mut input.faults, Location::from_str);
    let (sku, location) = input.finish(sku.zip(location))?;
    let now = api.now();
    let views = api.views(&RequestContext::principal(&request));
    let product = views.product(&sku, now).await;
    let Some(product) = product.map_err(|error| Problem::from(&error))? else {
        return Err(unknown_sku(&sku));
    };
    let promised = earmark_domain::availability(
        &product.batches,
        product.summary.safety_stock,
        location.as_ref(),
        product.summary.owed(),
        api.about().promising,
        api.day_of(now),
    );
    Ok(Reply::new(StatusCode::OK, &AvailabilityJson::of(&sku, &promised)).response())
}
