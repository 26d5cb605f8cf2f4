//! Products: listed, named, shown, what can be promised of them, and who waits for them.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, put};
use earmark_domain::{
    Command, LineId, LineKey, LineView, Location, MAX_PRODUCT_NAME_CHARS, OrderId, Precedence, Priority, ProductName,
    PutProduct, ServicePosition, Sku, availability,
};
use jiff::Timestamp;

use super::api::{Api, unknown_sku};
use super::asked::IfMatch;
use super::fields::{Faults, Fields, count, text};
use super::input::{Input, json, limit, object};
use super::present::{BacklogPageJson, Each, ProductJson, ProductPageJson};
use super::problem::Problem;
use super::quoted::AvailabilityJson;
use super::reply::Reply;
use super::schema;

/// The most entries of a page: each is some hundred bytes, so a page stays within what is read at one go.
const MAX_PAGE: usize = 500;

/// The entries of a page that names no limit: what a screen shows.
const DEFAULT_PAGE: usize = 50;

/// A text to search for: as long as the longest product name, without control characters.
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
/// By SKU, a page at a time: hand `next` back as `after`.
#[utoipa::path(
    tag = "Products",
    operation_id = "list_products",
    params(
        ("search" = Option<String>, Query, description = "Only those whose SKU or name contains it, in any case"),
        ("after" = Option<String>, Query, description = "Only those after this SKU"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of products", body = ProductPageJson<'static>))
)]
#[get("/v1/products")]
pub(super) async fn list(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["search", "after", "limit"]);
    let search = query.optional("search", &mut input.faults, search_text);
    let after = query.optional("after", &mut input.faults, Sku::from_str);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = search.zip(after).zip(most);
    let ((search, after), most) = input.finish(read)?;
    let search = search.filter(|search| !search.is_empty());
    let most = most.unwrap_or(DEFAULT_PAGE);
    // One more than is shown tells whether there is a next page.
    let now = api.now();
    let mut products = api
        .ask(|ports| ports.views.products(search.as_deref(), after.as_ref(), now, most + 1))
        .await?;
    let more = products.len() > most;
    products.truncate(most);
    let next = products.last().filter(|_| more).map(|product| product.sku.as_str());
    let items = Each::of(&products);
    Ok(Reply::new(StatusCode::OK, &ProductPageJson { items, next }).response())
}

/// Reads what is said of a product, whose SKU may stand elsewhere.
pub(super) fn put_product(sku: Option<Sku>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PutProduct> {
    let name = fields.given("name", faults, text(|text: &str| ProductName::new(text)));
    let safety_stock = fields.given("safety_stock", faults, count);
    if name == Some(None) && safety_stock == Some(None) {
        faults.add("", "must have at least one of name, safety_stock");
    }
    Some(PutProduct {
        sku: sku?,
        name: name?,
        safety_stock: safety_stock?,
    })
}

/// Name a product, or say how much of it is kept back
///
/// Creates it when the SKU is new. What is left out stays as it is.
#[utoipa::path(
    tag = "Products",
    operation_id = "put_product",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    request_body = schema::PutProduct,
    responses((status = 200, description = "The product as it stands", body = ProductJson<'static>))
)]
#[put("/v1/products/{sku}")]
pub(super) async fn put(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, mode) = Input::of_command(&request);
    let body = input.body(payload).await?;
    let condition = IfMatch::of(&request)?;
    let json = json(&body)?;
    let sku = input.path("sku", Sku::from_str);
    let put = object(&json, "", &mut input.faults, |fields, faults| {
        put_product(sku, fields, faults)
    });
    let put = input.finish(put)?;
    api.run_if(condition, &request, Command::PutProduct(put), mode).await
}

/// Show a product
#[utoipa::path(
    tag = "Products",
    operation_id = "show_product",
    params(("sku" = String, Path, description = "The product", example = "LAMP-RED")),
    responses((status = 200, description = "The product with its batches", body = ProductJson<'static>))
)]
#[get("/v1/products/{sku}")]
pub(super) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let sku = input.path("sku", Sku::from_str);
    let sku = input.finish(sku)?;
    Ok(api.product(sku).await?.response())
}

/// Show what can be promised of a product, by date
///
/// As an order that may be split would get it: each day on which more can leave than before. Units that are kept back are
/// not counted, nor are batches that are no longer offered for being overdue.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_availability",
    params(
        ("sku" = String, Path, description = "The product", example = "LAMP-RED"),
        ("location" = Option<String>, Query, description = "Only from there"),
    ),
    responses((status = 200, description = "What can be promised", body = AvailabilityJson<'static>))
)]
#[get("/v1/products/{sku}/availability")]
pub(super) async fn available(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["location"]);
    let sku = input.path("sku", Sku::from_str);
    let location = query.optional("location", &mut input.faults, Location::from_str);
    let (sku, location) = input.finish(sku.zip(location))?;
    let now = api.now();
    let product = api.ask(|ports| ports.views.product(&sku, now)).await?;
    let Some(product) = product else {
        return Err(unknown_sku(&sku));
    };
    let promised = availability(
        &product.batches,
        product.summary.safety_stock,
        location.as_ref(),
        api.about().promising,
        api.today(),
    );
    Ok(Reply::new(StatusCode::OK, &AvailabilityJson::of(&sku, &promised)).response())
}

/// Show who waits for a product
///
/// Waiting lines in order of service, a page at a time: hand `next` back as `after`.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_backlog",
    params(
        ("sku" = String, Path, description = "The product", example = "LAMP-RED"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of waiting lines", body = BacklogPageJson<'static>))
)]
#[get("/v1/products/{sku}/backlog")]
pub(super) async fn backlog(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let sku = input.path("sku", Sku::from_str);
    let after = query.optional("after", &mut input.faults, service_position);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = sku.zip(after).zip(most);
    let ((sku, after), most) = input.finish(read)?;
    let most = most.unwrap_or(DEFAULT_PAGE);
    let now = api.now();
    let lines = api
        .ask(|ports| ports.views.backlog(&sku, after.as_ref(), now, most + 1))
        .await?;
    let Some(mut lines) = lines else {
        return Err(unknown_sku(&sku));
    };
    let more = lines.len() > most;
    lines.truncate(most);
    let next = lines
        .last()
        .filter(|_| more)
        .map(|line| cursor(&line.record.service_position()));
    let lines: Vec<LineView> = lines.into_iter().map(|line| line.view(now)).collect();
    let items = Each::of(&lines);
    Ok(Reply::new(StatusCode::OK, &BacklogPageJson { items, next }).response())
}

/// A service position as an opaque cursor: its encoding may change, so clients must not take it apart.
fn cursor(position: &ServicePosition) -> String {
    let required_by = position.precedence.required_by();
    // No name contains a control character, so a line end separates them safely.
    let plain = format!(
        "{}\n{}\n{}\n{}\n{}",
        position.precedence.priority().get(),
        required_by.map(|day| day.to_string()).unwrap_or_default(),
        position.placed_at.as_nanosecond(),
        position.key.order,
        position.key.line
    );
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn service_position(cursor: &str) -> Result<ServicePosition, &'static str> {
    const WRONG: &str = "must be `next` of the page before";
    /// The longest that [`cursor`] makes: two numbers, a day, and two names of characters of up to four bytes, in hex.
    const LONGEST: usize = 2 * (12 + 12 + 24 + 2 * (1 + 4 * earmark_domain::MAX_NAME_CHARS));
    let read = || {
        if cursor.len() > LONGEST || !cursor.len().is_multiple_of(2) || !cursor.is_ascii() {
            return None;
        }
        let bytes = (0..cursor.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&cursor[at..at + 2], 16).ok());
        let plain = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
        let mut parts = plain.splitn(5, '\n');
        let priority = Priority::new(parts.next()?.parse::<i32>().ok()?).ok()?;
        let required_by = match parts.next()? {
            "" => None,
            day => Some(day.parse().ok()?),
        };
        Some(ServicePosition {
            precedence: Precedence::of(priority, required_by),
            placed_at: Timestamp::from_nanosecond(parts.next()?.parse().ok()?).ok()?,
            key: LineKey {
                order: OrderId::new(parts.next()?).ok()?,
                line: LineId::new(parts.next()?).ok()?,
            },
        })
    };
    read().ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_position(
            priority in -1_000_000_i32..=1_000_000,
            required_by in proptest::option::of(1_i16..=9_999),
            nanosecond in 0_i64..4_000_000_000_000_000_000,
            order in "\\PC{1,64}",
            line in "\\PC{1,64}",
        ) {
            let (Ok(order), Ok(line)) = (OrderId::new(order), LineId::new(line)) else { return Ok(()) };
            let priority = Priority::new(priority).expect("a priority");
            let required_by = required_by.map(|year| jiff::civil::date(year, 2, 28));
            let given = ServicePosition {
                precedence: Precedence::of(priority, required_by),
                placed_at: Timestamp::from_nanosecond(i128::from(nanosecond)).expect("an instant"),
                key: LineKey { order, line },
            };
            prop_assert_eq!(service_position(&cursor(&given)), Ok(given));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".{0,64}") {
            drop(service_position(&text));
        }
    }
}
