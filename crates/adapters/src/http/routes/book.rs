//! The allocation service of the book "Architecture Patterns with Python", byte for byte, on the same commands as all
//! other calls.
//!
//! Where the book does not say anything (a wrong field, a busy service), the answers are problems as everywhere else.

use std::str::FromStr;

use actix_web::http::header::ContentType;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use earmark_application::CommandError;
use earmark_domain::{
    Allocate, Command, CreateBatch, LineId, LineKey, LineRequest, Location, Locations, OnShortage, OrderId, Reference,
    Refusal, Sku,
};
use jiff::civil::Date;

use crate::http::api::Api;
use crate::http::openapi::schema::{self, BookAllocation, BookError};
use crate::http::request::context::RequestContext;
use crate::http::request::input::{Input, Mode, json};
use crate::http::response::problem::Problem;
use crate::wire::answers::kinds;
use crate::wire::reading::faults::{Faults, shortened};
use crate::wire::reading::fields::{Fields, object};
use crate::wire::reading::values::{date, quantity, text};

/// The day of an ISO date or date-time as written: the book ignores the offset too.
fn day(text: &str) -> Result<Date, String> {
    let wrong = || format!("must be an ISO date or date-time, is \"{}\"", shortened(text));
    let (day, time) = match text.split_once(['T', 't', ' ']) {
        None => return date(text),
        Some((day, time)) => (date(day)?, time),
    };
    let clock = time.trim_end_matches(['Z', 'z']);
    let clock = clock.split_once(['+', '-']).map_or(clock, |(clock, _)| clock);
    // An hour without minutes is valid ISO 8601, but surely a mistake.
    if clock.len() >= 5 && format!("{day}T{clock}").parse::<jiff::civil::DateTime>().is_ok() {
        Ok(day)
    } else {
        Err(wrong())
    }
}

fn batch(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<CreateBatch> {
    let reference = fields.required("ref", faults, text(Reference::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("qty", faults, quantity);
    let eta = fields.optional("eta", faults, text(day));
    Some(CreateBatch {
        reference: reference?,
        sku: sku?,
        quantity: quantity?,
        eta: eta?,
        location: Location::default(),
    })
}

fn line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Allocate> {
    let order = fields.required("orderid", faults, text(OrderId::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("qty", faults, quantity);
    let sku = sku?;
    Some(Allocate {
        line: LineRequest {
            key: LineKey {
                order: order?,
                line: LineId::from(&sku),
            },
            sku,
            quantity: quantity?,
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split: false,
        // The book knows of no grace.
        without_grace: true,
    })
}

fn ok(mut response: actix_web::HttpResponseBuilder) -> HttpResponse {
    response.content_type(ContentType::plaintext()).body("OK")
}

/// Add a batch
///
/// As in the book: adding the same batch again changes nothing.
#[utoipa::path(
    tag = "The book's API",
    operation_id = "book_add_batch",
    request_body = schema::AddBatch,
    responses((status = 201, description = "`OK`", content_type = "text/plain", body = String, example = "OK"))
)]
#[post("/add_batch")]
pub(crate) async fn add_batch(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let batch = object(&json, "", &mut input.faults, batch);
    let batch = input.finish(batch)?;
    match api
        .execute_new(&request, Command::CreateBatch(batch), Mode::default())
        .await?
    {
        Ok(_) => Ok(ok(HttpResponse::Created())),
        Err(error) => Err(Problem::from(&error)),
    }
}

/// Allocate a line
///
/// `OK` in a shortage too: an OutOfStock event reports that.
#[utoipa::path(
    tag = "The book's API",
    operation_id = "book_allocate",
    request_body = schema::AllocateLine,
    responses(
        (status = 202, description = "`OK`", content_type = "text/plain", body = String, example = "OK"),
        (status = 400, description = "The SKU is unknown", body = BookError),
    )
)]
#[post("/allocate")]
pub(crate) async fn allocate(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let body = input.body(api.body_time(), payload).await?;
    let json = json(&body)?;
    let line = object(&json, "", &mut input.faults, line);
    let line = input.finish(line)?;
    let sku = line.line.sku.clone();
    match api
        .execute_new(&request, Command::Allocate(line), Mode::default())
        .await?
    {
        Ok(_) | Err(CommandError::Refused(Refusal::OutOfStock(_))) => Ok(ok(HttpResponse::Accepted())),
        Err(CommandError::Refused(Refusal::UnknownSku(_)) | CommandError::Unknown(Refusal::UnknownSku(_))) => {
            Ok(HttpResponse::BadRequest().json(BookError {
                message: format!("Invalid sku {sku}"),
            }))
        }
        Err(error) => Err(Problem::from(&error)),
    }
}

/// Show the allocations of an order
///
/// One entry for each batch with units of a line; held lines that have expired are left out.
#[utoipa::path(
    tag = "The book's API",
    operation_id = "book_allocations",
    params(("orderid" = String, Path, description = "The order", example = "order-10")),
    responses((status = 200, description = "One entry for each line and batch", body = Vec<BookAllocation>))
)]
#[get("/allocations/{orderid}")]
pub(crate) async fn allocations(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let mut input = Input::without_query(&request);
    let order = input.path("orderid", OrderId::from_str);
    let order = input.finish(order)?;
    let read = api.views(&RequestContext::principal(&request)).order(&order).await;
    let read = read.map_err(|error| Problem::from(&error))?;
    // The view leaves out the units of expired holds, and those that have been dispatched.
    let now = api.now();
    let today = api.day_of(now);
    let allocations: Vec<BookAllocation> = read
        .into_iter()
        .flat_map(|order| order.view(now, today).lines)
        .flat_map(|line| {
            let sku = line.sku;
            line.allocations.into_iter().map(move |part| BookAllocation {
                sku: sku.to_string(),
                batchref: part.batch.to_string(),
            })
        })
        .collect();
    if allocations.is_empty() {
        let detail = format!("nothing is allocated for order {order}");
        return Err(Problem::new(&kinds::NO_ALLOCATIONS, detail).with("order_id", order.as_str()));
    }
    Ok(HttpResponse::Ok().json(allocations))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_eta_is_the_day_of_a_date_or_a_date_time() {
        let expected = jiff::civil::date(2011, 1, 2);
        for good in [
            "2011-01-02",
            "2011-01-02T00:00:00",
            "2011-01-02 23:59",
            "2011-01-02T10:00:00.123456",
            "2011-01-02T23:30:00+02:00",
            "2011-01-02T23:30:00-11:00",
            "2011-01-02T00:00:00Z",
        ] {
            assert_eq!(day(good), Ok(expected), "{good}");
        }
        for bad in [
            "2011-02-30",
            "2011-01-02T25:00:00",
            "2011-01-02T",
            "2011-01-02Tnoon",
            "tomorrow",
            "",
        ] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_day_or_refused(text in "[0-9T:+Z. -]{0,30}|.{0,20}") {
            drop(day(&text));
        }
    }
}
